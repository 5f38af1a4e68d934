"""From a voice's samples to the wire's: level, 48 kHz, int16, chunks."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nexy_core import SAMPLE_RATE_HZ
from nexy_tts.sessions import Array

BYTES_PER_SECOND = SAMPLE_RATE_HZ * 2
_FULL_SCALE = 32767
_KNEE = 0.97  # of full scale: where the bend begins
_SILENCE = 1e-8
_NEARLY = 0.995  # so that rounding cannot reach the rail


class PcmStream:
    """Joins the windows of one piece of speech into one seamless ``int16`` stream at 48 kHz.

    Where the sound would leave the range, after resampling or because a sentence grows louder than it began, it is
    bent softly below full scale, never clipped.
    """

    def __init__(self, sample_rate_hz: int, volume: float) -> None:
        import soxr

        self._resampler: Any = soxr.ResampleStream(sample_rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32")
        self._volume = volume

    def feed(self, samples: Array, peak: float, *, last: bool) -> bytes:
        """The next bytes, with ``peak`` raised to full scale; ``last`` flushes what the resampler holds back."""
        level = samples * (1.0 / peak) if peak > _SILENCE else np.zeros_like(samples)
        made = self._resampler.resample_chunk(np.ascontiguousarray(level, np.float32), last=last)
        pcm: bytes = np.rint(_bend(made) * (self._volume * _FULL_SCALE)).astype("<i2").tobytes()
        return pcm


def _bend(wave: Array) -> Array:
    """``wave`` with everything beyond the knee bent towards, and never to, full scale."""
    beyond = np.abs(wave) - _KNEE
    if beyond.max(initial=-1.0) <= 0:
        return wave
    room = 1.0 - _KNEE
    bent = np.sign(wave) * (_KNEE + room * np.tanh(beyond / room) * _NEARLY)
    return np.where(beyond > 0, bent, wave)


class Chunker:
    """Cuts bytes into chunks of one size; only the rest may be shorter."""

    def __init__(self, chunk_bytes: int) -> None:
        self._chunk_bytes = chunk_bytes
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The full chunks there are now. The last is held back, so that ``rest`` is never empty."""
        data = self._rest + data
        end = max(0, len(data) - 1) // self._chunk_bytes * self._chunk_bytes
        self._rest = data[end:]
        for start in range(0, end, self._chunk_bytes):
            yield data[start : start + self._chunk_bytes]

    def rest(self) -> bytes:
        """What is left; empty only if nothing was fed."""
        rest, self._rest = self._rest, b""
        return rest
