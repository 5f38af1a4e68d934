"""The voice speaks, in the language asked for, and keeps the contract."""

from array import array
from contextlib import aclosing

import pytest
from nexy_core.testing.contract import PluginContract
from nexy_espeak.plugin import EspeakVoice

from nexy_core import Degraded, LiveSettings, Sentence, Settings

VALUES = {"espeak.words_per_minute": 170, "espeak.languages": []}


class TestContract(PluginContract):
    plugin = "espeak=nexy_espeak.plugin"


@pytest.fixture
async def voice():
    made = EspeakVoice(LiveSettings(Settings("local", dict(VALUES), {})))
    await made.initialize()
    yield made
    await made.cleanup()


async def say(voice, text, language="en"):
    async with aclosing(voice.process(Sentence("t", 0, text, text, language))) as chunks:
        return array("h", b"".join([chunk.data async for chunk in chunks]))


async def test_longer_text_takes_longer_and_is_loud(voice):
    short, long = await say(voice, "Yes."), await say(voice, "Yes, and the quick brown fox jumps over the lazy dog.")
    assert 0.2 < len(short) / 48000 < 1.5
    assert len(long) > 3 * len(short)
    assert max(long) > 3000


async def test_russian_is_spoken_by_a_russian_voice(voice):
    russian = await say(voice, "Здравствуйте, как дела?", "ru")
    letters = await say(voice, "Здравствуйте, как дела?", "en")
    assert 1 < len(russian) / 48000 < 4
    assert len(letters) > 1.5 * len(russian), "an English voice spells Cyrillic letter by letter"


async def test_an_unknown_language_is_shown_and_not_spoken(voice):
    with pytest.raises(Degraded) as caught:
        await say(voice, "Hello", "xx-unknown")
    assert caught.value.reason == "no_voice"


async def test_too_long_a_text_is_declined(voice):
    with pytest.raises(Degraded):
        await say(voice, "x" * 1001)
