"""A turn and the filter: what it makes of a sentence counts, and what else it does holds nobody up."""

import asyncio

import attrs
from nexy_core.testing.harness import TurnHarness

from nexy_core import TextFilter

LIMITS = {"turn.filter_timeout_seconds": "0.1", "plugins.breaker_failures": "2"}


class Filter(TextFilter):
    """Shouts; ``then`` says what it does after that, sentence by sentence."""

    def __init__(self, *then):
        self.then = list(then)

    async def process(self, request):
        then = self.then.pop(0) if self.then else ""
        if then == "raise first":
            raise RuntimeError("no")
        yield attrs.evolve(request, shown=request.shown.upper())
        if then == "yield":
            yield attrs.evolve(request, shown="again")
        if then == "raise":
            raise RuntimeError("no")
        if then == "hang":
            await asyncio.Event().wait()


async def ask(harness, text):
    result = await harness.ask(f"say {text}")
    return result.text, result.notes


async def test_failures_that_are_no_row_do_not_switch_it_off():
    async with TurnHarness(Filter("raise first", "", "raise first", "", "raise first", ""), values=LIMITS) as harness:
        for _ in range(3):
            assert await ask(harness, "Yes.") == ("Yes.", ["degrade: filter_failed"])
            assert await ask(harness, "Yes.") == ("YES.", [])


async def test_two_failures_in_a_row_switch_it_off():
    async with TurnHarness(Filter("raise first", "raise first"), values=LIMITS) as harness:
        for _ in range(2):
            assert await ask(harness, "Yes.") == ("Yes.", ["degrade: filter_failed"])
        assert await ask(harness, "Yes.") == ("Yes.", [])


async def test_the_first_sentence_it_gives_is_the_one():
    async with TurnHarness(Filter("yield"), values=LIMITS) as harness:
        assert await ask(harness, "Yes.") == ("YES.", [])


async def test_what_it_does_afterwards_takes_nothing_back():
    async with TurnHarness(Filter("raise", "hang"), values=LIMITS) as harness:
        assert await ask(harness, "Yes.") == ("YES.", ["degrade: filter_failed"])
        assert await ask(harness, "Yes.") == ("YES.", ["degrade: filter_late"])
