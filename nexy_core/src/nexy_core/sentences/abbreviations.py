"""Whether a full stop behind a word ends the sentence: abbreviations, initials, list numbers (English and Russian)."""

import re

from nexy_core.sentences.words import (
    BEFORE_NUMBER,
    BEHIND_CLOCK,
    CLOCK,
    CLOSING,
    EXCLAIMED,
    LABELS,
    NEVER,
    OPEN,
    PREPOSITIONS,
    SAINTED,
    STARTERS,
    STREETS,
    TITLES,
    UNITS,
    VERBS,
    YEARS,
)

_ACRONYM = re.compile(r"(?:[^\W\d_]\.-?)*[^\W\d_]")
_LETTER = re.compile(r"[^\W\d_]")
_MARKER = re.compile(r"\d{1,3}|[^\W\d_]")
_LINE_HEAD = re.compile(r"[ \t>*_#\-+•]*\Z")
_PAIR_END = re.compile(r"(?:^|\W)т\.\s\Z")
_NUMBER_END = re.compile(r"\d\s*(?:(?:sq|cu|кв|куб)\.\s*)?\Z|\b[IVXLC]+\s*\Z")
_DEGREES_END = re.compile(r"(?:[°º]|\d\s?deg\.?)\s?\Z")
_DEGREES_OF = re.compile(r"[CFKNSEW](?![^\W_])")
_NUMBER = re.compile(r"\+?\d")
_LAST_WORD = re.compile(r"([^\W\d_]+)\s\Z")
_NEXT_WORD = re.compile(r"[^\W_]+")  # "He" of "He's"
_MAX_NEXT_WORD_CHARS = 24
_PHRASE_WORDS = 3
_PAIRS_AT_END = "дп"
_REST = "пр"  # "и пр." is "and others", "пр." an avenue
_PAIR_CHARS = 4
_NUMBER_CHARS = 16
_NAME_CHARS = 24
_TWO_WORDS_CHARS = 48
_WORDS_KNOWN = 3  # the third tells that the second is complete


def ends_sentence(before: str, word: str, after: str, *, final: bool) -> bool | None:
    """Whether the stop between ``word`` and ``after`` ends the sentence; None when the next word is not complete.

    ``before`` is the piece up to ``word``, ``after`` what follows the blanks and opening quotes.
    """
    key = word.lower()
    if _is_marker(before, word):
        return False
    if len(key) == 1 and _PAIR_END.search(before[-_PAIR_CHARS:]):
        return key in _PAIRS_AT_END
    if key in CLOSING or (key == _REST and before.endswith("и ")) or _is_label(before, key):
        return True
    if _behind_number(before) and _ends_measure(before, key):
        return not after[:1].isdigit() and not (key == "deg" and _DEGREES_OF.match(after))  # "5 ч. 30 мин."
    return _by_what_follows(before, word, after, final=final)


def _by_what_follows(before: str, word: str, after: str, *, final: bool) -> bool | None:
    key = word.lower()
    if key in STREETS and _behind_name(before):
        return _by_two_words(after, final=final)
    if key in NEVER and word not in TITLES:
        return False
    return _by_next_word(before, key, after, final=final)


def ends_exclamation(word: str, after: str, *, final: bool) -> bool | None:
    """The same for the mark at the end of ``word``: some names have one (``Yahoo! Inc.``)."""
    return word.lower() not in EXCLAIMED or _starts(after, final=final)


def _by_next_word(before: str, key: str, after: str, *, final: bool) -> bool | None:
    if key in BEFORE_NUMBER and _NUMBER.match(after):
        return False
    if not (key in OPEN or key in TITLES or key in CLOCK or _ACRONYM.fullmatch(key)):
        return True
    word = _NEXT_WORD.match(after)
    if word is not None and key in CLOCK and len(before.split()) > _PHRASE_WORDS:
        return None if _is_open(word, after, final=final) else word[0].lower() not in BEHIND_CLOCK
    return _starts(after, final=final)


def _starts(after: str, *, final: bool) -> bool | None:
    """Whether ``after`` begins with a word that begins sentences."""
    word = _NEXT_WORD.match(after)
    if word is None:
        return True
    if _is_open(word, after, final=final):
        return None
    initial = after[1:2] == "."
    return not initial and word[0].lower() in STARTERS


def _is_open(word: re.Match[str], after: str, *, final: bool) -> bool:
    """Whether more of the word, or the stop that makes it an initial, may follow."""
    return word.end() >= len(after) and word.end() < _MAX_NEXT_WORD_CHARS and not final


def _by_two_words(after: str, *, final: bool) -> bool | None:
    """Behind a street its town may follow, "Baker St. London"; with a verb it is the next sentence."""
    words = after[:_TWO_WORDS_CHARS].split(maxsplit=2)
    if len(words) < _WORDS_KNOWN and len(after) < _TWO_WORDS_CHARS and not final:
        return None
    return words[0].rstrip(",.;:!?…").lower() in STARTERS or any(word in VERBS for word in words[1:2])


def _behind_name(before: str) -> bool:
    name = _LAST_WORD.search(before[-_NAME_CHARS:])
    return bool(name and name[1].istitle() and name[1].lower() not in SAINTED | STARTERS | PREPOSITIONS)


def _is_label(before: str, key: str) -> bool:
    """The letter of ``Plan B.`` or ``30 °C.``, which is no initial."""
    label = _LAST_WORD.search(before[-_NAME_CHARS:])
    return bool(
        _LETTER.fullmatch(key)
        and ((label and label[1].lower() in LABELS) or _DEGREES_END.search(before[-_NUMBER_CHARS:]))
    )


def _is_marker(before: str, word: str) -> bool:
    """``1.`` or ``a.`` at the start of a line."""
    return bool(_MARKER.fullmatch(word) and _LINE_HEAD.fullmatch(before.rpartition("\n")[2]))


def _ends_measure(before: str, key: str) -> bool:
    """``5 руб.`` may end a sentence; a year's phrase alone is none: ``В 1812 г. Наполеон``."""
    return key in UNITS or (key in YEARS and len(before.split()) > _PHRASE_WORDS)


def _behind_number(before: str) -> bool:
    return bool(_NUMBER_END.search(before[-_NUMBER_CHARS:]))
