"""From a voice's samples to the wire's: level, 48 kHz, int16, chunks."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nexy_core import SAMPLE_RATE_HZ
from nexy_tts.engine import Samples

BYTES_PER_SECOND = SAMPLE_RATE_HZ * 2
_FULL_SCALE = 32767
_SILENCE = 1e-8
_HIGHEST = 0.999  # of full scale, so that rounding cannot reach the rail


class PcmStream:
    """Joins the stretches of one piece of speech into one seamless ``int16`` stream at 48 kHz.

    Each sentence is raised to full scale, as Piper does, and lowered again where resampling overshoots:
    nothing is ever clipped.
    """

    def __init__(self, sample_rate_hz: int, volume: float) -> None:
        import soxr

        self._resampler: Any = soxr.ResampleStream(sample_rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32")
        self._volume = volume

    def feed(self, samples: Samples, *, last: bool) -> bytes:
        """The next bytes; ``last`` flushes what the resampler holds back."""
        peak = float(np.abs(samples).max(initial=0.0))
        level = samples / peak if peak > _SILENCE else np.zeros_like(samples)
        made = self._resampler.resample_chunk(level.astype(np.float32), last=last)
        overshoot = max(1.0, float(np.abs(made).max(initial=0.0)) / _HIGHEST)
        pcm: bytes = np.rint(made * (self._volume * _FULL_SCALE / overshoot)).astype("<i2").tobytes()
        return pcm


class Chunker:
    """Cuts bytes into chunks of one size; only the rest may be shorter."""

    def __init__(self, chunk_bytes: int) -> None:
        self._chunk_bytes = chunk_bytes
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The full chunks there are now. One chunk is always held back, so that ``rest`` is never empty."""
        data = self._rest + data
        end = max(0, len(data) - 1) // self._chunk_bytes * self._chunk_bytes
        self._rest = data[end:]
        for start in range(0, end, self._chunk_bytes):
            yield data[start : start + self._chunk_bytes]

    def rest(self) -> bytes:
        """What is left; empty only if nothing was fed."""
        rest, self._rest = self._rest, b""
        return rest
