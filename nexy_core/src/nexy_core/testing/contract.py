"""The contract as a test class: subclass it, name the plugin, run pytest (needs ``nexy-core[sdk]``)."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from nexy_core.testing.kit import Report, Rule, check_plugin


class PluginContract:
    """One test for each rule of the contract; the plugin is checked once.

    ``plugin`` is an installed plugin's name, or ``name=module``; ``settings`` are full keys and texts.
    """

    plugin: ClassVar[str] = ""
    settings: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(scope="class")
    @classmethod
    def report(cls) -> Report:
        """What the kit found."""
        return check_plugin(cls.plugin, cls.settings)

    @pytest.mark.parametrize("rule", Rule, ids=lambda rule: rule.code)
    def test_rule(self, report: Report, rule: Rule) -> None:
        """The rule holds; a failure prints what was seen and how to mend it."""
        broken = [finding for finding in report.findings if finding.rule is rule and not finding.ok]
        assert not broken, str(report)
