"""Where a sentence that is too long is cut."""

import re

_CLAUSE = re.compile(r"[,;:][)\]»”\"']*\s+|[，；：、][”」』）]*\s*")
_SPACE = re.compile(r"\s+")
_JOINING = re.compile(r"[\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff\ufe00-\ufe0f\u200c\u200d\U0001f3fb-\U0001f3ff]")


def forced_cut(window: str) -> int:
    """After the last clause of the second half, else after the last word, else anywhere that splits no character."""
    return _last_end(_CLAUSE, window, len(window) // 2) or _last_end(_SPACE, window, 1) or _whole_characters(window)


def _last_end(pattern: re.Pattern[str], window: str, start: int) -> int:
    last = 0
    for found in pattern.finditer(window, start):
        last = found.end()
    return last


def _whole_characters(window: str) -> int:
    """One before the end, or earlier: the character behind the cut must be known not to join the one before it."""
    end = len(window) - 1
    while end > len(window) // 2 and (_JOINING.match(window, end) or window[end - 1] == "\u200d"):
        end -= 1
    return max(end, 1)
