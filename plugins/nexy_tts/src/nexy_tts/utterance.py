"""One piece of speech on its way through a voice: cut, spoken, joined."""

import re
from collections import deque
from collections.abc import Iterator

from nexy_tts.engine import Stop, Voice
from nexy_tts.options import Style
from nexy_tts.pcm import BYTES_PER_SECOND, PcmStream

_SLICE_CHARS = 600  # phonemising holds the GIL: about a millisecond for this much
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


class Utterance:
    """Makes the sound of ``text`` stretch by stretch. ``next_pcm`` is called in a thread, once at a time."""

    def __init__(self, voice: Voice, text: str, style: Style, max_phonemes: int) -> None:
        self._voice = voice
        self._style = style
        self._limit = max_phonemes
        self._slices = deque(slices(text))
        self._stretches: deque[list[str]] = deque()
        self._stream = PcmStream(voice.sample_rate_hz, style.volume)
        self.stop = Stop()
        self.finished = False

    def next_pcm(self, wide: bool) -> bytes:
        """The next stretch as 48 kHz ``int16`` bytes; empty when stopped or when there is nothing to say.

        Raises ``SynthesisFailed``.
        """
        self._refill()
        if not self._stretches:
            self.finished = True
            return b""
        samples = self._voice.run(self._stretches.popleft(), self._style, self.stop, wide=wide)
        self._refill()
        self.finished = not self._stretches
        return self._stream.feed(samples, last=self.finished)

    def _refill(self) -> None:
        while self._slices and not self._stretches:
            for sentence in self._voice.phonemes(self._slices.popleft()):
                self._stretches.extend(stretches(sentence, self._limit))


def pcm_seconds(pcm: bytes) -> float:
    """How long ``pcm`` plays."""
    return len(pcm) / BYTES_PER_SECOND
