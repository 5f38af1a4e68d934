"""The four hooks of a plugin. Each is called a few times at start, never per turn."""

from collections.abc import Iterable
from typing import Any

import pluggy

from nexy_core.capability import Capability
from nexy_core.errors import ErrorType
from nexy_core.events import Action
from nexy_core.settings import LiveSettings, Setting

PROJECT = "nexy"
API_VERSION = "1.0"
"""The plugin API: the major number changes when a plugin made for the old one may break."""
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(historic=True)
def nexy_capabilities(settings: LiveSettings) -> Iterable[Capability[Any, Any]]:  # type: ignore[empty-body]
    """Hand over the plugin's capability objects, once. Make them cheap: load in ``initialize``."""


@hookspec
def nexy_settings() -> Iterable[Setting]:  # type: ignore[empty-body]
    """Declare the plugin's own settings."""


@hookspec
def nexy_actions() -> Iterable[Action]:  # type: ignore[empty-body]
    """Declare commands the assistant may ask the client for."""


@hookspec(firstresult=True)
def nexy_classify_error(error: BaseException) -> ErrorType | None:
    """Name the type of an exception of the plugin's own libraries; ``None`` for one it does not know."""
