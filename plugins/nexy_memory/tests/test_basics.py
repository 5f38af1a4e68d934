import pytest
from nexy_memory import store

from nexy_core import Exchange, QueryUsage, Stored, StoreUsage, UsageTotals, ValidationFailed

pytestmark = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)


def report(tokens=1, source="cli", model="m"):
    return StoreUsage("A", "s1", source, model, tokens, 2 * tokens)


async def test_the_next_turn_knows_the_last_one_and_that_it_was_cut(start):
    async with start() as server:
        await server.say("Hello", "Hi!", turn="1")
        await server.say("Tell me a story", "Once upon", turn="2", generation=2, cut=True)
        assert await server.recall("go on") == [
            Exchange("Hello", "Hi!"),
            Exchange("Tell me a story", "Once upon", True),
        ]


async def test_another_device_sees_nothing(start):
    async with start() as server:
        await server.say("Hello", "Hi!")
        assert await server.recall(device="B") == []


async def test_usage_survives_a_restart(start):
    async with start() as server:
        assert await server.count(report(10)) == [Stored()]
        assert await server.count(report(5)) == [Stored()]
    async with start() as server:
        assert await server.count(QueryUsage()) == [UsageTotals(2, 15, 30)]


async def test_usage_of_endless_models_ends_as_other(start, monkeypatch):
    monkeypatch.setattr(store, "_DISTINCT_MAX", 10)
    async with start() as server:
        for index in range(25):
            await server.count(report(model=f"m{index}"))
        assert await server.count(QueryUsage()) == [UsageTotals(25, 25, 50)]
        assert await server.rows("SELECT count(*) FROM usage") == [(11,)]


async def test_negative_counts_are_refused(start):
    async with start() as server:
        with pytest.raises(ValidationFailed):
            await server.count(report(-1))


async def test_cleanup_twice_is_harmless_and_leaves_no_thread(start):
    import threading

    async with start() as server:
        await server.count(report())
        await server.memory.cleanup()
        await server.memory.cleanup()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("nexy-memory")]
