"""Fenced code blocks: one unit each, read line by line."""

import re

import attrs

MAX_CODE_CHARS = 32 * 1024
_OPEN = re.compile(r"(?:[ \t]*\n)*[ \t]*(`{3,}|~{3,})")
_MAYBE_OPEN = re.compile(r"(?:[ \t]*\n)*[ \t]*(?:`{0,2}|~{0,2})\Z")
_MAX_LINE_CHARS = 120  # of a closing fence and of blank lines behind it: what must be held back stays small
_INFO_CHARS = 80


def fence_at(text: str, *, final: bool) -> str | None:
    """The fence that opens at the start of ``text`` (a line's start), "" for none, None when more text is needed."""
    if not final and _MAYBE_OPEN.match(text):
        return None
    opened = _OPEN.match(text)
    if opened is None:
        return ""
    info, line_break, _ = text[opened.end() :].partition("\n")
    if "`" in info or len(info) > _INFO_CHARS:
        return ""  # inline code that happens to stand at a line's start
    return opened[1] if line_break or final else None


@attrs.define
class FenceReader:
    """Collects one block, from its opening line to its closing one and the blank lines behind it.

    ``done`` tells the end of the block from the end of a part: a block is handed over in parts of ``MAX_CODE_CHARS``.
    """

    fence: str
    done: bool = attrs.field(init=False, default=False)
    _parts: list[str] = attrs.field(init=False, factory=list)
    _chars: int = attrs.field(init=False, default=0)
    _fresh_line: bool = attrs.field(init=False, default=True)
    _opened: bool = attrs.field(init=False, default=False)
    _closed: bool = attrs.field(init=False, default=False)

    def feed(self, text: str, *, final: bool) -> tuple[bool, str]:
        """Take lines of ``text``; whether a part or the block is complete, and what remains of ``text``."""
        while text:
            end = text.find("\n") + 1
            if not end and not final and self._undecided(text):
                return False, text
            line = text[:end] if end else text
            if self._closed and (line.strip() or len(line) > _MAX_LINE_CHARS):
                self.done = True
                return True, text
            self._take(line)
            text = text[len(line) :]
            if self._chars >= MAX_CODE_CHARS:
                return True, text
        return False, text

    def collected(self) -> str:
        """The text taken since the last call."""
        part = "".join(self._parts)
        self._parts.clear()
        self._chars = 0
        return part

    def _undecided(self, line: str) -> bool:
        if not self._fresh_line or len(line) > _MAX_LINE_CHARS:
            return False
        return not (self._closed and line.strip())

    def _take(self, line: str) -> None:
        mark = line.strip(" \t\r\n")
        if self._fresh_line and self._opened and self._is_fence(line, mark):
            self._closed = True
        self._opened = self._opened or bool(mark)
        self._fresh_line = line.endswith("\n")
        self._parts.append(line)
        self._chars += len(line)

    def _is_fence(self, line: str, mark: str) -> bool:
        return len(line) <= _MAX_LINE_CHARS and len(mark) >= len(self.fence) and not mark.strip(self.fence[0])
