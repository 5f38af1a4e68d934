"""Signs that are words when spoken."""

import re

_WORDS = {
    "en": {
        "&": "and", "=": "equals", "×": "times", "÷": "divided by", "±": "plus or minus", "≈": "approximately",
        "≠": "is not equal to", "≤": "at most", "≥": "at least", "→": "to", "#": "number", "+": "plus", "*": "times",
        "<": "less than", ">": "greater than", "~": "about", "°": "degrees", "©": "copyright", "™": "", "®": "",
        "or": "or",
    },
    "ru": {
        "&": "и", "=": "равно", "×": "на", "÷": "разделить на", "±": "плюс-минус", "≈": "приблизительно",
        "≠": "не равно", "≤": "не больше", "≥": "не меньше", "→": "в", "#": "номер", "+": "плюс", "*": "умножить на",
        "<": "меньше", ">": "больше", "~": "около", "°": "градусов", "©": "копирайт", "™": "", "®": "",
        "or": "или",
    },
}  # fmt: skip
_SHARP = re.compile(r"(?<![\w])([A-G]|ASP|J|Q|X|VB)#(?!\w)")
_PLUS_PLUS = re.compile(r"(?<=\w)\+\+")
_DOT_NAME = re.compile(r"(?<![\w.])\.(?=[A-Za-z]{2,})")
_LONE = re.compile(r"(?<=\s)[&=×÷±≈≠≤≥→+<>*](?=\s)|[×÷±≈≠≤≥→]|(?<=[\w)])=(?=[\w(])|(?<=\d)\+(?=\d)|[~#](?=\d)|[©™®]")
_AMPERSAND = re.compile(r"\s*&\s*(?=\w)")
_AND_OR = re.compile(r"\b(and|и)/(or|или)\b")
_SLASH = re.compile(r"(?<=[A-Za-zА-Яа-яё]{2})\s?/\s?(?=[A-Za-zА-Яа-яё]{2})")
_LETTER_AMPERSAND = re.compile(r"(?<=\b[A-Z])&(?=[A-Z]\b)")
_SHARP_WORD = {"ru": "шарп"}
_PLUS_WORD = {"ru": "плюс"}
_DOT_WORD = {"ru": "дот"}


def write_symbols(text: str, language: str) -> str:
    """``text`` with its signs in words; unknown languages keep them."""
    words = _WORDS.get(language)
    if words is None:
        return text
    plus = _PLUS_WORD.get(language, "plus")
    text = _SHARP.sub(rf"\1 {_SHARP_WORD.get(language, 'sharp')}", text)
    text = _PLUS_PLUS.sub(f" {plus} {plus}", text)
    text = _DOT_NAME.sub(f"{_DOT_WORD.get(language, 'dot')} ", text)
    text = _AMPERSAND.sub(f" {words['&']} ", text)
    text = _AND_OR.sub(r"\1 \2", text)
    text = _SLASH.sub(f" {words['or']} ", text)
    return _LONE.sub(lambda found: f" {words[found[0]]} ", text)
