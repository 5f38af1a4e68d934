"""Profanity by word lists: exact words, stems with any ending, and exceptions; disguises are looked through."""

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files

import attrs

_LISTS = ("profanity_en.txt", "profanity_ru.txt")
_WORD = re.compile(r"[\w@$*!|+¥€]+(?:['’][\w]+)?")
_DISGUISE = re.compile(r"[0-9@$*!|+_¥€]")
_LEET = str.maketrans("013457@$!|+", "oieastasiit")
_TO_LATIN = str.maketrans("аеорсухкмтнв", "aeopcyxkmthb")
_TO_CYRILLIC = str.maketrans("aeopcyxkmthb03@6", "аеорсухкмтнвозаб")
_CYRILLIC = re.compile("[а-я]")
_LATIN = re.compile("[a-z]")
_REPEATS = re.compile(r"(.)\1+")
_EDGES = "!$+|_*"
_SHORTEST_STEM_CHARS = 3
_WORDS_KEPT = 4096
_PREFIXES = ("за", "вы", "по", "на", "от", "до", "при", "пере", "про", "у", "раз", "рас", "под", "недо", "из", "изо")


@attrs.define
class WordList:
    """Words to find. ``stem*`` matches any ending, also behind a Russian prefix (``за-``, ``вы-``)."""

    _words: set[str] = attrs.field(factory=set)
    _stems: set[str] = attrs.field(factory=set)
    _allowed_words: set[str] = attrs.field(factory=set)
    _allowed_stems: set[str] = attrs.field(factory=set)
    _longest_chars: int = attrs.field(init=False, default=0)
    _clean: set[str] = attrs.field(init=False, factory=set)  # seen and not on the list, as written
    _beginnings: set[str] = attrs.field(init=False, factory=set)  # of all stems: most words share none

    @classmethod
    def load(cls, extra: Iterable[str] = ()) -> "WordList":
        """The built-in lists and ``extra`` lines in the same form."""
        words = cls()
        for name in _LISTS:
            words.add(files("nexy_filter.content").joinpath(name).read_text(encoding="utf-8").splitlines())
        words.add(extra)
        return words

    def add(self, lines: Iterable[str]) -> None:
        """``word``, ``stem*``, ``!exception``, ``!exception*``; ``#`` begins a comment."""
        for line in lines:
            word = line.partition("#")[0].strip().lower().replace("ё", "е")
            allowed, word = word.startswith("!"), word.removeprefix("!")
            if word.endswith("*"):
                (self._allowed_stems if allowed else self._stems).add(word[:-1])
            elif word:
                (self._allowed_words if allowed else self._words).add(word)
        self._clean.clear()
        stems = self._stems | self._allowed_stems
        self._longest_chars = max(map(len, stems), default=0)
        self._beginnings = {stem[:_SHORTEST_STEM_CHARS] for stem in stems}

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """The spans of the words that are on the list."""
        if self._clean.issuperset(_WORD.findall(text)):  # most words are seen again and again
            return
        for match in _WORD.finditer(text):
            if match[0] in self._clean:
                continue
            if self._is_bad(match[0].lower()):
                yield match.span()
            else:
                self._keep(match[0])

    def _keep(self, word: str) -> None:
        if len(self._clean) >= _WORDS_KEPT:
            self._clean.clear()
        self._clean.add(word)

    def _is_bad(self, word: str) -> bool:
        return any(self._is_listed(form) for form in _forms(word.replace("ё", "е")))

    def _is_listed(self, form: str) -> bool:
        if form in self._allowed_words or self._begins(form, self._allowed_stems):
            return False
        if form in self._words or self._begins(form, self._stems):
            return True
        if not form.startswith(_PREFIXES):
            return False
        prefixes = (prefix for prefix in _PREFIXES if form.startswith(prefix))
        return any(self._begins(form[len(prefix) :], self._stems) for prefix in prefixes)

    def _begins(self, form: str, stems: set[str]) -> bool:
        if form[:_SHORTEST_STEM_CHARS] not in self._beginnings:
            return False
        longest = min(len(form), self._longest_chars)
        return any(form[:length] in stems for length in range(_SHORTEST_STEM_CHARS, longest + 1))


def _forms(word: str) -> Iterator[str]:
    """The word, and what it may be in disguise: sh1t, fuuuck, a Latin letter in a Cyrillic word."""
    yield word
    plain = word.strip(_EDGES)
    if plain != word:
        yield plain
    if _CYRILLIC.search(word):
        if _LATIN.search(word) or _DISGUISE.search(word):
            yield word.translate(_TO_CYRILLIC)
            yield word.translate(_TO_LATIN).translate(_LEET)
    elif _LATIN.search(word) and _DISGUISE.search(word):
        yield word.translate(_LEET)
        yield plain.translate(_LEET)
    if _REPEATS.search(plain):
        yield _REPEATS.sub(r"\1", plain)
