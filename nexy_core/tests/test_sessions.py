"""Live turns and COLLECT buffers."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_core.errors import StreamLimitExceeded
from nexy_core.sessions import CollectBuffers, LiveTurns, StopReason


def test_a_session_has_one_turn_at_a_time():
    turns = LiveTurns()
    turn = turns.open("A", "s")
    with pytest.raises(StreamLimitExceeded):
        turns.open("A", "s")
    turns.open("B", "s")  # another device that guessed the id disturbs nobody
    turns.close(turn)
    turns.open("A", "s")


def test_generations_only_grow():
    turns = LiveTurns()
    first = turns.open("A", "1")
    turns.close(first)
    assert turns.open("A", "1").live.generation > first.live.generation


async def test_a_turn_stops_once_and_keeps_its_reason():
    turns = LiveTurns()
    turn = turns.open("A", "1")
    turn.task = asyncio.create_task(asyncio.Event().wait())
    assert turn.stop(StopReason.INTERRUPTED)
    assert not turn.stop(StopReason.SHUTDOWN)
    await asyncio.wait([turn.task])
    assert turn.stop_reason is StopReason.INTERRUPTED


async def test_drained_waits_for_the_last_turn():
    turns = LiveTurns()
    turn = turns.open("A", "1")
    waiting = asyncio.create_task(turns.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    turns.close(turn)
    await asyncio.wait_for(waiting, 1)


def test_the_last_non_empty_value_of_each_field_wins():
    buffers = CollectBuffers()
    key = ("A", "s")
    buffers.update(key, 0.0, 1, "what is", "", (0, 0))
    buffers.update(key, 0.0, 2, "", "c2hvdA==", (1280, 720))
    buffers.update(key, 0.0, 4, "what is the capital", "", (0, 0))
    buffers.update(key, 0.0, 3, "late and older", "", (0, 0))
    taken = buffers.take(key)
    assert (taken.text, taken.screenshot, taken.screen_width) == ("what is the capital", "c2hvdA==", 1280)
    assert buffers.take(key) is None
    assert buffers.size_bytes == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.text(max_size=30)), max_size=80))
def test_buffers_never_exceed_their_caps(messages):
    buffers = CollectBuffers()
    for at, (device, seq, text) in enumerate(messages):
        buffers.update((str(device), "s"), float(at), seq, text, "", (0, 0))
        buffers.trim(float(at), ttl_seconds=20, max_count=3, max_bytes=50)
        assert len(buffers) <= 3
        assert buffers.size_bytes <= 50


def test_buffers_expire():
    buffers = CollectBuffers()
    buffers.update(("A", "s"), 0.0, 1, "hello", "", (0, 0))
    assert buffers.trim(now=9.0, ttl_seconds=10, max_count=10, max_bytes=1000) == 0
    assert buffers.trim(now=11.0, ttl_seconds=10, max_count=10, max_bytes=1000) == 1
    assert len(buffers) == 0
