"""What a check measures: how long the loop was held, and what was left behind."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import attrs
import psutil

TICK_SECONDS = 0.005
SETTLE_SECONDS = 2.0


@attrs.define
class Lag:
    """The longest time the loop was held, in milliseconds."""

    longest_ms: float = 0.0


@asynccontextmanager
async def loop_lag() -> AsyncGenerator[Lag]:
    """Measure the loop while the block runs."""
    lag = Lag()

    async def tick() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.perf_counter()
            lag.longest_ms = max(lag.longest_ms, (now - last - TICK_SECONDS) * 1000)
            last = now

    ticker = asyncio.create_task(tick())
    await asyncio.sleep(0)
    try:
        yield lag
        await asyncio.sleep(2 * TICK_SECONDS)
    finally:
        ticker.cancel()
        await asyncio.wait([ticker])


@attrs.frozen
class Traces:
    """The tasks, threads and child processes that exist at one moment."""

    tasks: frozenset[asyncio.Task[object]]
    threads: frozenset[threading.Thread]
    children: frozenset[int]

    @classmethod
    def now(cls) -> "Traces":
        """Those that exist now."""
        children = frozenset(child.pid for child in psutil.Process().children(recursive=True))
        return cls(frozenset(asyncio.all_tasks()), frozenset(threading.enumerate()), children)

    def new_tasks(self) -> list[str]:
        """Tasks that were not there."""
        return [f"task {task.get_name()} in {task.get_coro()}" for task in asyncio.all_tasks() - self.tasks]

    def new_others(self) -> list[str]:
        """Threads and child processes that were not there."""
        now = Traces.now()
        threads = [f"thread {thread.name}" for thread in now.threads - self.threads if thread.is_alive()]
        return [*threads, *(f"process {pid}" for pid in now.children - self.children)]


async def settled(leftovers: Callable[[], list[str]], limit_seconds: float = SETTLE_SECONDS) -> list[str]:
    """What is still there after a moment to go."""
    deadline = time.monotonic() + limit_seconds
    while (left := leftovers()) and time.monotonic() < deadline:  # noqa: ASYNC110  # threads tell nobody
        await asyncio.sleep(TICK_SECONDS)
    return left
