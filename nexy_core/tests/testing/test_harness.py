"""A whole turn in a few lines."""

from nexy_core.testing import FakeMemory, FakeModel, FakeVoice
from nexy_core.testing.harness import TurnHarness

from nexy_core import Action, Argument, Setting, Unavailable


async def test_a_turn_in_five_lines():
    async with TurnHarness() as harness:
        result = await harness.ask("say Hello there. How are you?")
        assert result.text == "Hello there. How are you?"
        assert len(result.audio) == len("Hello there. How are you?") * 960 * 2
        assert result.error is None


async def test_the_given_capability_is_the_one_at_work():
    voice = FakeVoice(faults="[[tts.first.raise.degraded]]")
    async with TurnHarness(voice) as harness:
        result = await harness.ask("say Hello.")
        assert (result.text, result.audio, voice.calls) == ("Hello.", b"", 1)
        assert any("fake_degraded" in note for note in result.notes)


async def test_an_error_is_in_the_result():
    async with TurnHarness(FakeModel(faults="[[llm.first.raise.unavailable]]")) as harness:
        result = await harness.ask("say Hello.")
        assert isinstance(result.error, Unavailable)


async def test_memory_and_several_turns():
    async with TurnHarness(FakeMemory("You like foxes.")) as harness:
        first = await harness.ask("say Hello.", session_id="s")
        second = await harness.ask("recall", session_id="s")
        assert first.text == "Hello."
        assert second.text == "1 exchanges, 1 facts. You asked: say Hello. You like foxes."


async def test_settings_and_actions_reach_the_turn():
    action = Action("open_app", (Argument("app_name", str),))
    values = {"features.forward_assistant_actions": "true", "mine.size": "3"}
    declared = [Setting("mine.size", int, 1, "A size.")]
    async with TurnHarness(values=values, declared=declared, actions=[action]) as harness:
        result = await harness.ask("action Telegram")
        assert [out.command for out in result.actions] == ["open_app"]
        assert result.text == "Opening Telegram."
