"""The entry point: what ``nexy-updates`` brings to the server."""

from collections.abc import Iterable
from typing import Any

from nexy_core import Capability, LiveSettings, Setting, hookimpl
from nexy_updates.capability import UpdateSite
from nexy_updates.settings import SETTINGS


@hookimpl
def nexy_capabilities(settings: LiveSettings) -> Iterable[Capability[Any, Any]]:
    return (UpdateSite(settings),)


@hookimpl
def nexy_settings() -> Iterable[Setting]:
    return SETTINGS
