"""Finding, checking, registering and isolating plugins."""

from nexy_core.plugins.reasons import Phase, PluginError, PluginState, Reason

__all__ = ["Phase", "PluginError", "PluginState", "Reason"]
