"""What the two roles share: the settings and one database, made when the first of them starts."""

from __future__ import annotations

import asyncio
import importlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import attrs

from nexy_core import Degraded, Health, LiveSettings, Status

if TYPE_CHECKING:
    from nexy_memory.database import Database


@attrs.define(eq=False)
class Shared:
    """Handed to both capabilities."""

    settings: LiveSettings
    _database: Database | None = attrs.field(default=None, init=False)

    async def load(self, module: str) -> None:
        """Import ``module`` off the loop: the drivers and numpy take half a second."""
        pool = ThreadPoolExecutor(1, thread_name_prefix="nexy-memory-import")
        try:
            await asyncio.get_running_loop().run_in_executor(pool, importlib.import_module, module)
        finally:
            pool.shutdown(wait=False)

    def database(self) -> Database:
        """The one database."""
        from nexy_memory.database import Database
        from nexy_memory.engines import engine_for

        if self._database is None:
            self._database = Database(
                engine_for(self.settings.current),
                readers=self.settings.get("storage.readers", int),
                queue_max=self.settings.get("storage.queue_max", int),
                batch_max=self.settings.get("storage.batch_max", int),
            )
        return self._database


def not_started() -> Degraded:
    """For a request before ``initialize`` or after ``cleanup``."""
    return Degraded("Memory is not running.", reason="not_running")


def database_status(database: Database) -> Status:
    """How the database is."""
    figures = {"written": database.written, "waiting": database.waiting}
    if database.failure is not None:
        return Status(Health.DEGRADED, database.failure.message, figures)
    if database.moved_aside:
        return Status(Health.READY, f"The damaged database was moved to {database.moved_aside}.", figures)
    return Status(Health.READY, figures=figures)
