"""The real voice, checked by numbers."""

import asyncio
import threading
import time
from contextlib import aclosing

import numpy as np
import pytest
import soxr
from nexy_tts.files import find_voice
from piper import PiperVoice
from piper.config import SynthesisConfig

from nexy_core import AudioChunk, Degraded, Health, Sentence

PARIS = "The capital of France is Paris, a city on the river Seine. Yes!"


def sentence(spoken: str, turn_id: str = "t", **more: object) -> Sentence:
    return Sentence(turn_id=turn_id, index=0, shown=spoken, spoken=spoken, **more)


async def speak(synthesizer, spoken: str, **more: object) -> list[AudioChunk]:
    return [chunk async for chunk in synthesizer.process(sentence(spoken, **more))]


def samples(chunks: list[AudioChunk]) -> np.ndarray:
    return np.frombuffer(b"".join(chunk.data for chunk in chunks), "<i2")


@pytest.fixture(scope="session")
def piper(tmp_path_factory) -> PiperVoice:
    return PiperVoice.load(find_voice("joe", tmp_path_factory.mktemp("none")))


def pipers_own(piper: PiperVoice, text: str) -> np.ndarray:
    calm = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
    parts = [chunk.audio_float_array for chunk in piper.synthesize(text, calm)]
    return soxr.resample(np.concatenate(parts), piper.config.sample_rate, 48_000) * 32767


@pytest.mark.parametrize("text", [PARIS, "Yes.", "no full stop at the end", "One. Two! Three?"])
async def test_sound_is_pipers_own_resampled(make_synthesizer, piper, text) -> None:
    sound = samples(await speak(await make_synthesizer(), text)).astype(float)
    own = pipers_own(piper, text)
    assert len(sound) == len(own)
    assert np.corrcoef(sound, own)[0, 1] > 0.999
    assert np.abs(sound).max() == pytest.approx(np.abs(own).max(), rel=0.1)


async def test_chunks_are_even_full_and_never_empty(make_synthesizer) -> None:
    chunks = await speak(await make_synthesizer(chunk_bytes=1000), PARIS)
    assert {len(chunk.data) for chunk in chunks[:-1]} == {1000}
    assert 0 < len(chunks[-1].data) <= 1000
    assert len(chunks[-1].data) % 2 == 0
    assert chunks[-1].spoken_chars == len(PARIS)


async def test_nothing_to_say_is_no_chunk(make_synthesizer) -> None:
    synthesizer = await make_synthesizer()
    for text in ("", "  ", "\n"):
        assert await speak(synthesizer, text) == []


async def test_a_language_without_a_voice_is_never_read_by_another(make_synthesizer) -> None:
    synthesizer = await make_synthesizer()
    with pytest.raises(Degraded) as raised:
        await speak(synthesizer, "Привет", language="ru")
    assert raised.value.reason == "no_voice"
    assert synthesizer.status().health is Health.READY


async def test_closing_stops_the_inference(make_synthesizer) -> None:
    synthesizer = await make_synthesizer(workers=1, max_phonemes=2000)
    long_text = "Once upon a time there was a man who walked and walked and walked along the river " * 6
    task = asyncio.create_task(speak(synthesizer, long_text))
    await asyncio.sleep(0.2)  # mid-inference
    assert synthesizer.status().figures["owed_seconds"] > 0
    task.cancel()
    started = time.process_time()
    with pytest.raises(asyncio.CancelledError):
        await task
    await speak(synthesizer, "Yes.")
    assert time.process_time() - started < 0.5  # the long one alone takes over two seconds of CPU


async def test_a_closed_iterator_leaves_nothing(make_synthesizer) -> None:
    synthesizer = await make_synthesizer()
    async with aclosing(synthesizer.process(sentence(PARIS))) as sound:
        async for _ in sound:
            break
    assert synthesizer.status().figures["owed_seconds"] == 0


async def test_cleanup_ends_every_thread_and_may_be_called_twice(make_synthesizer) -> None:
    before = set(threading.enumerate())
    synthesizer = await make_synthesizer()
    await speak(synthesizer, "Yes.")
    assert set(threading.enumerate()) - before
    await synthesizer.cleanup()
    await synthesizer.cleanup()
    assert set(threading.enumerate()) == before
    assert synthesizer.status().health is Health.STOPPED
