"""The cut model against the whole one, and files that are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_tts.engine import Voice
from nexy_tts.files import find_voice
from nexy_tts.graph import NotCuttable, cut
from nexy_tts.options import Style
from nexy_tts.sessions import Stop, Stopped, open_pair

CALM = Style(rate=1.0, volume=1.0, noise_scale=0.0, noise_w=0.0)
TEXT = "The quick brown fox jumps over the lazy dog."


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return find_voice("joe", tmp_path_factory.mktemp("none"))


@pytest.fixture(scope="session")
def voice(load_once, model) -> Voice:
    return load_once("joe", model, 2)


@pytest.fixture(scope="session")
def whole(model, voice) -> np.ndarray:
    """Piper's own model, uncut, in one run."""
    feed = voice._feed(voice.piper.phonemes_to_ids(voice.phonemes(TEXT)[0]), CALM)
    return open_pair(model.read_bytes(), 1).run(feed, Stop(), wide=False)[0].reshape(-1)


def in_windows(voice, size, *, wide=False, hurried=0) -> np.ndarray:
    """``TEXT`` window by window, the first ``hurried`` of them in a hurry."""
    stretch = voice.start(voice.phonemes(TEXT)[0], CALM, Stop(), wide=wide)
    starts = enumerate(range(0, stretch.frames, size))
    return np.concatenate(
        [
            voice.decode(stretch, at, min(at + size, stretch.frames), Stop(), wide=wide, hurry=number < hurried)
            for number, at in starts
        ]
    )


@pytest.mark.parametrize("size", [30, 128])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("hurried", [0, 1, 100])
def test_windows_are_the_whole_model_to_the_last_sample(voice, whole, size, wide, hurried) -> None:
    sound = in_windows(voice, size, wide=wide, hurried=hurried)
    assert sound.shape == whole.shape
    assert np.abs(sound - whole).max() < 1e-4


def test_a_hurried_window_does_not_wait_for_the_frames_behind_it(voice) -> None:
    stretch = voice.start(voice.phonemes(TEXT)[0], CALM, Stop())
    voice.decode(stretch, 0, 40, Stop(), hurry=True)
    assert stretch.latent.shape[2] == 40 + voice.context_frames < stretch.frames


def test_a_model_whose_flow_cannot_be_told_apart_is_cut_all_the_same(load_once, model, whole, monkeypatch) -> None:
    monkeypatch.setattr("nexy_tts.graph._flow_entrance", lambda _, latent: (latent, ""))
    flowless = load_once("flowless", model, 1)
    assert flowless.aligns
    assert np.abs(in_windows(flowless, 60, hurried=1) - whole).max() < 1e-4


def test_the_packaged_voice_is_cut(voice) -> None:
    assert voice.aligns
    assert voice.context_frames == 12


def test_durations_add_up_to_the_sound(voice, whole) -> None:
    stretch = voice.start(voice.phonemes(TEXT)[0], CALM, Stop())
    assert stretch.durations.sum() == stretch.frames
    assert stretch.frames * voice.samples_per_frame == len(whole)


def test_every_part_stops(voice) -> None:
    stop = Stop()
    stretch = voice.start(voice.phonemes(TEXT)[0], CALM, stop)
    stop.set()
    with pytest.raises(Stopped):
        voice.decode(stretch, 0, 10, stop)
    with pytest.raises(Stopped):
        voice.start(voice.phonemes(TEXT)[0], CALM, stop)


def test_a_model_that_cannot_be_cut_still_speaks(load_once, model, voice, whole, monkeypatch) -> None:
    def refuse(_: bytes) -> None:
        raise NotCuttable("another kind")

    monkeypatch.setattr("nexy_tts.engine.cut", refuse)
    uncut = load_once("uncut", model, 1)
    stretch = uncut.start(voice.phonemes(TEXT)[0], CALM, Stop())
    sound = np.concatenate([uncut.decode(stretch, 0, 100, Stop()), uncut.decode(stretch, 100, stretch.frames, Stop())])
    assert np.abs(sound - whole).max() < 1e-4


@given(st.binary(max_size=200))
def test_noise_is_no_model(data) -> None:
    with pytest.raises(NotCuttable):
        cut(data)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_a_truncated_model_is_no_model(model, share) -> None:
    data = model.read_bytes()
    with pytest.raises(NotCuttable):
        cut(data[: int(len(data) * share)])
