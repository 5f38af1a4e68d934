"""Where the first sentence may be cut early, so that speech starts sooner: at a clause, or before a phrase.

Never inside quotes, brackets, emphasis or code, nor next to numbers, names and abbreviations: both neighbours of a
cut are plain lower-case words, and the voice pauses there anyway.
"""

import re

from nexy_core.sentences.words import CONJUNCTIONS, LEANING, PREPOSITIONS

_CLAUSE_WORDS = 3
_CONJUNCTION_WORDS = 7
_PREPOSITION_WORDS = 10
_ANY_WORDS = 14
_WIDE_CLAUSE_CHARS = 6
_PLAIN = re.compile(r"[a-zа-яё]+(?:['’-][a-zа-яё]+)*")
_PROSE = re.compile(r"\s*[\"'“«(]?[^\W_]")
_MARKER = re.compile(r"\s*(?:\d+|[^\W\d_])[.)]\s")
_TOKEN = re.compile(r"\S+")
_CLAUSE_END = re.compile(r"[a-zа-яё]{2,}[\"”»)]?[,;:]|[—–]", re.IGNORECASE)
_WIDE_CLAUSE = re.compile("[\u3040-\u30ff\u3400-\u9fff][”」』）]?[，；：][”」』）]?")
_PAIRS = (("«", "»"), ("“", "”"), ("(", ")"), ("[", "]"), ("（", "）"), ("「", "」"), ("『", "』"), ("„", "“"))


def clause_cut(text: str) -> int:
    """Where ``text``, the beginning of an answer, may be cut; 0 when there is no such place yet."""
    if not _PROSE.match(text) or _MARKER.match(text):
        return 0
    return _wide_cut(text) or _spaced_cut(text)


def _wide_cut(text: str) -> int:
    for found in _WIDE_CLAUSE.finditer(text):
        if found.end() >= _WIDE_CLAUSE_CHARS and found.end() < len(text) and _balanced(text[: found.end()]):
            return found.end()
    return 0


def _spaced_cut(text: str) -> int:
    tokens = list(_TOKEN.finditer(text))
    for words in range(_CLAUSE_WORDS, len(tokens)):
        last, following = tokens[words - 1], tokens[words]
        if following.end() == len(text):  # it may not be complete
            return 0
        if _may_part(words, last[0], following[0]) and _balanced(text[: following.start()]):
            return following.start()
    return 0


def _may_part(words: int, last: str, following: str) -> bool:
    following = following.rstrip(",.;:!?…")
    if not _PLAIN.fullmatch(following):
        return False
    if _CLAUSE_END.fullmatch(last):
        return True
    if not _PLAIN.fullmatch(last) or last in LEANING:
        return False
    if words >= _ANY_WORDS:
        return True
    return (words >= _CONJUNCTION_WORDS and following in CONJUNCTIONS) or (
        words >= _PREPOSITION_WORDS and following in PREPOSITIONS
    )


def _balanced(text: str) -> bool:
    """No quotation, bracket, emphasis or code is open at the end of ``text``."""
    if any(text.count(mark) % 2 for mark in '"`*') or text.count("__") % 2:
        return False
    return all(text.count(opening) <= text.count(closing) for opening, closing in _PAIRS)
