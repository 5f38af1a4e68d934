"""What to say next: text cut into stretches of phonemes that a voice can make in one go."""

import re
from collections import deque
from collections.abc import Iterator, Sequence

import attrs

from nexy_tts.align import WordEnd, word_ends
from nexy_tts.engine import Voice

_SLICE_CHARS = 400  # phonemising holds the GIL: a millisecond or two for this much
_PAUSES = (",", ";", ":", "—", " ")


def slices(text: str, limit: int = _SLICE_CHARS) -> Iterator[str]:
    """``text`` in pieces of at most ``limit`` characters, cut after a sentence, else a clause, else a word."""
    start = 0
    while len(text) - start > limit:
        end = start + _cut(text[start : start + limit])
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


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
class Part:
    """Phonemes to make in one go, and where the words of the text end in them."""

    phonemes: list[str]
    ends: list[WordEnd]


class Script:
    """The parts of ``text``, made as they are needed."""

    def __init__(self, voice: Voice, text: str, max_phonemes: int) -> None:
        self._voice = voice
        self._limit = max_phonemes
        self._slices = slices(text)
        self._all_chars = len(text)
        self._chars = 0
        self._parts: deque[Part] = deque()

    def peek(self) -> Part | None:
        """The next part; ``None`` at the end."""
        while not self._parts and (text := next(self._slices, "")):
            self._parts.extend(self._cut(text, self._voice.phonemes(text)))
            self._chars += len(text)
        return self._parts[0] if self._parts else None

    def pop(self) -> None:
        """The next part is done with."""
        self._parts.popleft()

    @property
    def phonemes_left(self) -> int:
        """About how many phonemes are still to come."""
        return sum(len(part.phonemes) for part in self._parts) + self._all_chars - self._chars

    def _cut(self, text: str, sentences: Sequence[list[str]]) -> Iterator[Part]:
        everything = [phoneme for sentence in sentences for phoneme in sentence]
        ends = deque(word_ends(text, everything, self._voice.sounds) if self._voice.aligns else ())
        start = 0
        for sentence in sentences:
            for phonemes in stretches(sentence, self._limit):
                stop = start + len(phonemes)
                yield Part(phonemes, [self._moved(ends.popleft(), start) for _ in range(_until(ends, stop))])
                start = stop

    def _moved(self, end: WordEnd, start: int) -> WordEnd:
        return WordEnd(max(1, end.phonemes - start), end.chars + self._chars)


def _until(ends: Sequence[WordEnd], stop: int) -> int:
    return sum(end.phonemes <= stop for end in ends)
