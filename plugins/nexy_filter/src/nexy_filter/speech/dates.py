"""Dates in figures, brought into the form that the number writers know."""

import re

_ISO = re.compile(r"(?<![\d/.-])((?:1[5-9]|20)\d\d)-(0?[1-9]|1[0-2])-(0?[1-9]|[12]\d|3[01])(?![\d-])")
_US = re.compile(r"(?<![\d/.-])(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])/((?:1[5-9]|20)\d\d)(?![\d/])")
_DAY_FIRST = re.compile(r"(?<![\d/.-])(0?[1-9]|[12]\d|3[01])/(0?[1-9]|1[0-2])/((?:1[5-9]|20)\d\d)(?![\d/])")
_DOTTED = re.compile(r"(?<![\d/.-])(0?[1-9]|[12]\d|3[01])\.(0?[1-9]|1[0-2])\.((?:1[5-9]|20)\d\d)(?![\d.]\d)")
_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),  # noqa: SIM905
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря".split(),  # noqa: SIM905
}


def write_dates(text: str, language: str) -> str:
    """``text`` with dates such as 2024-03-14, 3/14/2024 (en) and 14.03.2024 as day, month's name and year."""
    if language not in _MONTHS:
        return text
    text = _ISO.sub(lambda date: _say(language, int(date[3]), int(date[2]), date[1]), text)
    if language == "en":
        text = _US.sub(lambda date: _say(language, int(date[2]), int(date[1]), date[3]), text)
    text = _DAY_FIRST.sub(lambda date: _say(language, int(date[1]), int(date[2]), date[3]), text)
    return _DOTTED.sub(lambda date: _say(language, int(date[1]), int(date[2]), date[3]), text)


def _say(language: str, day: int, month: int, year: str) -> str:
    name = _MONTHS[language][month - 1]
    return f"{day} {name} {year} года" if language == "ru" else f"{name} {day}, {year}"
