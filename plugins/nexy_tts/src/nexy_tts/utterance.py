"""One piece of speech on its way through a voice: cut, spoken, joined."""

import attrs
import numpy as np

from nexy_core import SAMPLE_RATE_HZ
from nexy_tts.align import phoneme_end_frames
from nexy_tts.cutting import Part, Script
from nexy_tts.decoder import Samples, Stretch
from nexy_tts.engine import Voice
from nexy_tts.options import Style
from nexy_tts.pcm import BYTES_PER_SECOND, SAMPLE_BYTES, Mark, PcmStream
from nexy_tts.sessions import Stop

_SECONDS_PER_PHONEME = 0.065
_HEADROOM = 1.2  # of the usual level, for sentences that are louder
_FIRST_FRAMES = 48  # half a second: soon made, and long enough to make the next
_MOST_FRAMES = 128  # larger ones cost hardly less, and an urgent turn would wait longer
_MOST_FRAMES_ALONE = 256  # when nobody waits, with every core
_CRUMB_FRAMES = 40  # a window this short costs more in surroundings than in sound


@attrs.frozen
class Made:
    """What one step of work gave: 48 kHz ``int16`` bytes, how much sound was made (released yet or not), and when
    words end in the whole piece.
    """

    pcm: bytes
    seconds: float
    marks: tuple[Mark, ...] = ()

    @property
    def released_seconds(self) -> float:
        return len(self.pcm) / BYTES_PER_SECOND


class Utterance:
    """Makes the sound of ``text`` window by window. ``make`` is called in a thread, once at a time.

    ``hurry``: have the first window as soon as can be, though all of it takes a little longer.
    The beginning of a sentence is held until its level is known.
    """

    def __init__(self, voice: Voice, text: str, style: Style, max_phonemes: int, *, hurry: bool = False) -> None:
        self._voice = voice
        self._hurry = hurry
        self._style = style
        self._script = Script(voice, text, max_phonemes)
        self._stretch: Stretch | None = None
        self._at = 0
        self._frames_before = 0
        self._hold_frames = round(style.level_seconds / self._seconds(1))
        self._window = _MOST_FRAMES if self._hold_frames else _FIRST_FRAMES
        self._held: list[Samples] = []
        self._peak = 0.0
        self._stream = PcmStream(voice.sample_rate_hz, style.volume)
        self.stop = Stop()
        self.finished = False
        self.owed_seconds = self._owed_seconds()
        """About how much is still to be made."""

    @property
    def next_seconds(self) -> float:
        """About how much sound the next step releases; 0 while it is held."""
        if self._stretch is None:
            return 0.0 if self._hold_frames else self._seconds(self._window)
        held = sum(len(samples) for samples in self._held) / self._voice.sample_rate_hz
        enough = self._at + self._window >= min(self._hold_frames, self._stretch.frames)
        return held + self._seconds(self._window) if enough else 0.0

    def make(self, wide: bool) -> Made:
        """The next step. Raises ``Stopped`` or ``SynthesisFailed``."""
        marks: tuple[Mark, ...] = ()
        if self._stretch is None and (part := self._script.peek()):
            self._stretch = self._voice.start(part.phonemes, self._style, self.stop, wide=wide)
            self._script.pop()
            self._at, self._peak = 0, 0.0 if self._hold_frames else self._voice.peak * _HEADROOM
            marks = self._marks(part, self._stretch)
        if self._stretch is None:
            self.finished = True
            return Made(b"", 0.0)
        made = self._decode(self._stretch, wide)
        self.owed_seconds = self._owed_seconds()
        return attrs.evolve(made, marks=marks)

    def _decode(self, stretch: Stretch, wide: bool) -> Made:
        end = self._at + self._window
        if end + _CRUMB_FRAMES >= stretch.frames:
            end = stretch.frames
        seconds = self._seconds(end - self._at)
        self._held.append(self._voice.decode(stretch, self._at, end, self.stop, wide=wide, hurry=self._hurry))
        self._hurry = False
        self._at, self._window = end, min(2 * self._window, _MOST_FRAMES_ALONE if wide else _MOST_FRAMES)
        if end == stretch.frames:
            self._stretch = None
            self._frames_before += stretch.frames
        self.finished = self._stretch is None and self._script.peek() is None
        known = self._stretch is None or end >= self._hold_frames
        return Made(self._release() if known else b"", seconds)

    def _release(self) -> bytes:
        """Everything held, at the level of its loudest sound; what follows in the sentence keeps the level."""
        samples = np.concatenate(self._held)
        self._held.clear()
        self._peak = self._peak or float(np.abs(samples).max(initial=0.0))
        return self._stream.feed(samples, self._peak, last=self.finished)

    def _marks(self, part: Part, stretch: Stretch) -> tuple[Mark, ...]:
        """When the part's words end, where the voice says how long its phonemes last."""
        frames = phoneme_end_frames(part.phonemes, stretch.durations, self._voice.ids) if part.ends else None
        if frames is None:
            return ()
        return tuple(Mark(self._bytes(int(frames[end.phonemes - 1])), end.chars) for end in part.ends)

    def _bytes(self, frames: int) -> int:
        return round(self._seconds(self._frames_before + frames) * SAMPLE_RATE_HZ) * SAMPLE_BYTES

    def _owed_seconds(self) -> float:
        frames = self._stretch.frames - self._at if self._stretch else 0
        return self._seconds(frames) + self._script.phonemes_left * _SECONDS_PER_PHONEME / self._style.rate

    def _seconds(self, frames: int) -> float:
        return frames * self._voice.samples_per_frame / self._voice.sample_rate_hz
