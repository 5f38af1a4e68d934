"""What a question has to wait for: one read at most, and none where it was announced or the user spoke of late."""

import asyncio
import threading

import pytest
from nexy_memory import memories, shelves
from nexy_memory.housekeeping import Housekeeping
from nexy_memory.models import Memory

from nexy_core import Exchange, Fact, Forget, Recall

pytestmark = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
AHEAD = Recall("A", "s1", "what is my", ahead=True)
LIMIT_SECONDS = 20


@pytest.fixture(autouse=True)
def nothing_else_reads(monkeypatch):
    monkeypatch.setattr(Housekeeping, "start", lambda _: None)


@pytest.fixture
def reads(monkeypatch):
    """Which users' rows were read, in order."""
    seen = []

    def shelved(db, user, *, semantic):
        seen.append(user)
        return original(db, user, semantic=semantic)

    original = memories.shelved
    monkeypatch.setattr(memories, "shelved", shelved)
    return seen


class Gate:
    """Holds every reader of rows until it is opened."""

    def __init__(self, monkeypatch):
        self.reached, self.open, self.passed = threading.Event(), threading.Event(), 0
        self._original = shelves.fetch
        monkeypatch.setattr(shelves, "fetch", self._fetch)

    def _fetch(self, *args, **named):
        self.reached.set()
        self.open.wait(LIMIT_SECONDS)
        self.passed += 1
        return self._original(*args, **named)


async def test_the_first_question_of_a_user_is_one_read(start):
    async with start(memory__consent=True) as server:
        await server.say("Remember that my cat is called Bob", "Fine.")
    async with start(memory__consent=True) as server:
        database, count = server.memory._work._database, 0
        original = database.read

        async def counted(job):
            nonlocal count
            count += 1
            return await original(job)

        database.read = counted
        answer = await server.recall("what is my cat called")
        database.read = original
        assert answer == [Exchange("Remember that my cat is called Bob", "Fine."), Fact("my cat is called Bob")]
        assert count == 1


async def test_a_question_that_comes_while_memory_gets_ready_waits_for_that_and_reads_nothing(start, monkeypatch):
    async with start(memory__consent=True) as server:
        await server.say("Remember that my cat is called Bob")
        gate = Gate(monkeypatch)
        ahead = asyncio.create_task(server.ask(AHEAD))
        await asyncio.to_thread(gate.reached.wait, LIMIT_SECONDS)
        question = asyncio.create_task(server.facts("what is my cat called"))
        gate.open.set()
        assert await question == ["my cat is called Bob"]
        assert await ahead == []
        assert gate.passed == 1


async def test_a_question_that_comes_while_memory_gets_ready_hears_what_was_forgotten_meanwhile(start, monkeypatch):
    async with start(memory__consent=True) as server:
        await server.say("Remember that my cat is called Bob")
        gate = Gate(monkeypatch)
        ahead = asyncio.create_task(server.ask(AHEAD))
        await asyncio.to_thread(gate.reached.wait, LIMIT_SECONDS)
        await server.say("Forget everything")
        question = asyncio.create_task(server.facts("what is my cat called"))
        gate.open.set()
        assert await question == []
        await ahead
        assert gate.passed == 2


async def test_what_another_process_erased_while_it_was_read_does_not_come_back(start, monkeypatch):
    async with start(memory__consent=True) as server:
        await server.say("I live in Valparaiso")
    async with start(memory__consent=True) as server, start(memory__consent=True) as other:
        gate = Gate(monkeypatch)
        question = asyncio.create_task(server.recall("where do I live"))
        await asyncio.to_thread(gate.reached.wait, LIMIT_SECONDS)
        await other.ask(Forget("A"))
        await server.memory._work._forgetting.follow()
        gate.open.set()
        assert await question == []
        assert await server.recall() == []


async def test_a_look_ahead_that_fails_leaves_the_question_to_itself(start, monkeypatch):
    async with start(memory__consent=True) as server:
        await server.say("Remember that my cat is called Bob")
        gate = Gate(monkeypatch)
        ahead = asyncio.create_task(server.ask(AHEAD))
        await asyncio.to_thread(gate.reached.wait, LIMIT_SECONDS)
        question = asyncio.create_task(server.facts("what is my cat called"))
        await asyncio.sleep(0)
        ahead.cancel()
        gate.open.set()
        assert await question == ["my cat is called Bob"]


async def test_after_a_restart_those_who_spoke_last_are_at_hand(start, reads):
    async with start(memory__consent=True) as server:
        for device in "ABCD":
            await server.say(f"Remember that my cat is called {device}{device}", device=device)
        await server.say("Hello", device="E")
        await server.say("Hello again", device="B", session="s2")
        keys = {device: server.memory._work._user(Recall(device, "s", "")) for device in "ABCDE"}
    async with start(memory__consent=True) as server:
        facts = server.memory._work._facts
        await facts.warm_up()
        assert reads == [keys[device] for device in "BDCA"]
        reads.clear()
        await facts.warm_up()
        for device in "ABCD":
            assert await server.facts("what is my cat called", device=device) == [f"my cat is called {device * 2}"]
        assert reads == []


async def test_a_damaged_row_takes_nothing_from_the_others(start):
    async with start(memory__consent=True) as server:
        await server.say("Remember that my cat is called Bob")
        await server.say("Remember that my dog is called Rex")
        database = server.memory._work._database
        damage = Memory.update(stems=b"abc").where(Memory.text == "my cat is called Bob")
        await database.write(damage.execute)
        server.memory._work._facts._shelves.clear()
        await server.memory._work._facts.warm_up()
        assert await server.facts("what is my dog called") == ["my dog is called Rex"]


async def test_what_is_read_on_suspicion_takes_half_of_the_room(start, reads):
    async with start(memory__consent=True) as server:
        for device in "ABCD":
            await server.say(f"Remember that my cat is called {device}{device}", device=device)
    async with start(memory__consent=True) as server:
        facts = server.memory._work._facts
        facts._shelves = shelves.Shelves(rows_max=20)
        await facts.warm_up()
        assert len(reads) == 2
