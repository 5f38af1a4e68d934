"""Entry point of nexy-filter: one role, ``filter``."""

from collections.abc import Iterable
from typing import Any

from nexy_core import Capability, LiveSettings, Setting, hookimpl
from nexy_filter import options


@hookimpl
def nexy_settings() -> Iterable[Setting]:
    """What this plugin can be told."""
    return options.declared()


@hookimpl
def nexy_capabilities(settings: LiveSettings) -> Iterable[Capability[Any, Any]]:
    """The filter."""
    from nexy_filter.capability import SentenceFilter

    return (SentenceFilter(settings),)
