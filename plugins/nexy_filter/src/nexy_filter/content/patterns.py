"""The operator's patterns, on RE2: linear time whatever the pattern and the text."""

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

_MAX_PATTERN_MEMORY_BYTES = 4 * 1024 * 1024


def problem(patterns: Iterable[str]) -> str:
    """What is wrong with the first bad pattern, or ""."""
    for pattern in patterns:
        if message := _compiled(pattern)[1]:
            return f"{pattern!r} is no RE2 pattern: {message}"
    return ""


def _compiled(pattern: str) -> tuple[Any, str]:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_PATTERN_MEMORY_BYTES
    try:
        return re2.compile(pattern, options), ""
    except re2.error as error:
        return None, _message(error)


def _message(error: Exception) -> str:
    detail = error.args[0] if error.args else ""
    return detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)


@attrs.frozen
class OperatorPatterns:
    """Compiled patterns."""

    _patterns: tuple[Any, ...]

    @classmethod
    def compile(cls, patterns: Iterable[str]) -> "OperatorPatterns":
        """Patterns that ``problem`` found good."""
        return cls(tuple(_compiled(pattern)[0] for pattern in patterns))

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """The spans of what any of them matches."""
        for pattern in self._patterns:
            yield from (match.span() for match in pattern.finditer(text) if match.end() > match.start())
