"""The contract kit: every rule a capability keeps, checked against the real plugin."""

from nexy_core.testing.kit.kit import check_plugin
from nexy_core.testing.kit.rules import Finding, Report, Rule

__all__ = ["Finding", "Report", "Rule", "check_plugin"]
