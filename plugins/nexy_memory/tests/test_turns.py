"""Whole turns over the real memory: what the next question knows of the last one."""

import asyncio

import pytest
from nexy_core.testing.harness import TurnHarness

from nexy_core import Exchange, LanguageModel, SpeechSynthesizer, TextDelta

FIRST, SECOND = "Once upon a time there was a fox.", "It lived in a wood by the river."
LIMIT_SECONDS = 30


class Storyteller(LanguageModel):
    """Tells the story; keeps the prompts it was given."""

    def __init__(self):
        self.prompts = []

    async def process(self, request):
        self.prompts.append(request)
        yield TextDelta(f"{FIRST} {SECOND} ")


class Voice(SpeechSynthesizer):
    """Makes no sound of the first sentence, and no end of the second of a story."""

    def __init__(self):
        self.stuck = asyncio.Event()

    async def process(self, request):
        if SECOND in request.spoken:
            self.stuck.set()
            await asyncio.Event().wait()
        for chunk in ():
            yield chunk


def turns_over(folder, *capabilities, consent):
    """A core with the real memory plugin."""
    chosen = {"plugins.memory.enabled": "true", "memory.semantic": "off", "memory.consent": str(consent).lower()}
    chosen |= {"turn.recall_timeout_seconds": "20", "memory.recall_timeout_ms": "20000"}
    return TurnHarness(*capabilities, values=chosen | {"storage.data_dir": str(folder)})


async def drop_the_connection(turns, voice):
    """Ask, and go away when the first sentence has arrived and the second is being spoken."""
    turn = asyncio.create_task(turns.ask("tell me a story", session_id="one"))
    await asyncio.wait_for(voice.stuck.wait(), LIMIT_SECONDS)
    turn.cancel()
    await asyncio.wait([turn])


def assert_knows_the_cut_turn(prompt):
    [exchange] = prompt.history
    assert (exchange.prompt, exchange.cut) == ("tell me a story", True)
    assert exchange.answer.strip() == FIRST


@pytest.mark.parametrize("consent", [False, True])
async def test_after_a_dropped_connection_the_next_turn_knows_what_was_heard_and_that_it_was_cut(tmp_path, consent):
    model, voice = Storyteller(), Voice()
    async with turns_over(tmp_path, model, voice, consent=consent) as turns:
        await drop_the_connection(turns, voice)
        another = asyncio.create_task(turns.ask("go on", session_id="two"))
        while len(model.prompts) < 2:
            await asyncio.sleep(0.01)
        another.cancel()
        await asyncio.wait([another])
        assert_knows_the_cut_turn(model.prompts[1])


async def test_after_a_restart_too_where_it_was_allowed_on_disk(tmp_path):
    voice = Voice()
    async with turns_over(tmp_path, Storyteller(), voice, consent=True) as turns:
        await drop_the_connection(turns, voice)
        await turns.remembered()
    model = Storyteller()
    async with turns_over(tmp_path, model, consent=True) as turns:
        await turns.ask("go on", session_id="two")
    assert_knows_the_cut_turn(model.prompts[0])


async def test_facts_told_reach_the_model_and_go_when_forgotten(tmp_path):
    model = Storyteller()
    async with turns_over(tmp_path, model, consent=True) as turns:
        for said in ("Remember that my cat is called Bob", "what is my cat called", "Forget everything", "my cat"):
            await turns.ask(said)
    facts = [[fact.text for fact in prompt.facts if fact.kind == "fact"] for prompt in model.prompts]
    assert facts == [[], ["my cat is called Bob"], [], []]
    assert [len(prompt.history) for prompt in model.prompts] == [0, 1, 0, 0]
    assert model.prompts[1].history == (Exchange("Remember that my cat is called Bob", f"{FIRST} {SECOND} "),)
