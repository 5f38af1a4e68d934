"""From a voice's samples to the wire's: level, 48 kHz, int16, chunks."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import attrs
import numpy as np

from nexy_core import SAMPLE_RATE_HZ, AudioChunk
from nexy_tts.sessions import Array

SAMPLE_BYTES = 2
BYTES_PER_SECOND = SAMPLE_RATE_HZ * SAMPLE_BYTES
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


@attrs.frozen
class Mark:
    """After ``offset_bytes`` of sound, ``chars`` characters of the text have been said."""

    offset_bytes: int
    chars: int


class Chunker:
    """Cuts sound into chunks of one size; only the last may be shorter.

    ``before`` is how many characters of the text precede the first one that is spoken.
    """

    def __init__(self, chunk_bytes: int, before: int = 0) -> None:
        self._chunk_bytes = chunk_bytes
        self._before = before
        self._rest = b""
        self._sent_bytes = 0
        self._chars = 0
        self._marks: deque[Mark] = deque()

    def feed(self, data: bytes, marks: Iterable[Mark] = ()) -> Iterator[AudioChunk]:
        """The full chunks there are now. The last is held back, so that there is one to say the end of the text."""
        self._marks.extend(marks)
        data = self._rest + data
        end = max(0, len(data) - 1) // self._chunk_bytes * self._chunk_bytes
        self._rest = data[end:]
        for start in range(0, end, self._chunk_bytes):
            self._sent_bytes += self._chunk_bytes
            yield AudioChunk(data[start : start + self._chunk_bytes], self._said())

    def close(self, chars: int) -> Iterator[AudioChunk]:
        """The last chunk, with which all ``chars`` characters are said; none if there was no sound."""
        rest, self._rest = self._rest, b""
        if rest:
            yield AudioChunk(rest, chars)

    def _said(self) -> int:
        while self._marks and self._marks[0].offset_bytes <= self._sent_bytes:
            self._chars = self._before + self._marks.popleft().chars
        return self._chars
