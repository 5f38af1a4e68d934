"""The last check of every text chunk: released clients execute commands that they find in text (wire contract, 7).

Their reader strips, drops a leading ``__MCP__``, a surrounding code fence and a leading ``json``, and executes what
is left if it is a JSON object. The guard peels in any order and number whatever that reader could, and a few
invisible characters besides, so it needs neither to parse nor to know how strict a client's JSON parser is.
"""

import re

_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
_BLANK = rf"\s\x00-\x20\x7f-\xa0{_INVISIBLE}"
_LEAD = re.compile(rf"(?:[{_BLANK}`~]|__MCP__|json)*+", re.IGNORECASE)
_TAIL = re.compile(rf"[{_BLANK}`~]*+\Z")
_OUTER_BLANKS = re.compile(rf"[{_BLANK}]*+")
_OPENING = re.compile(rf'\{{[{_BLANK}]*+["}}]')
_EMPTY_OBJECT = "｛｝"


def neutralise(text: str) -> str:
    """Return ``text``, or the same without its fence and outer braces when a client could take it for a command.

    Blank space around it stays, so that chunks still join to the answer. Idempotent.
    """
    if "{" not in text or "}" not in text:
        return text
    start = _match_end(_LEAD, text)
    if not _OPENING.match(text, start):
        return text
    end = _tail_start(text)
    if text[end - 1] != "}":
        return text
    return _without_wrapping(text, start + 1, end - 1)


def _match_end(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    assert match is not None  # the pattern matches the empty text
    return match.end()


def _tail_start(text: str) -> int:
    """Where the blanks and backticks at the end begin: searched from the end, so that it is linear."""
    end = text.rindex("}") + 1
    return end if _TAIL.match(text, end) else len(text)


def _without_wrapping(text: str, start: int, end: int) -> str:
    body = text[start:end].strip()
    lead = text[: _match_end(_OUTER_BLANKS, text)]
    trail = text[len(text.rstrip()) :]
    return f"{lead}{body or _EMPTY_OBJECT}{trail}"
