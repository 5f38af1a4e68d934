"""One JSON object read as it arrives: its top-level ``text`` is known long before its end."""

import json
import re
from enum import Enum
from typing import Any

import attrs

from nexy_core.reply.strings import decode_escape

REPLY_KEYS = frozenset({"command", "text", "session_id", "args"})
ACTION_KEYS = frozenset({"command", "session_id"})
MAX_OBJECT_CHARS = 64 * 1024
MAX_DEPTH = 32

_KEY = (
    r"""(?:"(?:[^"\\\n]|\\(?:.|\Z)){0,64}(?:\Z|"(?P<end>))"""
    r"""|'(?:[^'\\\n]|\\(?:.|\Z)){0,64}(?:\Z|')"""
    r"|[A-Za-z_$]\w{0,63})"
)
_HEAD = re.compile(rf"\{{\s{{0,64}}(?:\Z|(?P<empty>\}})|{_KEY}\s{{0,64}}(?:\Z|(?P<colon>:)))")
_STRUCTURE = re.compile(r"[\"'{}\[\]:,]")
_STRING_STOPS = {quote: re.compile(rf"[{quote}\\]") for quote in "\"'"}


class Outcome(Enum):
    """OPEN: not at its end yet. REPLY: an answer in JSON form, good or bad. TEXT: something else; see ``raw``."""

    OPEN = "open"
    REPLY = "reply"
    TEXT = "text"


class Place(Enum):
    """Where an object stands decides what it is taken for, because people also ask for JSON and for code.

    WHOLE: it begins the answer; any JSON is meant as a reply. FENCED: its fence does; any key of a reply makes it one.
    AMID: prose stands before it; a key of an action makes it a reply, or no other keys than those of a reply.
    QUOTED: prose and a fence stand before it; only a key of an action makes it a reply.
    """

    WHOLE = "whole"
    FENCED = "fenced"
    AMID = "amid"
    QUOTED = "quoted"


@attrs.define
class ObjectReader:
    """Reads from the ``{`` on.

    After REPLY, ``value`` is the parsed object or None and ``notes`` what was wrong; after TEXT, ``raw`` is what was
    taken and ``is_json`` whether it looks like JSON.
    """

    place: Place
    outcome: Outcome = attrs.field(init=False, default=Outcome.OPEN)
    value: dict[str, Any] | None = attrs.field(init=False, default=None)
    notes: list[str] = attrs.field(init=False, factory=list)
    is_json: bool = attrs.field(init=False, default=False)
    _spoken: list[str] = attrs.field(init=False, factory=list)
    _taken: int = attrs.field(init=False, default=0)
    _raw: list[str] = attrs.field(init=False, factory=list)
    _raw_chars: int = attrs.field(init=False, default=0)
    _depth: int = attrs.field(init=False, default=0)
    _keys: set[str] = attrs.field(init=False, factory=set)
    _key: str | None = attrs.field(init=False, default=None)  # the top-level key being read; None: its value
    _quote: str = attrs.field(init=False, default="")
    _text_next: bool = attrs.field(init=False, default=False)
    _speaking: bool = attrs.field(init=False, default=False)
    _text_ended: bool = attrs.field(init=False, default=False)
    _flaw: str = attrs.field(init=False, default="")

    @property
    def raw(self) -> str:
        """Everything taken so far, as written."""
        return "".join(self._raw)

    @property
    def text(self) -> str:
        """The decoded ``text`` so far."""
        return "".join(self._spoken)

    @property
    def speaks(self) -> bool:
        """Whether some of ``text`` was taken to be spoken."""
        return self._taken > 0

    def take_spoken(self) -> str:
        """The part of ``text`` that came since the last call, once it is sure to be spoken."""
        if self.place in {Place.AMID, Place.QUOTED} and self.outcome is not Outcome.REPLY and not self._is_action():
            return ""
        fresh = "".join(self._spoken[self._taken :])
        self._taken = len(self._spoken)
        return fresh

    def take_text_end(self) -> bool:
        """Whether, since the last call, the end of ``text`` was reached and all of it taken."""
        ended = self._text_ended and self.speaks
        self._text_ended = self._text_ended and not ended
        return ended

    def feed(self, text: str, *, final: bool) -> str:
        """Take what can be read of ``text``; return what is left for the next call, or for after the object."""
        at = 0 if self._depth else self._head(text, final=final)
        while self._depth and at < len(text):
            step = self._in_string(text, at, final=final) if self._quote else self._outside(text, at)
            if step == at:
                break
            self._keep(text[at:step])
            at = step
        if self._depth == 0 and self._keys:
            self._finish()
        return text[at:]

    def close(self) -> None:
        """The answer ended inside the object."""
        self._flaw = self._flaw or "truncated_json"
        self._finish()

    # --- scanning ---

    def _head(self, text: str, *, final: bool) -> int:
        """Go in when the text begins like an object: a brace, a key, a colon."""
        head = _HEAD.match(text)
        if head is None:
            self._keep("{")
            self.outcome = Outcome.TEXT
            return 1
        if head["empty"]:
            self._keep(head[0])
            self.notes.append("no_text")
            self.outcome = Outcome.REPLY if self.place is Place.WHOLE else Outcome.TEXT
            return head.end()
        if not head["colon"]:
            return self._undecided(head[0], final=final)
        self.is_json = head["end"] is not None
        self._depth, self._key = 1, ""
        self._keep("{")
        return 1

    def _undecided(self, head: str, *, final: bool) -> int:
        """All there is so far may still become an object; at the end of the answer it is none."""
        if not final:
            return 0
        self._keep(head)
        return len(head)

    def _in_string(self, text: str, at: int, *, final: bool) -> int:
        stop = _STRING_STOPS[self._quote].search(text, at)
        end = stop.start() if stop else len(text)
        if end > at:
            self._string_part(text[at:end])
            return end
        if text[at] == "\\":
            decoded = decode_escape(text, at, final=final)
            if decoded is None:
                return at
            self._string_part(decoded[0])
            return min(at + decoded[1], len(text))
        self._quote = ""
        self._text_ended = self._text_ended or self._speaking
        return at + 1

    def _string_part(self, part: str) -> None:
        if self._speaking:
            self._spoken.append(part)
        elif self._key is not None and self._depth == 1:
            self._key += part

    def _outside(self, text: str, at: int) -> int:
        stop = _STRUCTURE.search(text, at)
        end = stop.start() if stop else len(text)
        if end > at:
            self._between(text[at:end])
            return end
        self._structure(text[at])
        return at + 1

    def _between(self, part: str) -> None:
        if part.strip():
            self._text_next = False
        if self._depth == 1 and self._key is not None:
            self._key += part.strip()

    def _structure(self, char: str) -> None:
        if char in "\"'":
            self._quote, self._speaking = char, self._text_next
        elif char in "{[":
            self._depth += 1
            self._flaw = "too_deep" if self._depth > MAX_DEPTH else self._flaw
        elif char in "}]":
            self._depth -= 1
        elif self._depth == 1:
            self._colon_or_comma(char)
            return
        self._text_next = False

    def _colon_or_comma(self, char: str) -> None:
        self._text_next = False
        if char == ",":
            self._key = ""
        elif self._key is not None:
            self._text_next = self._key == "text" and "text" not in self._keys
            self._keys.add(self._key)
            self._key = None

    def _keep(self, part: str) -> None:
        if self._raw_chars + len(part) > MAX_OBJECT_CHARS:
            self._flaw = "too_large"
            return
        self._raw.append(part)
        self._raw_chars += len(part)

    # --- the end ---

    def _finish(self) -> None:
        if not (self._flaw == "too_large" or self._is_reply()):
            self.outcome = Outcome.TEXT
            return
        self.outcome = Outcome.REPLY
        self.value = None if self._flaw else _parsed(self.raw)
        if self.value is None:
            self.notes.append(self._flaw or "malformed_json")
        if not self.text.strip():
            self.notes.append("no_text")

    def _is_action(self) -> bool:
        return bool(self._keys & ACTION_KEYS)

    def _is_reply(self) -> bool:
        match self.place:
            case Place.WHOLE:
                return self.is_json or bool(self._keys & REPLY_KEYS)
            case Place.FENCED:
                return bool(self._keys & REPLY_KEYS)
            case Place.AMID:
                return self._is_action() or (self.is_json and self._keys <= REPLY_KEYS)
            case Place.QUOTED:
                return self._is_action()


def _parsed(raw: str) -> dict[str, Any] | None:
    """The object, if every value in it can be passed on unchanged."""
    try:
        value: dict[str, Any] = json.loads(raw, strict=False, parse_constant=_refuse, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # UnicodeEncodeError is a ValueError: a lone surrogate
        return None
    return value


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _finite(number: str) -> float:
    value = float(number)
    if value in {float("inf"), float("-inf")}:
        raise ValueError(number)
    return value
