import pytest

from nexy_core import Exchange, Forget, Forgotten

NEEDLES = ("Bartholomew", "Valparaiso", "zucchini")


BOTH = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
pytestmark = BOTH


async def fill(server):
    await server.say("Remember that my cat is called Bartholomew", "Bartholomew, noted.")
    await server.say("Remember that I live in Valparaiso", "Valparaiso it is.")
    await server.say("I had zucchini for lunch", "Good zucchini?")
    for index in range(300):
        await server.say(f"filler {index} zucchini", turn=f"t{index}")


async def test_forget_everything_takes_the_bytes_out_of_the_files(start, traces):
    async with start(memory__consent=True) as server:
        await fill(server)
        assert all(traces(needle) for needle in NEEDLES)
        await server.say("Forget everything")
        assert not any(traces(needle) for needle in NEEDLES)
        assert await server.recall("cat") == []
        [(scope, memories, turns)] = await server.rows("SELECT scope, memories, turns FROM erasures")
        assert (scope, memories, turns) == ("all", 2, 303)
    assert not any(traces(needle) for needle in NEEDLES)


async def test_others_keep_theirs(start):
    async with start(memory__consent=True) as server:
        for device in "AB":
            await server.say("Remember that my cat is called Bob", device=device)
        await server.say("забудь всё")
        assert await server.facts("cat") == []
        assert await server.facts("cat", device="B") == ["my cat is called Bob"]


@pytest.mark.parametrize(
    "order",
    [
        "Forget that I live in Valparaiso",
        "forget where I live",
        "forget about Valparaiso",
        "forget everything about Valparaiso",
    ],
)
async def test_forgetting_one_thing_takes_it_everywhere_and_nothing_else(start, traces, order):
    async with start(memory__consent=True) as server:
        await fill(server)
        if "about" in order:
            await server.say("What's the weather in Valparaiso", "Sunny.")
        await server.say(order, "Forgotten: Valparaiso.")
        if "Valparaiso" in order:
            assert traces("Valparaiso") == []
            assert "Valparaiso" not in str([(event.prompt, event.answer) for event in await server.recall("hm")])
        assert await server.facts("where do I live") == []
        assert await server.facts("cat") == ["my cat is called Bartholomew"]


async def test_forgetting_takes_the_superseded_ones_too(start, traces):
    async with start(memory__consent=True) as server:
        await server.say("Remember that I live in Valparaiso")
        await server.say("Remember that I moved to Riga")
        await server.say("forget where I live")
        assert await server.rows("SELECT count(*) FROM memories") == [(0,)]
        assert traces("Valparaiso") == []


async def test_forget_that_takes_the_last_turn_and_what_came_of_it(start):
    async with start(memory__consent=True) as server:
        await server.say("Remember that I like tea")
        await server.say("Remember that I like gin")
        await server.say("Forget that")
        assert await server.recall("gin or tea") == [
            Exchange("Remember that I like tea", "Fine."),
            *[event for event in await server.recall("gin or tea") if not isinstance(event, Exchange)],
        ]
        assert await server.facts("gin or tea") == ["I like tea"]


async def test_without_consent_the_conversation_is_forgotten_from_process_memory(start):
    async with start() as server:
        await server.say("I live in Valparaiso")
        await server.say("hello")
        await server.say("Forget about Valparaiso")
        assert [event.prompt for event in await server.recall()] == ["hello"]
        assert await server.ask(Forget("A")) == [Forgotten(1)]
        assert await server.recall() == []


async def test_an_erasure_by_another_process_clears_this_ones_memory(start):
    async with start(memory__consent=True) as server, start(memory__consent=True) as other:
        await server.say("I live in Valparaiso")
        await server.say("hello", device="B")
        await other.ask(Forget("A"))
        await server.memory._work._forgetting.follow()
        assert await server.recall() == []
        assert len(await server.recall(device="B")) == 1


async def test_the_forgetting_turn_is_not_kept(start, traces):
    async with start(memory__consent=True) as server:
        await server.say("Forget that my name is Bartholomew", "Who is Bartholomew?")
        assert await server.recall() == []
    assert traces("Bartholomew") == []
