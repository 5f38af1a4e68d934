"""Notes are written, found, bounded and forgotten, and the contract is kept."""

import pytest
from nexy_core.testing.contract import PluginContract
from nexy_notes.notebook import wanted_note
from nexy_notes.plugin import Notes

from nexy_core import Fact, Forget, Forgotten, LiveSettings, Recall, Remember, Settings


class TestContract(PluginContract):
    plugin = "notes=nexy_notes.plugin"


@pytest.fixture
def notes(tmp_path):
    values = {"storage.data_dir": str(tmp_path), "notes.max_notes": 2, "notes.facts": 3}
    return Notes(LiveSettings(Settings("local", values, {})))


async def events(notes, request):
    return [event async for event in notes.process(request)]


async def tell(notes, prompt, device="A"):
    assert await events(notes, Remember(device, "s", "t", 1, prompt, "Done.", cut=False)) == []


async def test_a_note_comes_back_for_a_question_that_shares_a_word(notes):
    await tell(notes, "Remember that my keys are in the drawer.")
    assert await events(notes, Recall("A", "s", "Where are my keys?")) == [Fact("my keys are in the drawer.", "note")]
    assert await events(notes, Recall("A", "s", "Is it raining?")) == []
    assert await events(notes, Recall("B", "s", "Where are my keys?")) == []


async def test_the_oldest_notes_go_first(notes):
    for color in ("red", "green", "blue"):
        await tell(notes, f"note the wall {color}")
    found = await events(notes, Recall("A", "s", "Which wall?"))
    assert {fact.text for fact in found} == {"the wall green", "the wall blue"}


async def test_forgetting(notes):
    await tell(notes, "remember the red wall")
    await tell(notes, "Запомни, что код 1234")
    assert await events(notes, Forget("A", "wall")) == [Forgotten(1)]
    assert await events(notes, Recall("A", "s", "Какой код?")) == [Fact("код 1234", "note")]
    assert await events(notes, Forget("A")) == [Forgotten(1)]


@pytest.mark.parametrize("prompt", ["What is a fox?", "I remember you", "remember", ""])
def test_ordinary_prompts_are_no_notes(prompt):
    assert wanted_note(prompt) == ""
