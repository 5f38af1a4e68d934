import asyncio
import json

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from nexy_memory import digest, model, outbox

from nexy_core import Fact

SAID = "Well, I just moved to Riga with my wife Anna and we adore opera"
MODEL = {"memory__consent": True, "memory__model": "openai/test", "memory__api_key": "k"}


class Script:
    """The model's part: what it is asked is kept, what it answers is taken from ``answers``."""

    def __init__(self):
        self.asked, self.answers = [], []

    async def complete(self, _model, task, data):
        self.asked.append((task, data))
        answer = self.answers.pop(0) if self.answers else "[]"
        if isinstance(answer, Exception):
            raise answer
        return await answer if asyncio.iscoroutine(answer) else answer


@pytest.fixture
def script(monkeypatch):
    script = Script()

    async def complete(self, task, data):
        return await script.complete(self, task, data)

    monkeypatch.setattr(model.BackgroundModel, "load", lambda self: setattr(self, "_litellm", object()))
    monkeypatch.setattr(model.BackgroundModel, "_complete", complete)
    monkeypatch.setattr(digest, "_TICK_SECONDS", 3_600)
    return script


async def work_off(server):
    while await server.memory._work._digest.step():
        pass


async def test_facts_noticed_in_passing_are_kept_when_the_user_said_them(start, script):
    async with start(**MODEL) as server:
        await server.say(SAID)
        script.answers.append('Sure: ["I moved to Riga", "My wife is Anna", "I own three yachts", 7]')
        await work_off(server)
        assert set(await server.facts("where do I live, Riga? wife?")) == {"I moved to Riga", "My wife is Anna"}
        assert await server.rows("SELECT kind FROM memories") == [("extracted",)] * 2
        assert await server.rows("SELECT count(*) FROM outbox") == [(0,)]
        assert script.asked[0][1] == json.dumps({"user": SAID})


async def test_without_consent_the_model_is_not_asked(start, script):
    async with start(**MODEL | {"memory__consent": False}) as server:
        await server.say(SAID)
        await work_off(server)
        assert script.asked == []


async def test_secrets_and_orders_are_neither_sent_nor_kept(start, script):
    async with start(**MODEL) as server:
        await server.say("my password is swordfish")
        await server.say("Remember that I like tea")
        script.answers.append('["my password is swordfish"]')
        await work_off(server)
        assert "swordfish" not in str(script.asked)
        assert await server.rows("SELECT text FROM memories") == [("I like tea",)]


async def test_a_failing_model_is_tried_later_then_given_up_and_a_breaker_lets_it_rest(start, script):
    async with start(**MODEL) as server:
        work = server.memory._work._digest
        for number in range(4):
            await server.say(f"{SAID} {number}", turn=f"t{number}")
        script.answers += [OSError("down")] * 50
        await work_off(server)
        assert work.model.resting
        assert len(script.asked) == 3
        assert len(await server.rows("SELECT 1 FROM outbox")) == 4
        for _ in range(outbox.ATTEMPTS_MAX * 4):
            work.model._rest_until = 0.0
            await server.store._database.write(lambda db: db.execute_sql("UPDATE outbox SET next_at = 0"))
            await work.step()
        assert await server.rows("SELECT 1 FROM outbox") == []
        assert len(await server.recall("hm")) == 4  # turns go on


async def test_what_is_forgotten_while_the_model_thinks_stays_forgotten(start, script):
    async with start(**MODEL) as server:
        await server.say(SAID)

        async def slow():
            await server.say("Forget everything")
            return '["I moved to Riga"]'

        script.answers.append(slow())
        await work_off(server)
        assert await server.rows("SELECT count(*) FROM memories") == [(0,)]


async def test_work_survives_a_restart_and_the_outbox_is_bounded(start, script):
    async with start(**MODEL, storage__outbox_max=2) as server:
        for number in range(4):
            await server.say(f"{SAID} {number}", turn=f"t{number}")
    async with start(**MODEL) as server:
        assert await server.rows("SELECT turn_id FROM outbox ORDER BY id") == [("t2",), ("t3",)]
        await work_off(server)
        assert await server.rows("SELECT 1 FROM outbox") == []


async def test_what_no_longer_fits_is_summarised_and_forgotten_with_the_rest(start, script):
    async with start(**MODEL | {"memory__consent": False}, memory__history_tokens=60) as server:
        await server.say("first talk about Riga", "x " * 80, turn="t1")
        script.answers.append("They talked\nabout Riga.")
        await server.say("second", "y " * 80, turn="t2")
        task = next(task for name, task in server.memory._work._digest._tasks.items() if name != "outbox")
        await task
        assert Fact("They talked about Riga.", "summary") in await server.recall("go on")
        assert "first talk about Riga" in script.asked[0][1]
        await server.say("Forget about Riga")
        assert not [event for event in await server.recall("go on") if isinstance(event, Fact)]


@given(st.text(), st.text())
def test_any_answer_of_the_model_is_survived(answer, prompt):
    assert all(isinstance(text, str) for text in digest.sentences(answer, prompt))


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_a_real_model_endpoint_is_asked_through_litellm(start):
    requests = []

    async def chat(request):
        requests.append(await request.json())
        message = {"role": "assistant", "content": '["I moved to Riga"]'}
        return web.json_response(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "test",
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            }
        )

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        async with start(**MODEL, memory__api_base=base, memory__model_timeout_seconds=60.0) as server:
            await server.say(SAID)
            await work_off(server)
            async with asyncio.timeout(60):
                while not await server.rows("SELECT 1 FROM memories"):
                    await asyncio.sleep(0.05)
            assert await server.facts("Riga") == ["I moved to Riga"]
        assert requests[0]["model"] == "test"
        assert [message["role"] for message in requests[0]["messages"]] == ["system", "user"]
    finally:
        await runner.cleanup()
