import asyncio
import threading

import pytest
from nexy_memory import models
from nexy_memory.recalling import NOTICE

from nexy_core import Exchange, Fact, Forget, Forgotten, Health, Recall

pytestmark = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)


async def test_without_consent_nothing_said_reaches_the_disk(start, traces):
    async with start() as server:
        await server.say("Remember that my cat is called Bartholomew", "All right, Bartholomew.")
        notices = await server.recall("Remember that my cat is called Bartholomew")
        assert [event.kind for event in notices if isinstance(event, Fact)] == [NOTICE]
        assert await server.recall("hm") == [
            Exchange("Remember that my cat is called Bartholomew", "All right, Bartholomew.")
        ]
        for table in ("users", "turns", "memories", "sessions"):
            assert await server.rows(f"SELECT count(*) FROM {table}") == [(0,)]
    assert traces("Bartholomew") == []


async def test_consent_by_voice_and_its_withdrawal(start):
    async with start() as server:
        await server.say("You may remember me")
        await server.say("Remember that my cat is called Bob")
        assert await server.facts("what is my cat called") == ["my cat is called Bob"]
        assert await server.facts("what is my cat called", device="B") == []
        await server.say("Don't remember me")
        assert await server.facts("what is my cat called") == []
        assert await server.rows("SELECT count(*) FROM turns") == [(0,)]
        await server.say("Remember that my cat is called Bob", turn="later")
        assert await server.rows("SELECT count(*) FROM memories") == [(0,)]


@pytest.mark.parametrize(
    ("prompt", "what_becomes_of_it"),
    [
        ("You may remember me", "it is being written down"),
        ("Remember that I like tea", "is being stored"),
        ("Forget everything", "is being carried out"),
    ],
)
async def test_the_model_is_told_what_becomes_of_a_request(start, prompt, what_becomes_of_it):
    async with start(memory__consent=True) as server:
        [notice] = await server.recall(prompt)
        assert notice.kind == NOTICE
        assert what_becomes_of_it in notice.text


async def test_with_consent_the_conversation_survives_a_restart(start):
    async with start(memory__consent=True) as server:
        await server.say("Tell me a story", "Once upon", turn="1", cut=True)
    async with start(memory__consent=True) as server:
        assert await server.recall("go on") == [Exchange("Tell me a story", "Once upon", True)]


async def test_a_newer_fact_supersedes_the_older_one_across_languages(start):
    async with start(memory__consent=True) as server:
        await server.say("Remember that I live in Paris")
        await server.say("Запомни, что я переехал в Ригу")
        assert await server.facts("Где я живу? Paris, Рига, live") == ["я переехал в Ригу"]
        assert await server.facts("What do you know about me?") == ["я переехал в Ригу"]


async def test_a_secret_is_neither_remembered_nor_kept_in_the_turn(start):
    async with start(memory__consent=True) as server:
        prompt = "Remember that my password is swordfish"
        assert [event.kind for event in await server.recall(prompt)] == [NOTICE]
        await server.say(prompt, "Got it: your password is swordfish.")
        assert await server.rows("SELECT count(*) FROM memories") == [(0,)]
        [[said]] = await server.rows("SELECT prompt || answer FROM turns")
        assert "swordfish" not in said
        assert "swordfish" not in str([event.prompt + event.answer for event in await server.recall("hm")])


async def test_facts_keep_to_their_budgets(start):
    async with start(memory__consent=True, memory__facts_max=3, memory__facts_tokens=1_000) as server:
        for index in range(6):
            await server.say(f"Remember that tea number {index} is good")
        facts = await server.facts("which tea is good")
        assert len(facts) == 3
        assert facts[0] == "tea number 5 is good"
    async with start(memory__consent=True, memory__facts_tokens=8) as server:
        assert await server.facts("which tea is good") == ["tea number 5 is good"]


async def test_a_user_keeps_the_newest_memories_up_to_the_cap(start):
    async with start(memory__consent=True, memory__memories_max=3) as server:
        for index in range(5):
            await server.say(f"Remember that tea number {index} is good")
        assert await server.rows("SELECT text FROM memories ORDER BY id") == [
            (f"tea number {index} is good",) for index in (2, 3, 4)
        ]


async def test_the_same_turn_twice_is_kept_once(start):
    async with start(memory__consent=True) as server:
        for _ in range(2):
            await server.say("Remember that I like tea", turn="same")
        assert await server.rows("SELECT count(*) FROM memories") == [(1,)]
        assert await server.rows("SELECT count(*) FROM turns") == [(1,)]
        assert len(await server.recall("hm")) == 1


async def test_history_keeps_to_its_budgets_and_its_order(start):
    async with start(memory__history_turns=2) as server:
        await server.say("one", turn="1", generation=1)
        await server.say("three", turn="3", generation=3)
        await server.say("two", turn="2", generation=2)
        assert [event.prompt for event in await server.recall()] == ["two", "three"]
    async with start(memory__history_tokens=50) as server:
        await server.say("one", "x", turn="1")
        await server.say("two", "y" * 1_000, turn="2")
        [event] = await server.recall()
        assert event.prompt == "two"
        assert 100 < len(event.answer) <= 200
    async with start(memory__history_tokens=1) as server:
        await server.say("one", "x", turn="1")
        assert await server.recall() == []


async def test_history_scope_session_hides_other_sessions(start):
    async with start(memory__history_scope="session") as server:
        await server.say("one", session="s1")
        assert await server.recall(session="s2") == []
        assert len(await server.recall(session="s1")) == 1
    async with start() as server:
        await server.say("one", session="s1")
        assert len(await server.recall(session="s2")) == 1


async def test_history_expires_and_is_capped(start):
    async with start(session__ttl_seconds=0.0) as server:
        await server.say("one")
        assert await server.recall() == []
    async with start(memory__sessions_max=2) as server:
        for device in "ABC":
            await server.say("one", device=device)
        assert [len(await server.recall(device=device)) for device in "BC"] == [1, 1]
        assert server.memory.status().figures["conversations"] == 2


async def test_devices_without_an_id_are_told_apart_by_session(start):
    async with start() as server:
        await server.say("one", device="", session="s1")
        assert await server.recall(device="", session="s2") == []


async def test_a_late_database_takes_nothing_from_the_conversation(start, caplog):
    async with start(memory__consent=True, memory__recall_timeout_ms=20, storage__readers=1) as server:
        await server.say("one")
        gate = asyncio.Event()
        loop = asyncio.get_running_loop()
        release = asyncio.run_coroutine_threadsafe
        blocked = asyncio.ensure_future(
            server.store._database.read(lambda _db: release(gate.wait(), loop).result(timeout=30))
        )
        await asyncio.sleep(0)  # the one reader is taken now
        with caplog.at_level("WARNING", "nexy_memory"):
            events = await server.recall("what")
        assert [event.prompt for event in events] == ["one"]  # what is in process memory still helps
        assert [(record.decision, record.ctx) for record in caplog.records] == [("degrade", {"reason": "recall_late"})]
        gate.set()
        await blocked


async def test_only_one_turn_waits_for_a_database_that_does_not_answer(start):
    async with start(memory__consent=True, memory__recall_timeout_ms=3_600_000, storage__readers=1) as server:
        await server.say("one")
        gate, loop = asyncio.Event(), asyncio.get_running_loop()
        started = asyncio.Event()

        def hang(_db):
            loop.call_soon_threadsafe(started.set)
            asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(timeout=30)

        first = asyncio.ensure_future(server.store._database.read(hang))
        await started.wait()
        first.cancel()
        await asyncio.wait([first])
        async with asyncio.timeout(20):
            assert [event.prompt for event in await server.recall("what")] == ["one"]
        gate.set()
        await server.rows("SELECT 1")
        await server.say("Remember that I like tea")
        assert await server.facts("tea") == ["I like tea"]  # it is waited for again


async def test_what_another_server_writes_is_known_at_the_next_question(start):
    async with start(memory__consent=True) as server, start(memory__consent=True) as other:
        await server.say("Remember that I live in Paris")
        assert await server.facts("where do I live") == ["I live in Paris"]
        await other.say("Remember that I moved to Riga", turn="o1")
        assert await server.facts("where do I live, moved") == ["I moved to Riga"]
        await other.say("Remember that my cat is called Bob", turn="o2")
        assert await server.facts("what is my cat called") == ["my cat is called Bob"]
        await other.say("Forget about Bob")
        await other.say("Remember that my cat is called Tom", turn="o3")  # SQLite gives it the number Bob's had
        assert await server.facts("what is my cat called") == ["my cat is called Tom"]
        await other.ask(Forget("A"))
        assert await server.facts("what is my cat called, where do I live") == []


async def test_a_memory_past_its_time_is_not_recalled_though_it_is_still_there(start):
    async with start(memory__consent=True) as server:
        await server.say("Remember that I like tea")
        assert await server.facts("tea") == ["I like tea"]
        late = models.Memory.update(expires_at=1.0)
        await server.store._database.write(late.execute)
        server.memory._work._facts._shelves.clear()
        assert await server.facts("tea") == []
        assert await server.facts("What do you know about me?") == []
        assert await server.rows("SELECT count(*) FROM memories") == [(1,)]


async def test_looking_ahead_says_nothing_and_the_question_then_finds_everything(start):
    async with start(memory__consent=True) as server:
        await server.say("Remember that my cat is called Bob", "Fine.")
        assert await server.ask(Recall("A", "s1", "what is my", ahead=True)) == []
        assert await server.facts("what is my cat called") == ["my cat is called Bob"]
        assert await server.ask(Recall("A", "s1", "Forget everything", ahead=True)) == []
        assert await server.facts("what is my cat called") == ["my cat is called Bob"]  # nobody has said it yet
        await server.say("Forget everything")
        assert await server.facts("what is my cat called") == []


async def test_odd_characters_neither_lose_a_turn_nor_its_neighbours(start):
    async with start(memory__consent=True) as server:
        odd = ["nul \0 here", "half \ud800 pair", "line\nbreak\u2028"]
        await asyncio.gather(*(server.say(text, text, turn=f"t{number}") for number, text in enumerate(odd)))
        await server.say("Remember that I like\0 tea", turn="t9")
        assert await server.rows("SELECT turn_id FROM turns ORDER BY turn_id") == [("t0",), ("t1",), ("t2",), ("t9",)]
        assert await server.facts("tea") == ["I like tea"]


async def test_settings_budget_of_zero_means_nothing(start):
    async with start(memory__consent=True, memory__facts_max=0, memory__history_turns=0) as server:
        await server.say("Remember that I like tea")
        assert await server.recall("do I like tea") == []


async def test_status_is_ready_and_counts(start):
    async with start() as server:
        status = server.memory.status()
        assert status.health is Health.READY
        assert status.figures["parked"] == 0


async def test_retention_deletes_what_is_past_its_time(start):
    async with start(memory__consent=True, memory__keep_turns_days=7, memory__keep_facts_days=1) as server:
        await server.say("Remember that I like tea")
        await server.say("plain talk")
        old = models.Turn.update(at=models.Turn.at - 8 * 86_400).where(models.Turn.prompt == "plain talk")
        await server.store._database.write(old.execute)
        assert await server.memory._work._housekeeping.retain() == 1
        assert await server.rows("SELECT prompt FROM turns") == [("Remember that I like tea",)]
        late = models.Memory.update(expires_at=1.0)
        await server.store._database.write(late.execute)
        assert await server.memory._work._housekeeping.retain() == 1
        assert await server.facts("tea") == []


async def test_forget_request_counts_what_went(start):
    async with start(memory__consent=True) as server:
        await server.say("Remember that I like tea")
        await server.say("plain talk")
        assert await server.ask(Forget("A")) == [Forgotten(3)]
        assert await server.ask(Forget("A")) == [Forgotten(0)]


async def test_endless_words_are_cut_and_do_not_hold_up_the_loop(start):
    async with start(memory__consent=True) as server:
        endless = "remember that " + "a-b1 " * 400_000
        loop = asyncio.get_running_loop()
        began = loop.time()
        await server.say(endless, endless, turn="endless")
        await server.recall(endless)
        assert loop.time() - began < 5
        [(prompt, answer)] = await server.rows("SELECT length(prompt), length(answer) FROM turns")
        assert max(prompt, answer) <= 8_000


async def test_a_question_that_was_announced_does_not_wait_for_a_database_that_hangs(start):
    async with start(memory__consent=True, storage__readers=1) as server:
        await server.say("Remember that my cat is called Bob")
        assert await server.ask(Recall("A", "s1", "what is my", ahead=True)) == []
        reading, over = threading.Event(), threading.Event()
        stuck = asyncio.create_task(server.store._database.read(lambda _db: (reading.set(), over.wait(30))))
        await asyncio.to_thread(reading.wait, 30)
        assert await server.facts("what is my cat called") == ["my cat is called Bob"]
        over.set()
        await stuck


async def test_what_is_stored_or_forgotten_counts_at_once_though_all_was_just_read(start):
    async with start(memory__consent=True) as server:
        announced = Recall("A", "s1", "what does my cat", ahead=True)
        await server.say("Remember that my cat is called Bob")
        await server.ask(announced)
        await server.say("Remember that my cat likes fish")
        assert set(await server.facts("what does my cat like")) == {"my cat is called Bob", "my cat likes fish"}
        await server.ask(announced)
        await server.say("Forget that my cat likes fish")
        assert await server.facts("what does my cat like") == ["my cat is called Bob"]
