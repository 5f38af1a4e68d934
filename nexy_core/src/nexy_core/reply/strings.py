"""JSON strings decoded as they arrive."""

import re

_SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_UNICODE = re.compile(r"\\u([0-9a-fA-F]{4})")
_UNICODE_CHARS = 6
_HIGH = range(0xD800, 0xDC00)
_LOW = range(0xDC00, 0xE000)
_SURROGATE_BITS = 10
_ASTRAL = 0x10000
_REPLACEMENT = "\ufffd"


def decode_escape(text: str, at: int, *, final: bool) -> tuple[str, int] | None:
    """The character written by the escape at ``text[at]`` (a backslash) and its length; None: more text is needed.

    An escape that the end cuts off is dropped, a lone surrogate (which no encoding can carry) becomes U+FFFD, an
    unknown escape stands for its letter.
    """
    if at + 1 >= len(text):
        return ("", 1) if final else None
    letter = text[at + 1]
    if letter != "u":
        return _SIMPLE.get(letter, letter), 2
    return _decode_unicode(text, at, final=final)


def _decode_unicode(text: str, at: int, *, final: bool) -> tuple[str, int] | None:
    if at + _UNICODE_CHARS > len(text):
        return ("", len(text) - at) if final else None
    code = _code(text, at)
    if code is None:
        return "u", 2
    if code not in _HIGH:
        return (_REPLACEMENT if code in _LOW else chr(code)), _UNICODE_CHARS
    second = at + _UNICODE_CHARS
    if not final and second + _UNICODE_CHARS > len(text) and r"\u".startswith(text[second : second + 2]):
        return None
    low = _code(text, second)
    if low is None or low not in _LOW:
        return _REPLACEMENT, _UNICODE_CHARS
    offset = ((code - _HIGH.start) << _SURROGATE_BITS) + (low - _LOW.start)
    return chr(_ASTRAL + offset), 2 * _UNICODE_CHARS


def _code(text: str, at: int) -> int | None:
    match = _UNICODE.match(text, at)
    return int(match[1], 16) if match else None
