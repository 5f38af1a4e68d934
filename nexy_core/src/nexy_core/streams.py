"""Async iterators that are always closed, and a bounded look-ahead: what lets the model write while speech is made."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TypeVar, cast

ItemT = TypeVar("ItemT")


def closing(source: AsyncIterator[ItemT]) -> aclosing[AsyncGenerator[ItemT]]:
    """``aclosing`` for a capability's iterator: leaving the block runs its ``finally`` at once."""
    return aclosing(cast("AsyncGenerator[ItemT]", source))


class _End:
    """Marks the end of the items."""


async def lookahead(source: AsyncGenerator[ItemT], size: int) -> AsyncIterator[ItemT]:
    """Yield ``source``'s items while it runs at most ``size`` items ahead.

    Raises what the source raises, after the items before it. Closing it closes the source first.
    """
    queue: asyncio.Queue[ItemT | _End] = asyncio.Queue()
    room = asyncio.Semaphore(size)

    async def fill() -> None:
        async with aclosing(source) as items:
            async for item in items:
                await room.acquire()
                queue.put_nowait(item)

    filler = asyncio.create_task(fill())
    filler.add_done_callback(lambda _: queue.put_nowait(_End()))
    try:
        while not isinstance(item := await queue.get(), _End):
            room.release()
            yield item
        filler.result()
    finally:
        if not filler.done():
            filler.cancel()
            await asyncio.wait([filler])
