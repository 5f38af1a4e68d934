"""Entry point of nexy-memory: two roles, ``memory`` and ``store``, on one database."""

from collections.abc import Iterable
from typing import Any

from nexy_core import Capability, LiveSettings, Setting, hookimpl
from nexy_memory import options
from nexy_memory.memory import UserMemory
from nexy_memory.shared import Shared
from nexy_memory.store import UsageStore


@hookimpl
def nexy_settings() -> Iterable[Setting]:
    """What this plugin can be told."""
    return options.declared()


@hookimpl
def nexy_capabilities(settings: LiveSettings) -> Iterable[Capability[Any, Any]]:
    """Memory and store."""
    shared = Shared(settings)
    return UserMemory(shared), UsageStore(shared)
