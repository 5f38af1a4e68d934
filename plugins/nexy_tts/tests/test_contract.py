"""The contract every plugin keeps, with the real voice."""

from nexy_core.testing.contract import PluginContract


class TestContract(PluginContract):
    plugin = "tts"
