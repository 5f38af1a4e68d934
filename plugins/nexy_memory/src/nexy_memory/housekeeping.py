"""What goes on beside the turns: retries, erasures made elsewhere, missing embeddings, retention."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from nexy_core import NexyError, Settings
from nexy_memory import erase
from nexy_memory.database import Database, now
from nexy_memory.models import Erasure, Memory, Session, Turn, Usage

log = logging.getLogger(__name__)
TICK_SECONDS = 1.0
_RETENTION_SECONDS = 3_600.0
_DAY_SECONDS = 86_400.0
_KEEP_ERASURES_DAYS = 3_650
_KEEP_SUPERSEDED_DAYS = 30


class Housekeeping:
    """Runs ``every_tick`` about once a second and the retention once an hour, until ``stop``."""

    def __init__(self, settings: Settings, database: Database, every_tick: Callable[[], Awaitable[object]]) -> None:
        self._settings = settings
        self._database = database
        self._every_tick = every_tick
        self._task: asyncio.Task[None] | None = None
        self.scrub_due = False

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="nexy-memory-housekeeping")

    async def stop(self) -> None:
        """End, between two writes."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        retention_at = 0.0
        while True:
            try:
                if time.monotonic() >= retention_at:
                    retention_at = time.monotonic() + _RETENTION_SECONDS
                    await self.retain()
                await self._every_tick()
                if self.scrub_due:
                    await self.scrub()
            except NexyError as error:
                log.debug("memory housekeeping waits", extra={"decision": "degrade", "ctx": {"reason": error.reason}})
            await asyncio.sleep(TICK_SECONDS)

    async def scrub(self) -> None:
        """Take erased bytes out of the files; tried again while another process reads them."""
        self.scrub_due = True
        self.scrub_due = not await self._database.scrub()

    async def retain(self) -> int:
        """Delete what is past its time; returns how many rows went."""
        gone: int = await self._database.write(self._expire)
        if gone:
            self.scrub_due = True
            log.info("old data deleted", extra={"decision": "complete", "ctx": {"rows": gone}})
        return gone

    def _expire(self, db: object) -> int:
        at = now()
        gone = erase.old(db, Memory, Memory.expires_at.is_null(False) & (Memory.expires_at <= at))
        superseded = Memory.superseded_by.is_null(False) & (
            Memory.created_at < at - _KEEP_SUPERSEDED_DAYS * _DAY_SECONDS
        )
        gone += erase.old(db, Memory, superseded)
        gone += self._older(db, Turn, Turn.at, "memory.keep_turns_days")
        gone += erase.old(db, Session, Session.id.not_in(Turn.select(Turn.session).distinct()))
        gone += self._older_usage(db)
        return gone + erase.old(db, Erasure, Erasure.at < at - _KEEP_ERASURES_DAYS * _DAY_SECONDS)

    def _older(self, db: object, model: object, column: object, setting: str) -> int:
        days = self._settings.get(setting, int)
        return erase.old(db, model, column < now() - days * _DAY_SECONDS) if days else 0  # type: ignore[operator]

    def _older_usage(self, db: object) -> int:
        days = self._settings.get("storage.keep_usage_days", int)
        if not days:
            return 0
        oldest = int(time.strftime("%Y%m%d", time.gmtime(now() - days * _DAY_SECONDS)))
        return erase.old(db, Usage, Usage.day < oldest)
