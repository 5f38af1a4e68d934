"""What goes on around a turn: memory looks ahead while the user speaks, and is never in the turn's way."""

import asyncio

from nexy_core.errors import Unavailable
from nexy_core.events import Fact, Recall
from nexy_core.testing.fakes import FakeMemory
from nexy_core.testing.harness import TurnHarness

LIMIT_SECONDS = 10


class Watched(FakeMemory):
    """Says when it is asked ahead, and hangs there until ``go_on``."""

    def __init__(self):
        super().__init__("tea is good")
        self.ahead, self.cut = [], 0
        self.asked, self.go_on, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def process(self, request):
        if not (isinstance(request, Recall) and request.ahead):
            async for event in super().process(request):
                yield event
            return
        self.ahead.append(request.text)
        self.asked.set()
        try:
            await self.go_on.wait()
            yield Fact("nobody reads this")
        except asyncio.CancelledError:
            self.cut += 1
            raise
        finally:
            self.ended.set()


async def soon(event):
    await asyncio.wait_for(event.wait(), LIMIT_SECONDS)


async def test_one_look_ahead_at_a_time_and_the_next_after_it():
    memory = Watched()
    async with TurnHarness(memory) as turns:
        turns.hear("what")
        await soon(memory.asked)
        turns.hear("what is")
        turns.hear("what", hardware_id="another")
        memory.go_on.set()
        await soon(memory.ended)
        memory.asked.clear()
        while not memory.asked.is_set():
            turns.hear("what is good")
            await asyncio.sleep(0)
    assert memory.ahead[:2] == ["what", "what"]
    assert "what is" not in memory.ahead
    assert memory.ahead[-1] == "what is good"


async def test_the_question_neither_waits_for_the_look_ahead_nor_cuts_it():
    memory = Watched()
    async with TurnHarness(memory, values={"turn.recall_timeout_seconds": "60"}) as turns:
        turns.hear("recall")
        await soon(memory.asked)
        result = await turns.ask("recall")
        assert not memory.ended.is_set()
        memory.go_on.set()
        await soon(memory.ended)
        assert memory.cut == 0
        assert result.error is None
        assert "tea is good" in result.text
        assert "nobody reads this" not in result.text


async def test_a_look_ahead_that_hangs_ends_by_itself():
    memory = Watched()
    async with TurnHarness(memory, values={"turn.recall_timeout_seconds": "0.05"}) as turns:
        turns.hear("recall")
        await soon(memory.ended)
        assert memory.cut == 1


async def test_without_memory_or_with_a_failing_one_nothing_happens():
    class Broken(FakeMemory):
        async def process(self, request):
            if isinstance(request, Recall) and request.ahead:
                raise Unavailable("Down.", reason="down")
            async for event in super().process(request):
                yield event

    for capabilities in ((), (Broken(),)):
        async with TurnHarness(*capabilities) as turns:
            turns.hear("hello")
            assert (await turns.ask("say Hello.")).error is None
