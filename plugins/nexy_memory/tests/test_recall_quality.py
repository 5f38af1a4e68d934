from collections import defaultdict
from importlib import util
from pathlib import Path

import pytest
from nexy_memory import embedding

from nexy_core import ConfigError

spec = util.spec_from_file_location("retrieval_set", Path(__file__).parent / "retrieval_set.py")
retrieval_set = util.module_from_spec(spec)
spec.loader.exec_module(retrieval_set)
RECALL_AT_5_MIN = 0.9

BIG = {"memory__consent": True, "memory__recall_timeout_ms": 60_000, "memory__facts_tokens": 10_000}


async def tell(server):
    for fact in retrieval_set.facts():
        opening = {"en": "Remember that ", "ru": "Запомни, что "}[fact.language]
        await server.say(opening + fact.text, turn=fact.id)


async def hits(server):
    facts = {fact.id: fact for fact in retrieval_set.facts()}
    superseded = {fact.text.rstrip(".") for fact in facts.values() if fact.id.endswith("old")}
    found = defaultdict(list)
    for question in retrieval_set.questions():
        fact = facts[question.fact]
        texts = await server.facts(question.text)
        assert len(texts) <= 5
        assert not superseded & set(texts)
        found[question.language, fact.language].append(fact.text.rstrip(".") in texts)
    return {direction: sum(each) / len(each) for direction, each in found.items()}


@pytest.mark.skipif(not embedding.installed(), reason="needs nexy-memory[semantic]: uv sync installs it")
async def test_with_the_extra_every_direction_finds_its_facts(start):
    async with start(memory__semantic="on", **BIG) as server:
        await tell(server)
        found = await hits(server)
        assert len(found) == 4
        assert min(found.values()) >= RECALL_AT_5_MIN, found


async def test_without_it_what_shares_a_stem_is_found(start):
    async with start(**BIG) as server:
        await tell(server)
        found = await hits(server)
        assert min(found["en", "en"], found["ru", "ru"]) >= 0.5, found


@pytest.mark.skipif(not embedding.installed(), reason="needs nexy-memory[semantic]: uv sync installs it")
async def test_memories_from_before_the_extra_are_embedded_later(start):
    async with start(**BIG) as server:
        await server.say("Remember that I take my tea without sugar")
        assert await server.facts("С сахаром ли я пью чай?") == []
    async with start(memory__semantic="on", **BIG) as server:
        await server.memory._work._facts.backfill()
        assert await server.facts("С сахаром ли я пью чай?") == ["I take my tea without sugar"]


@pytest.mark.skipif(not embedding.installed(), reason="needs nexy-memory[semantic]: uv sync installs it")
async def test_a_model_that_cannot_be_loaded_leaves_words(start, monkeypatch, caplog):
    def broken():
        raise OSError("no such instruction")

    monkeypatch.setattr(embedding, "_load", broken)
    with caplog.at_level("WARNING", "nexy_memory"):
        async with start(**BIG | {"memory__semantic": "auto"}) as server:
            await server.say("Remember that I take my tea without sugar")
            assert await server.facts("tea") == ["I take my tea without sugar"]
    assert [record.ctx["reason"] for record in caplog.records] == ["no_embedding"]
    with pytest.raises(ConfigError, match="cannot be loaded"):
        async with start(**BIG, memory__semantic="on"):
            pass
