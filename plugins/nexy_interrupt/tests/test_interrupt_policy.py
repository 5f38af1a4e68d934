"""Which turns an interrupt stops."""

from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_interrupt.plugin import nexy_capabilities, nexy_settings

from nexy_core import Cancel, Interrupt, LiveSettings, LiveTurn, Settings

devices = st.sampled_from(["A", "B"])
turns = st.lists(
    st.builds(LiveTurn, st.uuids().map(str), st.just("s"), devices, st.integers(0, 1000)), unique_by=lambda t: t.turn_id
)


async def stopped(live, which="all", device="A"):
    settings = LiveSettings(Settings("local", {"interrupt.which": which}, {}))
    (policy,) = nexy_capabilities(settings)
    async with aclosing(policy.process(Interrupt(device, tuple(live)))) as events:
        return [event async for event in events]


@given(turns)
async def test_all_turns_of_the_device_and_no_other_are_stopped(live):
    assert {cancel.turn_id for cancel in await stopped(live)} == {t.turn_id for t in live if t.hardware_id == "A"}


@given(turns)
async def test_newest_and_oldest_stop_one_turn_by_generation(live):
    ours = [turn.generation for turn in live if turn.hardware_id == "A"]
    by_id = {turn.turn_id: turn.generation for turn in live}
    for which, best in (("newest", max), ("oldest", min)):
        assert [by_id[cancel.turn_id] for cancel in await stopped(live, which)] == ([best(ours)] if ours else [])


async def test_nothing_running_stops_nothing():
    assert await stopped([]) == []


async def test_the_setting_is_read_at_each_interrupt():
    settings = LiveSettings(Settings("local", {"interrupt.which": "all"}, {}))
    (policy,) = nexy_capabilities(settings)
    live = (LiveTurn("1", "s", "A", 1), LiveTurn("2", "s", "A", 2))
    settings.current = Settings("local", {"interrupt.which": "oldest"}, {})
    assert [event async for event in policy.process(Interrupt("A", live))] == [Cancel("1")]


def test_the_setting_is_declared_with_its_choices():
    (setting,) = nexy_settings()
    assert (setting.key, setting.default, setting.live) == ("interrupt.which", "all", True)
    assert set(setting.choices) == {"all", "oldest", "newest"}


@pytest.mark.parametrize("which", ["all", "oldest", "newest"])
async def test_a_turn_of_another_device_is_never_stopped(which):
    assert await stopped([LiveTurn("1", "s", "B", 1)], which) == []
