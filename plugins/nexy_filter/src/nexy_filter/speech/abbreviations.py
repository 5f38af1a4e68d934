"""Abbreviations written out, where the words are certain."""

import re
from collections.abc import Mapping

_RULES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "en": (
        (r"\be\.\s?g\.,?", "for example,"),
        (r"\bi\.\s?e\.,?", "that is,"),
        (r"\betc\.", "et cetera"),
        (r"\bvs\.?(?=\s)", "versus"),
        (r"\bapprox\.", "approximately"),
        (r"\bw/o\b", "without"),
        (r"\bMr\.", "Mister"),
        (r"\bMrs\.", "Missus"),
        (r"\bMs\.", "Miz"),
        (r"\bDr\.(?=\s[A-Z])", "Doctor"),
        (r"\bProf\.(?=\s[A-Z])", "Professor"),
        (r"\bNo\.(?=\s?\d)", "number"),
        (r"\bfig\.(?=\s?\d)", "figure"),
        (r"\bpp\.(?=\s?\d)", "pages"),
        (r"\bp\.(?=\s?\d)", "page"),
    ),
    "ru": (
        (r"\bи\s+т\.\s?д\.", "и так далее"),
        (r"\bи\s+т\.\s?п\.", "и тому подобное"),
        (r"\bи\s+др\.", "и другие"),
        (r"\bт\.\s?е\.", "то есть"),
        (r"\bт\.\s?к\.", "так как"),
        (r"\bт\.\s?н\.", "так называемый"),
        (r"\bв\s+т\.\s?ч\.", "в том числе"),
        (r"\bдо\s+н\.\s?э\.", "до нашей эры"),
        (r"\bн\.\s?э\.", "нашей эры"),
        (r"\bнапр\.", "например"),
        (r"\bсм\.(?=\s?[а-яё])", "смотри"),
        (r"\bрис\.(?=\s?\d)", "рисунок"),
        (r"\bстр\.(?=\s?\d)", "страница"),
        (r"\bгл\.(?=\s?\d)", "глава"),
        (r"\bул\.(?=\s?[А-ЯЁ])", "улица"),
        (r"\bпросп\.(?=\s?[А-ЯЁ])", "проспект"),
        (r"(?<!\d)(?<!\d\s)\bг\.(?=\s?[А-ЯЁ])", "город"),
        (r"\bд\.(?=\s?\d)", "дом"),
        (r"\bкв\.(?=\s?\d)", "квартира"),
        (r"\bпроф\.(?=\s?[А-ЯЁ])", "профессор"),
        (r"\bакад\.(?=\s?[А-ЯЁ])", "академик"),
        (r"\bтел\.", "телефон"),
        (r"№\s?(?=\d)", "номер "),
    ),
}
_COMPILED = {
    language: tuple((re.compile(pattern, re.IGNORECASE), said) for pattern, said in rules)
    for language, rules in _RULES.items()
}


def expand(text: str, language: str) -> str:
    """``text`` with its abbreviations in words; a stop that also ends the sentence stays."""
    for pattern, said in _COMPILED.get(language, ()):
        text = pattern.sub(lambda found, said=said: _say(said, found), text)  # type: ignore[misc]
    return text


def _say(said: str, found: re.Match[str]) -> str:
    cased = said[0].upper() + said[1:] if found[0][0].isupper() else said
    ends = found[0].endswith(".") and not found.string[found.end() :].strip(" \n\"'»”)")
    return cased.rstrip(",") + "." if ends else cased
