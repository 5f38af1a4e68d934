"""Roman numerals where they are certain to be some: behind chapters and rulers, in front of centuries."""

import re
from collections.abc import Mapping

from nexy_filter.speech.numerals import in_words

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_WHOLE = re.compile(r"X{0,3}(?:IX|IV|V?I{0,3})")
_COUNTED = re.compile(
    r"\b(chapter|part|volume|section|act|scene|book|phase|type|war|appendix)\s([VX]|[IVX]{2,}|(?<=War\s)I)\b",
    re.IGNORECASE,
)
_RULER_EN = re.compile(r"\b([A-Z][a-z]+)\s([IVX]{2,})\b")
_RULER_RU = re.compile(r"\b([А-ЯЁ][а-яё]+)\s([IVX]+)\b")
_CENTURY = re.compile(r"(?P<within>\b[вВ]о?\s)?\b(?P<number>[IVX]+)\s(?P<noun>век(?:а|е|у|ом)?(?!\w)|в\.)")
_CASES: Mapping[str, str] = {"века": "g", "веке": "p", "веку": "d", "веком": "i"}
_FEMININE = ("а", "я", "сть")


def write_roman(text: str, language: str) -> str:
    """``text`` with its Roman numerals in words (English and Russian)."""
    if language == "en":
        text = _COUNTED.sub(lambda found: _said(found, in_words(_value(found[2])).replace("-", " ")), text)
        return _RULER_EN.sub(lambda found: _said(found, f"the {_ordinal(found[2], 'en')}"), text)
    if language == "ru":
        text = _CENTURY.sub(_century, text)
        return _RULER_RU.sub(_ruler, text)
    return text


def _said(found: re.Match[str], words: str) -> str:
    return f"{found[1]} {words}" if _WHOLE.fullmatch(found[2]) else found[0]


def _ruler(found: re.Match[str]) -> str:
    gender = "f" if found[1].endswith(_FEMININE) else "m"
    return _said(found, _ordinal(found[2], "ru", gender=gender))


def _century(found: re.Match[str]) -> str:
    noun, within = found["noun"], found["within"] or ""
    if not _WHOLE.fullmatch(found["number"]):
        return found[0]
    if noun == "в.":
        ends = "." if not found.string[found.end() :].strip() else ""
        noun, after = ("веке", ends) if within else ("век", ends)
    else:
        after = ""
    case = _CASES.get(noun, "n")
    return f"{within}{_ordinal(found['number'], 'ru', case=case)} {noun}{after}"


def _ordinal(numeral: str, language: str, **form: str) -> str:
    return in_words(_value(numeral), language, to="ordinal", **form).replace("-", " ")


def _value(numeral: str) -> int:
    digits = [_VALUES[letter] for letter in numeral.upper()]
    return sum(-one if one < following else one for one, following in zip(digits, [*digits[1:], 0], strict=True))
