"""Which words have been said when: by the real voice's phonemes and by what is heard."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_tts.align import is_sound, phoneme_end_frames, word_ends
from nexy_tts.files import find_voice

from nexy_core import Sentence

TEXT = st.text(st.sampled_from("ab .,ˈ1"), max_size=60)


@given(TEXT, st.lists(st.sampled_from(["a", "b", "ˈ", " ", ",", "."]), max_size=80), st.integers(0, 9))
def test_ends_are_in_order_and_in_range(text, phonemes, length) -> None:
    ends = word_ends(text, phonemes, lambda _: length)
    assert [end.chars for end in ends] == sorted({end.chars for end in ends})
    assert [end.phonemes for end in ends] == sorted(end.phonemes for end in ends)
    assert all(0 <= end.phonemes <= len(phonemes) and end.chars <= len(text) for end in ends)
    if ends:
        assert ends[-1].chars == len(text)


def test_words_run_together_and_numbers_spread_out(load_once, tmp_path) -> None:
    voice = load_once("joe", find_voice("joe", tmp_path), 2)
    text = "The owner of the shop paid 3.50, then left. Yes!"
    phonemes = [phoneme for sentence in voice.phonemes(text) for phoneme in sentence]
    said = {
        text[: end.chars].rsplit(maxsplit=1)[-1]: "".join(phonemes[: end.phonemes])
        for end in word_ends(text, phonemes, voice.sounds)
    }
    assert said["owner"].endswith("ˈoʊnɚɹ")
    assert said["shop"].endswith("ʃˈɑːp")
    assert said["paid"].endswith("pˈeɪd")
    assert said["3.50,"].endswith("zˈiəɹoʊ")
    assert said["left."].endswith("lˈɛft")
    assert said["Yes!"].endswith("jˈɛs")


def test_what_is_no_sound() -> None:
    assert is_sound("a")
    assert not any(map(is_sound, "ˈˌ ,."))


def test_frames_of_phonemes() -> None:
    ids = {"_": [0], "^": [1], "$": [2], "a": [3], "b": [4, 5]}
    # ^ _ a _ b b _ $
    durations = np.array([1, 1, 2, 1, 3, 3, 1, 5])
    assert list(phoneme_end_frames(["a", "x", "b"], durations, ids)) == [5, 5, 12]
    assert phoneme_end_frames(["a"], durations, ids) is None
    assert phoneme_end_frames([], durations, ids) is None
    assert phoneme_end_frames(["a"], None, ids) is None


@pytest.mark.parametrize("lead", ["", "  "])
async def test_chunks_say_which_words_are_complete(make_synthesizer, lead) -> None:
    text = lead + "One moment, please, while I look. Thank you, my friend."
    synthesizer = await make_synthesizer(chunk_bytes=1920)  # 20 ms
    piece = Sentence("t", 0, text, text)
    for _ in ("made", "cached"):
        chunks = [chunk async for chunk in synthesizer.process(piece)]
        counts = [chunk.spoken_chars for chunk in chunks]
        assert counts == sorted(counts)
        assert counts[-1] == len(text)
        assert {text[:count].split()[-1] for count in counts if count} == set(text.split())
    sound = np.frombuffer(b"".join(chunk.data for chunk in chunks), "<i2").astype(float)
    for pause in ("look.", "you,"):
        after = counts.index(text.index(pause) + len(pause) + 1) * 960
        quietest = min(np.abs(sound[at : at + 960]).mean() for at in range(after, after + 9600, 480))
        assert quietest < np.abs(sound).mean() / 10  # a pause follows within 200 ms
