"""The embedding of a question: asked for once, early where that serves, and never waited for too long."""

import asyncio
import threading

import numpy as np
import pytest
from nexy_memory import embedding

from nexy_core import Recall

QUESTION = "what is my cat called"


class Model:
    """Vectors that mean nothing; ``gate`` holds questions up while it is closed."""

    def __init__(self):
        self.asked, self.gate = [], threading.Event()
        self.gate.set()

    def query(self, text):
        self.asked.append(text)
        self.gate.wait(30)
        return self.passage(text)

    def passage(self, text):
        return np.random.default_rng(len(text)).standard_normal(embedding.DIMS).astype(np.float32)


@pytest.fixture
def model(monkeypatch):
    model = Model()
    monkeypatch.setattr(embedding, "_load", lambda: model)
    monkeypatch.setattr(embedding, "installed", lambda: True)
    yield model
    model.gate.set()


async def hear(server, text):
    assert await server.ask(Recall("A", "s1", text, ahead=True)) == []


async def test_a_question_heard_ahead_is_embedded_once(start, model):
    async with start(memory__consent=True, memory__semantic="on") as server:
        await server.say("Remember that my cat is called Bob")
        await hear(server, QUESTION)
        assert "my cat is called Bob" in await server.facts(QUESTION)
        assert model.asked.count(QUESTION) == 1


async def test_what_is_heard_while_the_model_is_at_work_does_not_queue(start, model):
    async with start(memory__consent=True, memory__semantic="on", memory__recall_timeout_ms=200) as server:
        await server.say("Remember that my cat is called Bob")
        learnt = len(model.asked)
        model.gate.clear()
        for said in ("what", "what is", "what is my"):
            await hear(server, said)
        async with asyncio.timeout(20):
            assert await server.facts(QUESTION) == ["my cat is called Bob"]  # by words alone, in time
        model.gate.set()
        await asyncio.to_thread(lambda: None)
        assert not {"what is", "what is my"} & set(model.asked[learnt:])


async def test_without_consent_nothing_is_embedded(start, model):
    async with start(memory__semantic="on") as server:
        learnt = len(model.asked)
        await hear(server, QUESTION)
        assert await server.facts(QUESTION) == []
        assert model.asked[learnt:] == []


async def test_forgetting_drops_the_questions_kept(start, model):
    async with start(memory__consent=True, memory__semantic="on", memory__recall_timeout_ms=20_000) as server:
        await server.say("Remember that my dog is called Rex")
        await server.facts(QUESTION)
        await server.facts(QUESTION)
        assert model.asked.count(QUESTION) == 1
        await server.say("Forget everything")
        await server.say("Remember that my cat is called Bob", turn="later")
        await server.facts(QUESTION)
        assert model.asked.count(QUESTION) == 2
