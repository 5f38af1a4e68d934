import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st
from nexy_tts.pcm import Chunker, Mark, PcmStream


@given(st.lists(st.binary(max_size=50)), st.integers(1, 20).map(lambda half: 2 * half))
def test_chunks_are_the_bytes(parts, size) -> None:
    chunker = Chunker(size)
    chunks = [chunk.data for part in parts for chunk in chunker.feed(part)]
    assert {len(chunk) for chunk in chunks} <= {size}
    rest = [chunk.data for chunk in chunker.close(9)]
    assert b"".join([*chunks, *rest]) == b"".join(parts)
    assert len(rest) == any(parts)
    assert all(0 < len(chunk) <= size for chunk in rest)


def test_a_chunk_says_which_words_end_in_it() -> None:
    chunker = Chunker(4, before=2)
    first = list(chunker.feed(bytes(5), [Mark(4, 3), Mark(6, 7), Mark(15, 9)]))
    second = list(chunker.feed(bytes(9), [Mark(16, 12)]))
    assert [chunk.spoken_chars for chunk in (*first, *second)] == [5, 9, 9]
    assert [chunk.spoken_chars for chunk in chunker.close(14)] == [14]


def noise(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.3, int(seconds * rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 44_100, 48_000])
def test_one_stretch_is_one_resampling(rate) -> None:
    wave = noise(0.5, rate)
    made = np.frombuffer(PcmStream(rate, 1.0).feed(wave, float(np.abs(wave).max()), last=True), "<i2")
    whole = soxr.resample(wave / np.abs(wave).max(), rate, 48_000)
    assert len(made) == len(whole)
    assert np.corrcoef(made, whole)[0, 1] > 0.99999


def test_nothing_is_clipped_even_where_resampling_overshoots() -> None:
    square = np.sign(np.sin(np.arange(22_050) * 0.05)).astype(np.float32)
    made = np.frombuffer(PcmStream(22_050, 1.0).feed(square, 1.0, last=True), "<i2")
    assert np.abs(made.astype(int)).max() < 32767
    assert np.abs(made.astype(int)).max() > 32000


@pytest.mark.parametrize("cuts", [[4000], [1, 2, 3], [22_049]])
def test_stretches_join_without_a_seam(cuts) -> None:
    # A tone of one level, cut anywhere: joined it must be the tone again.
    tone = np.sin(np.arange(22_050) * 0.02).astype(np.float32)
    stream = PcmStream(22_050, 0.5)
    parts = np.split(tone, cuts)
    made = np.frombuffer(b"".join(stream.feed(part, 1.0, last=part is parts[-1]) for part in parts), "<i2")
    assert len(made) == 48_000


def test_volume_scales_and_silence_stays_silent() -> None:
    wave = noise(0.2, 22_050)
    loud = np.frombuffer(PcmStream(22_050, 1.0).feed(wave, float(np.abs(wave).max()), last=True), "<i2").astype(float)
    soft = np.frombuffer(PcmStream(22_050, 0.25).feed(wave, float(np.abs(wave).max()), last=True), "<i2").astype(float)
    assert np.abs(soft).max() == pytest.approx(np.abs(loud).max() / 4, rel=0.01)
    silent = PcmStream(22_050, 1.0).feed(np.zeros(1000, np.float32), 0.0, last=True)
    assert silent == bytes(len(silent))


def test_nothing_in_nothing_out() -> None:
    assert PcmStream(22_050, 1.0).feed(np.zeros(0, np.float32), 0.0, last=True) == b""
