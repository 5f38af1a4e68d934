"""When each word of a text has been said, from how long its voice holds each phoneme."""

import bisect
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

import attrs
import numpy as np

from nexy_tts.sessions import Array

_WORD = re.compile(r"(\S+)\s*")
_STRESS = "ˈˌ"
_PAD, _BEGIN, _END = "_", "^", "$"  # as Piper names them
_SNAP = 2.5  # phonemes: a word said in a sentence is about this much shorter or longer than said alone


@attrs.frozen
class WordEnd:
    """After ``phonemes`` phonemes, ``chars`` characters of the text are complete, with the space after the word."""

    phonemes: int
    chars: int


def word_ends(text: str, phonemes: Sequence[str], length: Callable[[str], int]) -> list[WordEnd]:
    """Where the words of ``text`` end among its ``phonemes``; ``length`` says how many sounds a word has alone.

    A voice runs words together ("of the") and takes some as several ("3.50"), so spaces cannot be counted: the end is
    where the lengths put it, moved to a gap between words if one is near.
    """
    sounds = [index for index, phoneme in enumerate(phonemes) if is_sound(phoneme)]
    words = [(match.end(), length(match[1])) for match in _WORD.finditer(text)]
    total = sum(count for _, count in words)
    if not total or not sounds:
        return []
    gaps = [rank for rank in range(1, len(sounds)) if any(map(_is_pause, phonemes[sounds[rank - 1] : sounds[rank]]))]
    ends, said, rank = [], 0, 0
    for chars, count in words:
        said += count
        rank = max(rank, _nearest([*gaps, len(sounds)], said * len(sounds) / total))
        ends.append(WordEnd(sounds[rank - 1] + 1 if rank else 0, chars))
    return ends


def is_sound(phoneme: str) -> bool:
    """Whether ``phoneme`` is neither a pause nor a stress mark."""
    return phoneme.isalpha() and phoneme not in _STRESS


def _is_pause(phoneme: str) -> bool:
    return not phoneme.isalpha() and not unicodedata.combining(phoneme[0])


def _nearest(gaps: Sequence[int], wanted: float) -> int:
    at = bisect.bisect_left(gaps, wanted)
    near = min(gaps[max(0, at - 1) : at + 1], key=lambda gap: abs(gap - wanted))
    return near if abs(near - wanted) <= _SNAP else round(wanted + 0.5)


def phoneme_end_frames(
    phonemes: Sequence[str], durations: Array | None, ids: Mapping[str, Sequence[int]]
) -> Array | None:
    """The frame at which each phoneme ends; ``None`` if the voice does not count its ids as Piper does."""
    if durations is None or not phonemes:
        return None
    pad = len(ids.get(_PAD, ()))
    counts = [len(ids[phoneme]) + pad if phoneme in ids else 0 for phoneme in phonemes]
    ends = len(ids.get(_BEGIN, ())) + pad + np.cumsum(counts, dtype=np.int64)
    if ends[-1] + len(ids.get(_END, ())) != len(durations):
        return None
    frames: Array = np.cumsum(durations)[ends - 1]
    return frames
