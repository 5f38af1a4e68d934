"""Run a plugin's coroutine with an end: in time, and whatever it raises."""

import asyncio
from collections.abc import Awaitable, Callable

GRACE_SECONDS = 0.5
"""How long a cancelled coroutine may take to give up before it is left behind."""


async def bounded(work: Callable[[], Awaitable[object]], timeout_seconds: float) -> BaseException | None:
    """Run ``work`` and return what went wrong: ``TimeoutError`` when it took too long, ``None`` when all is well.

    Never raises, besides the caller's own cancellation. Work that ignores its cancellation is left behind.
    """
    task = asyncio.create_task(_guarded(work))
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if done:
        return task.result()
    task.cancel()
    await asyncio.wait({task}, timeout=GRACE_SECONDS)
    return TimeoutError(f"it took longer than {timeout_seconds:g} s")


async def _guarded(work: Callable[[], Awaitable[object]]) -> BaseException | None:
    """Turn exceptions into values: a ``SystemExit`` that reached the task would end the whole process."""
    try:
        await work()
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  # isolation
        return error
    return None
