"""Nobody ever sees another user's rows, whatever the order of remembering, superseding, forgetting and restarts."""

import asyncio
import random

import pytest
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from nexy_memory import models

from nexy_core import Exchange, Fact, Forget

DEVICES = ["A", "B", "C"]
CITIES = ["Riga", "Oslo", "Rome", "Lima"]
device = st.sampled_from(DEVICES)


class Memories(RuleBasedStateMachine):
    """Beside the server a plain dict of what each user should be known to have said."""

    @initialize()
    def begin(self):
        self.loop = asyncio.new_event_loop()
        self.model = {name: {} for name in DEVICES}
        self.turns = 0
        self.folder = self.new_folder()
        self.open()

    def open(self):
        values = {"storage__data_dir": str(self.folder), "memory__consent": True, "memory__semantic": "off"}
        self.context = self.start(**values, memory__recall_timeout_ms=20_000, memory__facts_max=50)
        self.server = self.loop.run_until_complete(self.context.__aenter__())

    def close(self):
        self.loop.run_until_complete(self.context.__aexit__(None, None, None))

    def say(self, name, text):
        self.turns += 1
        self.loop.run_until_complete(self.server.say(text, device=name, turn=str(self.turns)))

    def known(self, name):
        return set(self.loop.run_until_complete(self.server.facts("What do you know about me?", device=name)))

    @rule(name=device, city=st.sampled_from(CITIES))
    def move(self, name, city):
        self.say(name, f"Remember that I live in {city}")
        self.model[name]["city"] = f"I live in {city}"

    @rule(name=device, number=st.integers(0, 5))
    def hobby(self, name, number):
        text = f"{name} plays game{number}"
        self.say(name, f"Remember that {text}")
        self.model[name][f"game{number}"] = text

    @rule(name=device, number=st.integers(0, 5))
    def forget_one(self, name, number):
        self.say(name, f"Forget about game{number}")
        self.model[name].pop(f"game{number}", None)

    @rule(name=device)
    def forget_city(self, name):
        self.say(name, "forget where I live")
        self.model[name].pop("city", None)

    @rule(name=device)
    def forget_all(self, name):
        self.loop.run_until_complete(self.server.ask(Forget(name)))
        self.model[name] = {}

    @rule(name=device, slot=st.sampled_from(["city", "game1"]))
    def expire(self, name, slot):
        text = self.model[name].pop(slot, None)
        if text is None:
            return
        key = self.server.memory._work._user(Forget(name))
        users = models.User.select(models.User.id).where(models.User.key == key)
        late = models.Memory.update(expires_at=1.0).where((models.Memory.text == text) & models.Memory.user.in_(users))
        self.loop.run_until_complete(self.server.store._database.write(late.execute))
        self.loop.run_until_complete(self.server.memory._work._housekeeping.retain())

    @rule()
    def restart(self):
        self.close()
        self.open()

    @invariant()
    def each_knows_exactly_their_own(self):
        for name, said in self.model.items():
            assert self.known(name) == set(said.values())

    def teardown(self):
        self.close()
        self.loop.close()


EFFORT = [pytest.param(8, 15, id="short"), pytest.param(40, 30, id="long", marks=pytest.mark.long)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("examples", "steps"), EFFORT)
def test_memories_as_a_state_machine(tmp_path_factory, examples, steps):
    from importlib import util
    from pathlib import Path

    spec = util.spec_from_file_location("memory_conftest", Path(__file__).parent / "conftest.py")
    conftest = util.module_from_spec(spec)
    spec.loader.exec_module(conftest)

    class Machine(Memories):
        start = staticmethod(conftest.running)

        def new_folder(self):
            return tmp_path_factory.mktemp("machine")

    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Machine, settings=effort(max_examples=examples, stateful_step_count=steps, deadline=None))


async def mixed_operations(start, count, users):
    """Returns how many rows of another user anybody saw, and how many rows were seen at all."""
    rng = random.Random(3)
    foreign = seen = 0
    async with start(memory__consent=True, memory__sessions_max=users // 2) as server:

        async def one(number):
            nonlocal foreign, seen
            name = f"user{rng.randrange(users)}"
            roll = rng.random()
            if roll < 0.4:
                await server.say(
                    f"Remember that {name} likes dish{rng.randrange(9)}", name, device=name, turn=str(number)
                )
            elif roll < 0.95:
                events = await server.recall(f"which dish{rng.randrange(9)} likes", device=name)
                texts = [event.text if isinstance(event, Fact) else event.answer for event in events]
                assert all(isinstance(event, Fact | Exchange) for event in events)
                seen += len(texts)
                foreign += sum(name not in text.split() for text in texts)
            elif roll < 0.99:
                await server.say(f"Forget about dish{rng.randrange(9)}", device=name, turn=str(number))
            else:
                await server.ask(Forget(name))

        for begin in range(0, count, 50):
            await asyncio.gather(*(one(number) for number in range(begin, begin + 50)))
    return foreign, seen


async def test_no_row_of_another_user(start):
    foreign, seen = await mixed_operations(start, 1_000, 20)
    assert foreign == 0
    assert seen > 500


@pytest.mark.long
@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_no_row_of_another_user_on_postgresql_either(start):
    foreign, seen = await mixed_operations(start, 3_000, 50)
    assert foreign == 0
    assert seen > 1_500


@pytest.mark.long
@pytest.mark.timeout(1_500)
async def test_no_row_of_another_user_in_100_000_operations(start):
    foreign, seen = await mixed_operations(start, 100_000, 500)
    assert foreign == 0
    assert seen > 50_000
