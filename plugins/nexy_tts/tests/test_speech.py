"""The real voice, checked by numbers."""

import asyncio
import os
import threading
import time
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import soxr
from nexy_tts.engine import Voice
from nexy_tts.files import find_voice
from nexy_tts.sessions import SynthesisFailed
from piper import PiperVoice
from piper.config import SynthesisConfig

from nexy_core import AudioChunk, Degraded, Health, Sentence

PARIS = "The capital of France is Paris, a city on the river Seine. Yes!"
LONG = "Once upon a time there was a man who walked and walked and walked along the river " * 6
LOUDEST = 32767
HEADROOM = 1.2


def sentence(spoken: str, turn_id: str = "t", **more: object) -> Sentence:
    return Sentence(turn_id=turn_id, index=0, shown=spoken, spoken=spoken, **more)


async def speak(synthesizer, spoken: str, **more: object) -> list[AudioChunk]:
    return [chunk async for chunk in synthesizer.process(sentence(spoken, **more))]


def samples(chunks: list[AudioChunk]) -> np.ndarray:
    return np.frombuffer(b"".join(chunk.data for chunk in chunks), "<i2").astype(float)


@pytest.fixture(scope="session")
def piper(tmp_path_factory) -> PiperVoice:
    return PiperVoice.load(find_voice("joe", tmp_path_factory.mktemp("none")))


def pipers_own(piper: PiperVoice, text: str, *, levelled: bool = True) -> np.ndarray:
    """Piper's own synthesis; ``levelled`` as it does by itself, each sentence's loudest sound at full scale."""
    calm = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0, normalize_audio=levelled)
    parts = [chunk.audio_float_array for chunk in piper.synthesize(text, calm)]
    return soxr.resample(np.concatenate(parts), piper.config.sample_rate, 48_000) * LOUDEST


TEXTS = [PARIS, "Yes.", "no full stop at the end", "One. Two! Three?", LONG[:250].strip() + "."]


@pytest.mark.parametrize("text", TEXTS)
async def test_sound_is_pipers_own_resampled_at_one_level(make_synthesizer, load_once, piper, text) -> None:
    level = 1 / (load_once("joe", find_voice("joe", Path()), os.cpu_count()).peak * HEADROOM)
    sound = samples(await speak(await make_synthesizer(), text))
    own = pipers_own(piper, text, levelled=False) * level
    assert len(sound) == len(own)
    assert np.abs(sound - own).max() < 0.05 * LOUDEST  # where it would overshoot full scale it is bent
    assert np.sqrt(np.mean((sound - own) ** 2)) < 0.001 * LOUDEST


@pytest.mark.parametrize("text", TEXTS[:-1])
async def test_sound_is_pipers_own_resampled_and_levelled(make_synthesizer, piper, text) -> None:
    sound, own = samples(await speak(await make_synthesizer(level_seconds=3.0), text)), pipers_own(piper, text)
    assert len(sound) == len(own)
    assert np.abs(sound - own).max() < 0.05 * LOUDEST
    assert np.sqrt(np.mean((sound - own) ** 2)) < 0.001 * LOUDEST


async def test_a_long_sentence_keeps_the_level_of_its_beginning(make_synthesizer, piper) -> None:
    text = TEXTS[-1]
    sound, own = samples(await speak(await make_synthesizer(level_seconds=3.0), text)), pipers_own(piper, text)
    assert len(sound) == len(own)
    assert np.corrcoef(sound, own)[0, 1] > 0.999


@pytest.mark.parametrize("level_seconds", [0.0, 3.0])
async def test_nothing_clips_nothing_clicks_and_nothing_is_missing(make_synthesizer, piper, level_seconds) -> None:
    text = LONG[:300].strip() + "."
    synthesizer = await make_synthesizer(level_seconds=level_seconds, max_phonemes=120)
    sound = samples(await speak(synthesizer, text))
    own = pipers_own(piper, text)
    assert np.abs(sound).max() < LOUDEST
    # No step at a join is larger than the steps speech has anyway.
    assert np.abs(np.diff(sound)).max() <= 1.5 * np.abs(np.diff(own)).max()
    assert len(sound) == pytest.approx(len(own), rel=0.1)
    # No hole: never 0.4 s of silence inside.
    frames = np.abs(sound[: len(sound) // 960 * 960]).reshape(-1, 960).max(axis=1) > 100
    inside = frames[np.argmax(frames) : len(frames) - np.argmax(frames[::-1])]
    quiet = np.diff(np.flatnonzero(np.concatenate([[True], inside, [True]]))) - 1
    assert quiet.max() < 20


async def test_chunks_are_even_full_and_never_empty(make_synthesizer) -> None:
    chunks = await speak(await make_synthesizer(chunk_bytes=1000), PARIS)
    assert {len(chunk.data) for chunk in chunks[:-1]} == {1000}
    assert 0 < len(chunks[-1].data) <= 1000
    assert len(chunks[-1].data) % 2 == 0
    assert chunks[-1].spoken_chars == len(PARIS)


@pytest.mark.parametrize("text", ["", "  ", "\n", "...", "!?", "—"])
async def test_nothing_to_say_is_no_failure(make_synthesizer, text) -> None:
    chunks = await speak(await make_synthesizer(), text)
    assert text.strip() or not chunks


async def test_what_was_said_is_said_again_from_memory(make_synthesizer) -> None:
    synthesizer = await make_synthesizer(noise_scale=0.667, noise_w=0.8)
    first = await speak(synthesizer, "Hello there.")
    assert await speak(synthesizer, "Hello there.") == first  # new sound would differ: there is noise in it
    other = await make_synthesizer(noise_scale=0.667, noise_w=0.8, cache_bytes=0)
    assert samples(await speak(other, "Hello there.")).tolist() != samples(await speak(other, "Hello there.")).tolist()


async def test_a_language_without_a_voice_is_never_read_by_another(make_synthesizer) -> None:
    synthesizer = await make_synthesizer()
    with pytest.raises(Degraded) as raised:
        await speak(synthesizer, "Привет", language="ru")
    assert raised.value.reason == "no_voice"
    assert synthesizer.status().health is Health.READY


async def test_a_short_turn_does_not_wait_for_a_long_one(make_synthesizer) -> None:
    synthesizer = await make_synthesizer(workers=1, cache_bytes=0)
    ended: list[str] = []

    async def turn(name: str, text: str) -> None:
        await speak(synthesizer, text, turn_id=name)
        ended.append(name)

    long = asyncio.create_task(turn("long", LONG[:330]))
    async with asyncio.timeout(10):
        while not synthesizer.status().figures["speed"]:
            await asyncio.sleep(0)
    await asyncio.gather(long, turn("short", "Yes."), turn("second", "No."))
    assert ended == ["short", "second", "long"]


async def test_an_interrupt_stops_the_inference(make_synthesizer) -> None:
    synthesizer = await make_synthesizer(workers=1, cache_bytes=0)
    for _ in range(5):
        task = asyncio.create_task(speak(synthesizer, LONG))
        await asyncio.sleep(0.1)  # somewhere in it
        assert synthesizer.status().figures["owed_seconds"] > 0
        burnt, started = time.process_time(), time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 0.1
        assert synthesizer.status().figures["owed_seconds"] == 0
        async with asyncio.timeout(5):
            while synthesizer.status().figures["workers_busy"]:
                await asyncio.sleep(0.001)
        assert time.process_time() - burnt < 0.1  # the rest of it would take three seconds of CPU


async def test_a_closed_iterator_leaves_nothing(make_synthesizer) -> None:
    synthesizer = await make_synthesizer()
    async with aclosing(synthesizer.process(sentence(PARIS))) as sound:
        async for _ in sound:
            break
    assert synthesizer.status().figures["owed_seconds"] == 0


async def test_a_voice_that_hangs_costs_a_bounded_time(make_synthesizer, monkeypatch) -> None:
    monkeypatch.setattr("nexy_tts.scheduler._GIVE_UP_SECONDS", 0.05)
    synthesizer = await make_synthesizer(workers=1, timeout_seconds=0.2)
    release = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(Voice, "decode", lambda *_args, **_more: release.wait(20))
        with pytest.raises(Degraded) as raised:
            await speak(synthesizer, "Hang.")
    assert raised.value.reason == "speech_timeout"
    async with asyncio.timeout(5):
        while synthesizer.status().health is not Health.DEGRADED:
            await asyncio.sleep(0.01)
    assert "1 synthesis threads hang" in synthesizer.status().reason
    synthesizer._settings.current.values["tts.timeout_seconds"] = 10.0
    assert await speak(synthesizer, "Speaks again.")
    release.set()


async def test_a_voice_that_fails_degrades_and_the_next_piece_speaks(make_synthesizer, monkeypatch) -> None:
    synthesizer = await make_synthesizer()

    def fail(*_args, **_more):
        raise SynthesisFailed("RuntimeException")

    with monkeypatch.context() as patch:
        patch.setattr(Voice, "decode", fail)
        with pytest.raises(Degraded) as raised:
            await speak(synthesizer, "Fail.")
    assert raised.value.reason == "synthesis_failed"
    assert "RuntimeException" not in raised.value.message
    assert await speak(synthesizer, "Speaks again.")


async def test_before_initialize_and_after_cleanup_it_degrades(make_settings) -> None:
    from nexy_tts.synthesizer import PiperSynthesizer

    synthesizer = PiperSynthesizer(make_settings())
    assert synthesizer.status().health is Health.STARTING
    with pytest.raises(Degraded):
        await speak(synthesizer, "Yes.")
    await synthesizer.cleanup()


async def test_cleanup_ends_every_thread_and_may_be_called_twice(make_synthesizer) -> None:
    before = set(threading.enumerate())
    synthesizer = await make_synthesizer()
    await speak(synthesizer, "Yes.")
    assert set(threading.enumerate()) - before
    talking = asyncio.create_task(speak(synthesizer, LONG))
    await asyncio.sleep(0.1)
    await synthesizer.cleanup()
    await synthesizer.cleanup()
    assert set(threading.enumerate()) == before
    assert synthesizer.status().health is Health.STOPPED
    assert isinstance((await asyncio.gather(talking, return_exceptions=True))[0], Exception)


async def test_it_can_be_started_again(make_synthesizer) -> None:
    synthesizer = await make_synthesizer()
    await synthesizer.cleanup()
    await synthesizer.initialize()
    assert synthesizer.status().health is Health.READY
    assert await speak(synthesizer, "Yes.")
