"""Entry point of nexy-memory: two roles, ``memory`` and ``store``, on one database."""

from collections.abc import Iterable
from typing import Any

from nexy_core import Capability, LiveSettings, Setting, hookimpl
from nexy_memory import options


@hookimpl
def nexy_settings() -> Iterable[Setting]:
    """What this plugin can be told."""
    return options.declared()


@hookimpl
def nexy_capabilities(settings: LiveSettings) -> Iterable[Capability[Any, Any]]:
    """Memory and store."""
    from nexy_memory.database import Database
    from nexy_memory.engines import engine_for
    from nexy_memory.memory import UserMemory
    from nexy_memory.store import UsageStore

    database = Database(
        engine_for(settings.current),
        readers=settings.get("storage.readers", int),
        queue_max=settings.get("storage.queue_max", int),
        batch_max=settings.get("storage.batch_max", int),
    )
    return UserMemory(settings, database), UsageStore(database)
