"""Addresses as people say them: the site of a link, an e-mail spelt out, dots in names and versions."""

import re

_URL = re.compile(r"(?:https?://|ftp://|www\.)[^\s<>\"'«»“”)\]}]+", re.IGNORECASE)
_TRAILING = ".,;:!?…"
_EMAIL = re.compile(r"(?<![\w.+-])([\w.+-]+)@((?:[\w-]+\.)+[A-Za-zА-Яа-я]{2,})")
_SITE_OR_FILE = re.compile(
    r"(?<![\w.])(?:[A-Za-z0-9_-]*[A-Za-z_-]{2,}|[A-Za-z_][\w-]+)(?:\.[A-Za-z][A-Za-z0-9_-]*)+(?![\w])"
)
_ACRONYM = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]?")
_NUMBERS = re.compile(r"(?<![\d.,/])\d+(?:\.\d+){2,}(?![\d/]|\.\d)")
_DATE = re.compile(r"\d{1,2}\.\d{1,2}\.(?:\d{4}|\d{2})")
_VERSION = re.compile(r"(?<!\w)(?:(?:version|версия)\s+)?v\.?\s?(?=\d)", re.IGNORECASE)
_VERSION_NUMBER = re.compile(r"\b(versions?|верси\w{1,2})\s(\d+\.\d+)(?![\d.]\d|\d)", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w@])@(?=\w)")
_DOT = {"en": "dot", "ru": "точка", "zh": "点", "de": "Punkt", "fr": "point", "es": "punto", "it": "punto"}
_AT = {"en": "at", "ru": "собака", "zh": "at", "de": "at", "fr": "arobase", "es": "arroba", "it": "chiocciola"}
_POINT = {"en": "point", "ru": "точка"}
_VERSION_WORD = {"en": "version ", "ru": "версия "}
_UNDERSCORE = {"en": "underscore", "ru": "подчёркивание"}
_PARTS = re.compile(r"[._]")


def write_links(text: str, language: str) -> str:
    """``text`` with its addresses in words."""
    text = _URL.sub(lambda found: _say_url(found[0], language), text)
    text = _EMAIL.sub(lambda found: _say_email(found, language), text)
    text = _SITE_OR_FILE.sub(lambda found: _say_dots(found[0], language), text)
    text = _VERSION.sub(_VERSION_WORD.get(language, "v "), text)
    text = _NUMBERS.sub(lambda found: _say_version(found[0], language), text)
    text = _VERSION_NUMBER.sub(lambda found: f"{found[1]} {_say_version(found[2], language)}", text)
    return _HANDLE.sub(_AT.get(language, "at") + " ", text)


def _say_url(url: str, language: str) -> str:
    bare = url.rstrip(_TRAILING)
    host = re.sub(r"^(?:\w+://)?(?:[^@/\s]*@)?(?:www\.)?", "", bare, flags=re.IGNORECASE)
    site = re.split(r"[/?#:]", host, maxsplit=1)[0]
    return _dotted(site, language) + url[len(bare) :]


def _say_email(found: re.Match[str], language: str) -> str:
    at = _AT.get(language, "at")
    return f"{_dotted(found[1], language)} {at} {_dotted(found[2], language)}"


def _say_dots(name: str, language: str) -> str:
    return name if _ACRONYM.fullmatch(name) else _dotted(name, language)


def _dotted(name: str, language: str) -> str:
    words = {".": f" {_DOT.get(language, 'dot')} ", "_": f" {_UNDERSCORE.get(language, '')} "}
    return _PARTS.sub(lambda mark: words[mark[0]], name)


def _say_version(numbers: str, language: str) -> str:
    if _DATE.fullmatch(numbers):
        return numbers
    return f" {_POINT.get(language, _DOT.get(language, '.'))} ".join(numbers.split("."))
