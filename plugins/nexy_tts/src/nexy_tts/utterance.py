"""One piece of speech on its way through a voice: cut, spoken, joined."""

import re
from collections import deque
from collections.abc import Iterator

import attrs
import numpy as np

from nexy_tts.engine import Samples, Stretch, Voice
from nexy_tts.options import Style
from nexy_tts.pcm import BYTES_PER_SECOND, PcmStream
from nexy_tts.sessions import Stop

_SLICE_CHARS = 600  # phonemising holds the GIL: about a millisecond for this much
_SECONDS_PER_PHONEME = 0.065
_HEADROOM = 1.2  # of the usual level, for sentences that are louder
_FIRST_FRAMES = 48  # half a second: soon made, and long enough to make the next
_MOST_FRAMES = 128  # larger ones cost no less, and an urgent turn would wait longer
_CRUMB_FRAMES = 40  # a window this short costs more in surroundings than in sound
_PAUSES = (",", ";", ":", "—", " ")


def slices(text: str, limit: int = _SLICE_CHARS) -> Iterator[str]:
    """``text`` in pieces of at most ``limit`` characters, cut after a sentence, else a clause, else a word."""
    while len(text) > limit:
        cut = _cut(text[:limit])
        yield text[:cut]
        text = text[cut:]
    if text:
        yield text


def _cut(text: str) -> int:
    for pattern in (r"[.!?。！？…]\s+", r"[,;:、，；：]\s+", r"\s+"):
        ends = [match.end() for match in re.finditer(pattern, text)]
        if ends and ends[-1] > len(text) // 4:
            return ends[-1]
    return len(text)


def stretches(phonemes: list[str], limit: int) -> Iterator[list[str]]:
    """The phonemes in stretches of at most ``limit``, cut at the last pause, else between words."""
    while len(phonemes) > limit:
        cut = next((end for mark in _PAUSES if (end := _last(phonemes[:limit], mark))), limit)
        yield phonemes[:cut]
        phonemes = phonemes[cut:]
    if phonemes:
        yield phonemes


def _last(phonemes: list[str], mark: str) -> int:
    """Where the last ``mark`` in the second half ends, with the space after it; 0 if there is none."""
    half = len(phonemes) // 2
    end = next((index + 1 for index in range(len(phonemes) - 1, half - 1, -1) if phonemes[index] == mark), 0)
    return end + 1 if 0 < end < len(phonemes) and phonemes[end] == " " else end


@attrs.frozen
class Made:
    """What one step of work gave: 48 kHz ``int16`` bytes, and how much sound was made, released yet or not."""

    pcm: bytes
    seconds: float

    @property
    def released_seconds(self) -> float:
        return len(self.pcm) / BYTES_PER_SECOND


class Utterance:
    """Makes the sound of ``text`` window by window. ``make`` is called in a thread, once at a time.

    The beginning of a sentence is held until its level is known.
    """

    def __init__(self, voice: Voice, text: str, style: Style, max_phonemes: int) -> None:
        self._voice = voice
        self._style = style
        self._limit = max_phonemes
        self._slices = deque(slices(text))
        self._waiting: deque[list[str]] = deque()
        self._stretch: Stretch | None = None
        self._at = 0
        self._hold_frames = round(style.level_seconds / self._seconds(1))
        self._window = _MOST_FRAMES if self._hold_frames else _FIRST_FRAMES
        self._held: list[Samples] = []
        self._peak = 0.0
        self._stream = PcmStream(voice.sample_rate_hz, style.volume)
        self.stop = Stop()
        self.finished = False

    @property
    def next_seconds(self) -> float:
        """About how much sound the next step releases; 0 while it is held."""
        if self._stretch is None:
            return 0.0 if self._hold_frames else self._seconds(self._window)
        held = sum(len(samples) for samples in self._held) / self._voice.sample_rate_hz
        enough = self._at + self._window >= min(self._hold_frames, self._stretch.frames)
        return held + self._seconds(self._window) if enough else 0.0

    @property
    def owed_seconds(self) -> float:
        """About how much is still to be made."""
        frames = self._stretch.frames - self._at if self._stretch else 0
        phonemes = sum(len(stretch) for stretch in self._waiting)
        chars = sum(len(part) for part in self._slices)
        return self._seconds(frames) + (phonemes + chars) * _SECONDS_PER_PHONEME / self._style.rate

    def make(self, wide: bool) -> Made:
        """The next step. Raises ``Stopped`` or ``SynthesisFailed``."""
        self._refill()
        if self._stretch is None and self._waiting:
            self._stretch = self._voice.start(self._waiting[0], self._style, self.stop, wide=wide)
            self._waiting.popleft()
            self._at, self._peak = 0, 0.0 if self._hold_frames else self._voice.peak * _HEADROOM
        if self._stretch is None:
            self.finished = True
            return Made(b"", 0.0)
        return self._decode(self._stretch, wide)

    def _decode(self, stretch: Stretch, wide: bool) -> Made:
        end = self._at + self._window
        if end + _CRUMB_FRAMES >= stretch.frames:
            end = stretch.frames
        seconds = self._seconds(end - self._at)
        self._held.append(self._voice.decode(stretch, self._at, end, self.stop, wide=wide))
        self._at, self._window = end, min(2 * self._window, _MOST_FRAMES)
        if end == stretch.frames:
            self._stretch = None
            self._refill()
        self.finished = self._stretch is None and not self._waiting
        known = self._stretch is None or end >= self._hold_frames
        return Made(self._release() if known else b"", seconds)

    def _release(self) -> bytes:
        """Everything held, at the level of its loudest sound; what follows in the sentence keeps the level."""
        samples = np.concatenate(self._held)
        self._held.clear()
        self._peak = self._peak or float(np.abs(samples).max(initial=0.0))
        return self._stream.feed(samples, self._peak, last=self.finished)

    def _refill(self) -> None:
        while self._slices and not self._waiting and self._stretch is None:
            for sentence in self._voice.phonemes(self._slices.popleft()):
                self._waiting.extend(stretches(sentence, self._limit))

    def _seconds(self, frames: int) -> float:
        return frames * self._voice.samples_per_frame / self._voice.sample_rate_hz
