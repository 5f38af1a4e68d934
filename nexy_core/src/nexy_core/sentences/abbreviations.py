"""Whether a full stop behind a word ends the sentence: abbreviations, initials, list numbers (English and Russian)."""

import re

from nexy_core.sentences.words import BEFORE_NUMBER, BEHIND_CLOCK, CLOCK, CLOSING, NEVER, OPEN, STARTERS, UNITS, YEARS

_ACRONYM = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_LETTER = re.compile(r"[^\W\d_]")
_MARKER = re.compile(r"\d{1,3}|[^\W\d_]")
_LINE_HEAD = re.compile(r"[ \t>*_#\-+•]*\Z")
_PAIR_END = re.compile(r"(?:^|\W)т\.\s?\Z")
_NUMBER_END = re.compile(r"\d[\d\s.,–—-]*\Z|\b[IVXLC]+\s?\Z")
_NEXT_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_MAX_NEXT_WORD_CHARS = 24
_PHRASE_WORDS = 3
_PAIRS_AT_END = "дп"
_LISTING = frozenset({"др", "пр"})
_PAIR_CHARS = 4
_NUMBER_CHARS = 16


def ends_sentence(before: str, word: str, after: str, *, final: bool) -> bool | None:
    """Whether the stop between ``word`` and ``after`` ends the sentence; None when the next word is not complete.

    ``before`` is the piece up to ``word``, ``after`` what follows the blanks and opening quotes.
    """
    key = word.lower()
    if _is_marker(before, word):
        return False
    if len(key) == 1 and _PAIR_END.search(before[-_PAIR_CHARS:]):
        return key in _PAIRS_AT_END
    if key in CLOSING or (key in _LISTING and before.endswith("и ")):
        return True
    if _behind_number(before) and _ends_measure(before, key):
        return not after[:1].isdigit()  # "5 ч. 30 мин."
    if key in NEVER:
        return False
    return _by_next_word(before, key, after, final=final)


def _by_next_word(before: str, key: str, after: str, *, final: bool) -> bool | None:
    if key in BEFORE_NUMBER and after[:1].isdigit():
        return False
    if not (key in OPEN or key in CLOCK or _LETTER.fullmatch(key) or _ACRONYM.fullmatch(key)):
        return True
    word = _NEXT_WORD.match(after)
    if word is None:
        return True
    if word.end() + 1 >= len(after) and word.end() < _MAX_NEXT_WORD_CHARS and not final:
        return None
    if key in CLOCK and len(before.split()) > _PHRASE_WORDS:
        return word[0].lower() not in BEHIND_CLOCK
    initial = word.end() == 1 and after[1:2] == "."
    return not initial and word[0].lower() in STARTERS


def _is_marker(before: str, word: str) -> bool:
    """``1.`` or ``a.`` at the start of a line."""
    return bool(_MARKER.fullmatch(word) and _LINE_HEAD.fullmatch(before.rpartition("\n")[2]))


def _ends_measure(before: str, key: str) -> bool:
    """``5 руб.`` may end a sentence; a year's phrase alone is none: ``В 1812 г. Наполеон``."""
    return key in UNITS or (key in YEARS and len(before.split()) > _PHRASE_WORDS)


def _behind_number(before: str) -> bool:
    return bool(_NUMBER_END.search(before[-_NUMBER_CHARS:]))
