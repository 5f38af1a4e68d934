"""The look-ahead: order, bound, errors after the items before them, and a source that is always closed."""

import asyncio

import pytest
from nexy_core.streams import lookahead


async def numbers(count, log, fail=False):
    try:
        for number in range(count):
            log.append(number)
            yield number
        if fail:
            raise ValueError("late")
    finally:
        log.append("closed")


async def test_yields_everything_in_order_and_closes_the_source():
    log = []
    assert [item async for item in lookahead(numbers(5, log), 2)] == [0, 1, 2, 3, 4]
    assert log[-1] == "closed"


async def test_never_runs_more_than_its_size_ahead():
    log = []
    ahead = lookahead(numbers(50, log), 3)
    first = await anext(ahead)
    for _ in range(20):
        await asyncio.sleep(0)
    assert first == 0
    assert max(item for item in log if item != "closed") <= 5
    await ahead.aclose()
    assert log[-1] == "closed"


async def test_an_error_comes_after_the_items_before_it():
    items = []
    with pytest.raises(ValueError, match="late"):
        async for item in lookahead(numbers(3, [], fail=True), 2):
            items.append(item)
    assert items == [0, 1, 2]


async def test_cancelling_the_reader_closes_a_source_that_hangs():
    closed = asyncio.Event()

    async def hanging():
        try:
            await asyncio.Event().wait()
            yield 1
        finally:
            closed.set()

    async def read():
        async for _ in lookahead(hanging(), 1):
            pass

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await asyncio.wait_for(closed.wait(), 1)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
