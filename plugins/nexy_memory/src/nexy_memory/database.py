"""One database, off the event loop: a writer thread that commits in groups, and a pool of readers."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import peewee

from nexy_core import NexyError, Unavailable
from nexy_memory import failures
from nexy_memory.engines import Engine, migrate
from nexy_memory.jobs import AnyJob, Job, Write, parts

log = logging.getLogger(__name__)
T = TypeVar("T")
_WAKE_AT_ONCE = 4
_BREATH_SECONDS = 0.00002


class Database:
    """Reads and writes through ``engine``.

    A ``write`` that returns is committed and synced. ``Unavailable`` says why one could not be done.
    """

    def __init__(self, engine: Engine, *, readers: int, queue_max: int, batch_max: int) -> None:
        self.engine = engine
        self.moved_aside = ""
        self.written = 0
        self.failure: NexyError | None = None
        self._queue_max, self._batch_max = queue_max, batch_max
        self._readers_max = readers
        self._queue: deque[Write] = deque()
        self._wake = threading.Event()
        self._idle = True
        self._overdue: set[Future[Any]] = set()
        self._users: set[object] = set()
        self._opening = asyncio.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._writer: threading.Thread | None = None
        self._stopping = False

    # --- lifecycle ------------------------------------------------------------------------------

    async def open(self, user: object) -> None:
        """Connect and migrate, once for all users of the object."""
        async with self._opening:
            if not self._users:
                await self._start()
            self._users.add(user)

    async def close(self, user: object) -> None:
        """The last user out writes what is queued and closes every connection."""
        async with self._opening:
            self._users.discard(user)
            if not self._users:
                await self._stop()

    async def _start(self) -> None:
        pool = ThreadPoolExecutor(self._readers_max, thread_name_prefix="nexy-memory-read")
        try:
            self.moved_aside = await asyncio.get_running_loop().run_in_executor(pool, self._prepare)
        except BaseException:
            pool.shutdown(wait=False)
            self.engine.release()
            raise
        self._stopping = False
        self._pool = pool
        self._writer = threading.Thread(target=self._write_loop, name="nexy-memory-write", daemon=True)
        self._writer.start()

    def _prepare(self) -> str:
        try:
            moved = self.engine.prepare()
            for name in migrate(self.engine):
                log.info("schema step applied", extra={"decision": "start", "ctx": {"step": name}})
        except (peewee.PeeweeException, OSError) as error:
            raise failures.translate(error) from error
        finally:
            self.engine.db.close()
        return moved

    async def _stop(self) -> None:
        pool, writer, self._pool, self._writer = self._pool, self._writer, None, None
        if pool is None or writer is None:
            return
        self._stopping = True
        self._wake.set()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(pool, writer.join)
        barrier = threading.Barrier(self._readers_max)
        await asyncio.gather(*(loop.run_in_executor(pool, self._hang_up, barrier) for _ in range(self._readers_max)))
        pool.shutdown()
        self.engine.release()

    def _hang_up(self, barrier: threading.Barrier) -> None:
        barrier.wait()  # one per thread: none may do it twice
        self.engine.db.close()

    # --- use ------------------------------------------------------------------------------------

    async def read(self, job: Job[T]) -> T:
        """Run ``job`` on a reader. Raises ``NexyError`` whatever it raised."""
        if self._pool is None:
            raise Unavailable("The database is closed.", reason=failures.CLOSED)
        reading = self._pool.submit(self._guarded, job)
        try:
            return await asyncio.wrap_future(reading)
        except asyncio.CancelledError:
            if reading.running():
                self._overdue.add(reading)
                reading.add_done_callback(self._overdue.discard)
            raise

    @property
    def overdue(self) -> bool:
        """Whether a read that nobody waits for any more is still under way: the database does not answer now."""
        return bool(self._overdue)

    def _guarded(self, job: Job[T]) -> T:
        try:
            return job(self.engine.db)
        except Exception as error:
            if isinstance(error, peewee.PeeweeException | OSError):
                self.engine.db.close()
            raise failures.translate(error) from error

    async def write(self, job: AnyJob, settled: Callable[[Any], None] | None = None) -> Any:
        """Run ``job`` in a transaction shared with others; returns when that is on the disk.

        ``settled`` is told the result or the error though whoever waits has gone away.
        """
        if self._writer is None:
            raise Unavailable("The database is closed.", reason=failures.CLOSED)
        write = Write(job, asyncio.get_running_loop().create_future(), settled)
        if len(self._queue) >= self._queue_max:
            raise Unavailable("Too many writes are waiting.", reason=failures.BUSY)
        self._queue.append(write)
        if self._idle:
            self._idle = False
            self._wake.set()
        return await write.future

    @property
    def waiting(self) -> int:
        """How many writes wait."""
        return len(self._queue)

    async def scrub(self) -> bool:
        """Take what was deleted out of the files. False: another process still reads; the next one does it."""
        if self._writer is None:
            raise Unavailable("The database is closed.", reason=failures.CLOSED)
        return await self.read(lambda _db: self.engine.scrub())

    # --- the writer thread ----------------------------------------------------------------------

    def _write_loop(self) -> None:
        while batch := self._take():
            self._commit(batch)
        self.engine.db.close()

    def _take(self) -> list[Write]:
        while not self._queue and not self._stopping:
            self._idle = True
            if not self._queue and not self._stopping:  # what came before that line did not wake anybody
                self._wake.wait()
            self._wake.clear()
        count = min(len(self._queue), self._batch_max)
        return [self._queue.popleft() for _ in range(count)]

    def _commit(self, batch: list[Write]) -> None:
        try:
            results = self._transact(batch)
        except Exception as error:  # noqa: BLE001  # whatever a job raised is handed to who asked for it
            self._failed(batch, error)
            return
        self.written += len(batch)
        self.failure = None
        self._settle(batch, results)

    def _transact(self, batch: list[Write]) -> list[Any]:
        results: list[Any] = []
        with self.engine.transaction():
            for part in parts(batch):
                if results:  # a breath, or the loop would get the interpreter back only every 5 ms
                    time.sleep(_BREATH_SECONDS)
                results += self._do(part)
        return results

    def _do(self, jobs: list[AnyJob]) -> list[Any]:
        first = jobs[0]
        if callable(first):
            return [job(self.engine.db) for job in jobs if callable(job)]
        return first.together(self.engine.db, jobs)

    def _failed(self, batch: list[Write], error: Exception) -> None:
        if len(batch) > 1 and not failures.is_systemic(error):
            for write in batch:  # one bad write must not take the others with it
                self._commit([write])
            return
        translated = failures.translate(error)
        if failures.is_systemic(error):
            self.failure = translated
            self.engine.db.close()  # the next batch starts on a fresh connection
        self._settle(batch, [translated] * len(batch))

    @staticmethod
    def _settle(batch: list[Write], results: list[Any]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Write, Any]]] = {}
        for write, result in zip(batch, results, strict=True):
            by_loop.setdefault(write.future.get_loop(), []).append((write, result))
        for loop, pairs in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_resolve, pairs)


def _resolve(pairs: Sequence[tuple[Write, Any]], start: int = 0) -> None:
    """A few at a time: each wakes a task, and hundreds in one turn of the loop would make everybody else late."""
    end = start + _WAKE_AT_ONCE
    for write, result in pairs[start:end]:
        if write.settled is not None:
            write.settled(result)
        future = write.future
        if future.done():
            continue
        if isinstance(result, NexyError):
            future.set_exception(result)
        else:
            future.set_result(result)
    if end < len(pairs):
        asyncio.get_running_loop().call_soon(_resolve, pairs, end)


def now() -> float:
    """The time, as stored."""
    return time.time()
