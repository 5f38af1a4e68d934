"""The contract every plugin keeps."""

from nexy_core.testing.contract import PluginContract


class TestContract(PluginContract):
    plugin = "filter"
