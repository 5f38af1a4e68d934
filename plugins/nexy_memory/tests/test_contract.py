"""The contract every plugin keeps."""

import pytest
from nexy_core.testing.kit import check_plugin


@pytest.mark.timeout(180)
def test_the_plugin_keeps_the_contract(tmp_path):
    report = check_plugin("memory", {"storage.data_dir": str(tmp_path)})
    assert report.ok, str(report)
