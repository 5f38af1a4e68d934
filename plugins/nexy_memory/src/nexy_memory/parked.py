"""Writes that could not be made, kept for later: bounded, and honest about what it drops."""

import asyncio
import logging
from collections import deque
from functools import partial
from typing import Any

import attrs

from nexy_core import Unavailable
from nexy_memory import failures
from nexy_memory.database import Database
from nexy_memory.jobs import AnyJob

log = logging.getLogger(__name__)


@attrs.define
class Parked:
    """The newest ``limit`` writes that failed for a passing reason, in order."""

    database: Database
    limit: int
    dropped: int = 0
    _jobs: deque[tuple[str, AnyJob]] = attrs.field(factory=deque, init=False)
    _under_way: dict[str, int] = attrs.field(factory=dict, init=False)
    _moved: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _last: set[asyncio.Task[Any]] = attrs.field(factory=set, init=False)

    async def write(self, user: str, job: AnyJob) -> Any:
        """Write now; what fails for a passing reason is kept for ``flush``, and the failure raised all the same.

        It is written or kept though whoever asked goes away.
        """
        self._under_way[user] = self._under_way.get(user, 0) + 1
        try:
            return await self.database.write(job, partial(self._settled, user, job))
        except Unavailable as error:
            if error.reason in {failures.BUSY, failures.CLOSED}:  # it has not even begun
                self._settled(user, job, error)
            raise

    def _settled(self, user: str, job: AnyJob, result: object) -> None:
        left = self._under_way[user] - 1
        if left:
            self._under_way[user] = left
        else:
            del self._under_way[user]
            self._moved.set()
        self._failed(user, job, result)

    def _failed(self, user: str, job: AnyJob, result: object) -> None:
        if isinstance(result, Unavailable) and result.reason in failures.RETRYABLE:
            self._keep(user, job, result.reason)

    async def write_last(self, user: str, job: AnyJob) -> Any:
        """As ``write``, after all of the user that is under way or kept: what it erases must not come after it."""
        task = asyncio.create_task(self._write_last(user, job))
        self._last.add(task)
        task.add_done_callback(self._last.discard)
        return await asyncio.shield(task)

    async def _write_last(self, user: str, job: AnyJob) -> Any:
        while user in self._under_way:
            self._moved.clear()
            await self._moved.wait()
        if any(name == user for name, _ in self._jobs) and not await self.flush():
            self._keep(user, job, failures.LOCKED)
            raise Unavailable("The database cannot be written yet.", reason=failures.LOCKED)
        return await self.write(user, job)

    def _keep(self, user: str, job: AnyJob, reason: str) -> None:
        self._jobs.append((user, job))
        if len(self._jobs) > self.limit:
            self._jobs.popleft()
            self._drop(1, reason)

    def _drop(self, count: int, reason: str) -> None:
        self.dropped += count
        log.warning(
            "memory dropped a turn that could not be written",
            extra={"decision": "degrade", "ctx": {"reason": reason, "count": count, "dropped": self.dropped}},
        )

    async def flush(self) -> bool:
        """Write what is kept, oldest first. False: it still cannot be written."""
        while self._jobs:
            user, job = self._jobs[0]
            try:
                await self.database.write(job)
            except Unavailable as error:
                if error.reason in failures.RETRYABLE:
                    return False
                self._drop(1, error.reason)
            if self._jobs and self._jobs[0] == (user, job):
                self._jobs.popleft()
        return True

    def forget(self, user: str) -> int:
        """Drop what is kept of a user, for they asked to be forgotten."""
        before = len(self._jobs)
        self._jobs = deque(entry for entry in self._jobs if entry[0] != user)
        return before - len(self._jobs)

    async def close(self) -> None:
        """One last try."""
        await asyncio.gather(*self._last, return_exceptions=True)
        if self._jobs and not await self.flush():
            self._drop(len(self._jobs), "shutdown")
            self._jobs.clear()

    def __len__(self) -> int:
        return len(self._jobs)
