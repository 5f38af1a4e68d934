"""Written forms that no number grammar knows, turned into those they know or into words."""

import re
from collections.abc import Callable, Mapping

from nexy_filter.speech.numerals import in_words

_Replacement = str | Callable[[re.Match[str]], str]
_MONTHS = {
    "jan": "January", "feb": "February", "mar": "March", "apr": "April", "jun": "June", "jul": "July", "aug": "August",
    "sep": "September", "sept": "September", "oct": "October", "nov": "November", "dec": "December",
}  # fmt: skip
_MONTHS_RU = {
    "янв": "января", "фев": "февраля", "февр": "февраля", "мар": "марта", "апр": "апреля", "июн": "июня",
    "июл": "июля", "авг": "августа", "сен": "сентября", "сент": "сентября", "окт": "октября", "ноя": "ноября",
    "нояб": "ноября", "дек": "декабря",
}  # fmt: skip
_VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8"}
_VULGAR_SIGNS = rf"(?:(\d)\s?)?([{''.join(_VULGAR)}])"
_DAYS = {
    "mon": "Monday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "thur": "Thursday",
    "thurs": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
_DAY = "|".join(sorted(_DAYS, key=len, reverse=True))
_PATH = r"(?<![\w/:])(?:~|\.{1,2})?(?:/[\w.-]*\w){2,}/?"
_RATIO = r"(?<![\d:.,])(\d{1,3}):(\d|[6-9]\d|\d{3})(?![\d:])"
_UNIT_STOPS = r"(?<=\d)(\s?(?:мин|сек|ч|кг|л|мл|см|мм|км|м|шт|руб|коп))\.(?=\s+[а-яё(])"


def _path(slash: str) -> Callable[[re.Match[str]], str]:
    return lambda found: found[0].replace("/", f" {slash} ")


def _power(squared: str, cubed: str, power: str) -> Callable[[re.Match[str]], str]:
    words = {"2": squared, "3": cubed}
    return lambda found: f" {words.get(found[1], f'{power} {found[1]}')} "


def _vulgar(joint: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{found[1]} {joint} {_VULGAR[found[2]]}" if found[1] else _VULGAR[found[2]]


def _years_old(found: re.Match[str]) -> str:
    """``20-летний`` is one word: двадцатилетний."""
    number = in_words(int(found[1]), "ru", case="g").replace(" ", "")
    return number.replace("одного", "одно") + found[2]


_RULES: Mapping[str, tuple[tuple[str, _Replacement], ...]] = {
    "en": (
        (_VULGAR_SIGNS, _vulgar("and")),
        (r"(?<=\d) (?=[1-9]/(?:[2-9]|10)\b)", " and "),
        (r"\b24/7\b", "24 7"),
        (_PATH, _path("slash")),
        (_RATIO, r"\1 to \2"),
        (r"\b([1-9]\d?)/\1\b", r"\1 \1"),
        (r"(?<=\w)\+(?=[A-Za-z])", " plus "),
        (r"(?<=[\w)])\^(\d+)", _power("squared", "cubed", "to the power of")),
        (r"(?<=\d)\s?°\s?C\b", " degrees Celsius"),
        (r"\b1 degrees", "1 degree"),
        (r"(?<!\d)([3-8])[’']\s?(\d{1,2})[\"”″]", r"\1 foot \2"),
        (rf"(?i)\b({_DAY})\.?\s?[-–]\s?({_DAY})\b", lambda m: f"{_DAYS[m[1].lower()]} to {_DAYS[m[2].lower()]}"),
        (rf"(?i)\b({'|'.join(_MONTHS)})\.?(?=\s\d)", lambda m: _MONTHS[m[1].lower()]),
        (r"(?<=\d)\s?tbsp\b\.?", " tablespoons"),
        (r"(?<=\d)\s?tsp\b\.?", " teaspoons"),
        (r"\b(\d{1,4})\s?x\s?(?=\d)", r"\1 by "),
    ),
    "ru": (
        (_VULGAR_SIGNS, _vulgar("и")),
        (r"\b24/7\b", "24 на 7"),
        (rf"(?<=\d)\s({'|'.join(sorted(_MONTHS_RU, key=len, reverse=True))})\.", lambda m: f" {_MONTHS_RU[m[1]]}"),
        (_PATH, _path("слэш")),
        (_RATIO, r"\1 \2"),
        (r"\b([1-9]\d?)/\1\b", r"\1 на \1"),
        (r"(?<=\w)\+(?=[A-Za-zА-Яа-яё])", " плюс "),
        (r"(?<=[\w)])\^(\d+)", _power("в квадрате", "в кубе", "в степени")),
        (r"(?<!\d)(\d{1,2})-(лет(?!\w)|летн\w+|этажн\w+|часов\w+|минутн\w+|дневн\w+)", _years_old),
        (_UNIT_STOPS, r"\1"),
        (r"(?<=\d)\s?чел\.", " человек"),
    ),
}  # fmt: skip
_COMPILED = {
    language: tuple((re.compile(pattern), replacement) for pattern, replacement in rules)
    for language, rules in _RULES.items()
}


def rewrite(text: str, language: str) -> str:
    """``text`` with paths, ratios, powers, heights, weekdays and months in a form that can be read out."""
    for pattern, replacement in _COMPILED.get(language, ()):
        text = pattern.sub(replacement, text)
    return text
