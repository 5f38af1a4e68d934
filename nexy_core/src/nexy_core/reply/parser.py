"""The model's reply as it arrives: text to speak, or a JSON action whose ``text`` is spoken while the rest arrives.

Plain text flows at once. Only a ``{`` or a backtick makes the parser hold text back, and only until it is clear
whether a JSON object begins. An object that is no reply (no ``command``, ``text``, ``session_id`` or ``args``) is
shown as code.
"""

import re

import attrs

from nexy_core.events import Action
from nexy_core.reply.events import ActionReply, ReplyEvent, ReplyNote, SpokenText, TextEnd
from nexy_core.reply.reader import ObjectReader, Outcome, Place
from nexy_core.reply.rules import check

_BLANK = " \t\r\n\ufeff\u200b\u2060"
_HOLD = re.compile(r"[{`]")
_FENCE = re.compile(rf"(`{{1,16}})[A-Za-z0-9_+.-]{{0,32}}[{_BLANK}]{{0,64}}")
_TICKS = re.compile("`*")
_FENCE_TICKS = 3
_BITE_CHARS = 1024


@attrs.define
class ReplyParser:
    """Feed it the model's text in pieces of any size; the events do not depend on how the text was cut.

    Never raises. At most one ``ActionReply``, and only for a command of ``actions`` with this ``session_id``.
    """

    session_id: str = attrs.field(kw_only=True)
    actions: tuple[Action, ...] = attrs.field(kw_only=True)
    _held: str = attrs.field(init=False, default="")
    _object: ObjectReader | None = attrs.field(init=False, default=None)
    _opening: str = attrs.field(init=False, default="")  # what stood before the "{": a fence, or nothing
    _code_ticks: str = attrs.field(init=False, default="")  # inside a code block: the fence that ends it
    _span_ticks: str = attrs.field(init=False, default="")  # inside inline code: the backticks that end it
    _behind: bool = attrs.field(init=False, default=False)  # right behind an object
    _closing: str = attrs.field(init=False, default="")  # ... whose own fence, to be dropped, is this
    _started: bool = attrs.field(init=False, default=False)  # something other than blanks has come
    _ends_blank: bool = attrs.field(init=False, default=True)
    _gap: bool = attrs.field(init=False, default=False)
    _acted: bool = attrs.field(init=False, default=False)

    def feed(self, text: str) -> list[ReplyEvent]:
        """The events that ``text`` completes."""
        events: list[ReplyEvent] = []
        if self._flows(text):
            self._pass(events, text)
            return events
        for start in range(0, len(text), _BITE_CHARS):  # keeps the work linear in the size of ``text``
            self._held += text[start : start + _BITE_CHARS]
            while self._step(events, final=False):
                pass
        return _merged(events)

    def close(self) -> list[ReplyEvent]:
        """The events of what was held back when the answer ended."""
        events: list[ReplyEvent] = []
        while self._step(events, final=True):
            pass
        return _merged(events)

    def _flows(self, text: str) -> bool:
        """Nearly every token: plain text behind plain text."""
        return not (self._held or self._object or self._behind or self._code_ticks or _HOLD.search(text))

    def _step(self, events: list[ReplyEvent], *, final: bool) -> bool:
        """Take one bite of what is held; False when more text is needed."""
        if self._object is not None:
            return self._in_object(self._object, events, final=final)
        if self._behind:
            return self._behind_object()
        if self._code_ticks:
            return self._in_code(events, final=final)
        return self._in_text(events, final=final)

    # --- text ---

    def _in_text(self, events: list[ReplyEvent], *, final: bool) -> bool:
        found = _HOLD.search(self._held)
        if found is None:
            self._take(events, len(self._held))
            return False
        if found.start():
            self._take(events, found.start())
            return True
        if self._held[0] == "{":
            self._begin_object("")
            return True
        return self._at_ticks(events, final=final)

    def _at_ticks(self, events: list[ReplyEvent], *, final: bool) -> bool:
        """Backticks: the fence of a JSON object, of a code block, or inline code."""
        fence = _FENCE.match(self._held)
        assert fence is not None
        if fence.end() == len(self._held) and not final:
            return False
        ticks = fence[1]
        if ticks == self._span_ticks:
            self._span_ticks = ""
        elif self._held[fence.end() : fence.end() + 1] == "{":
            self._held = self._held[fence.end() :]
            self._begin_object(fence[0])
            return True
        else:
            self._begin_code(ticks)
        self._take(events, len(ticks))
        return True

    def _begin_code(self, ticks: str) -> None:
        if len(ticks) >= _FENCE_TICKS:
            self._code_ticks = ticks
        else:
            self._span_ticks = self._span_ticks or ticks

    def _in_code(self, events: list[ReplyEvent], *, final: bool) -> bool:
        end = self._held.find(self._code_ticks)
        if end >= 0:
            self._take(events, end + len(self._code_ticks))
            self._code_ticks = ""
            return True
        ticks = len(self._held) - len(self._held.rstrip("`"))
        self._take(events, len(self._held) - (0 if final else ticks))
        return False

    def _take(self, events: list[ReplyEvent], length: int) -> None:
        text, self._held = self._held[:length], self._held[length:]
        self._pass(events, text)

    def _pass(self, events: list[ReplyEvent], text: str) -> None:
        if "\n" in text:
            self._span_ticks = ""
        self._say(events, text)

    def _say(self, events: list[ReplyEvent], text: str) -> None:
        if not text:
            return
        if self._gap and not text[0].isspace():
            text = " " + text
        self._gap = False
        self._started = self._started or bool(text.strip(_BLANK))
        self._ends_blank = text[-1].isspace()
        events.append(SpokenText(text))

    # --- objects ---

    def _begin_object(self, opening: str) -> None:
        self._opening = opening
        if self._started:
            self._object = ObjectReader(Place.QUOTED if opening or self._span_ticks else Place.AMID)
        else:
            self._object = ObjectReader(Place.FENCED if opening else Place.WHOLE)

    def _in_object(self, reader: ObjectReader, events: list[ReplyEvent], *, final: bool) -> bool:
        self._held = reader.feed(self._held, final=final)
        if final:
            reader.close()
        first = not reader.speaks
        spoken = reader.take_spoken()
        if first and spoken:
            self._set_gap()
        self._say(events, spoken)
        if reader.take_text_end():
            events.append(TextEnd())
        if reader.outcome is Outcome.OPEN:
            return False
        self._object = None
        self._conclude(reader, events)
        return bool(self._held)

    def _conclude(self, reader: ObjectReader, events: list[ReplyEvent]) -> None:
        opening, self._opening = self._opening, ""
        if reader.outcome is Outcome.TEXT:
            self._flow(opening, reader, events)
            return
        self._behind, self._closing = True, _TICKS.match(opening)[0]  # type: ignore[index]  # matches the empty text
        self._set_gap()
        events.extend(ReplyNote(reason) for reason in reader.notes)
        if reader.value is not None:
            self._act(reader.value, reader.text, events)

    def _flow(self, opening: str, reader: ObjectReader, events: list[ReplyEvent]) -> None:
        """It was no reply: prose goes on as prose; an object, which nobody wants to hear, becomes a code block."""
        if opening or self._span_ticks or not reader.is_json:
            self._say(events, opening + reader.raw)
        else:
            self._say(events, f"\n```\n{reader.raw}\n```\n")
        self._begin_code(_TICKS.match(opening)[0])  # type: ignore[index]  # matches the empty text

    def _act(self, value: dict[str, object], text: str, events: list[ReplyEvent]) -> None:
        verdict = check(value, text, self.session_id, self.actions)
        if isinstance(verdict, ActionReply) and self._acted:
            verdict = ReplyNote("extra_command")
        self._acted = self._acted or isinstance(verdict, ActionReply)
        if verdict is not None:
            events.append(verdict)

    def _behind_object(self) -> bool:
        """Drop the blanks and the fence that close an object, and nothing else."""
        self._held = self._held.lstrip(_BLANK)
        if self._closing.startswith(self._held):
            return False
        self._behind = False
        self._held = self._held.removeprefix(self._closing)
        if self._closing:
            self._behind, self._closing = True, ""
        return bool(self._held)

    def _set_gap(self) -> None:
        """What comes next must not stick to what was said before."""
        self._gap = not self._ends_blank


def _merged(events: list[ReplyEvent]) -> list[ReplyEvent]:
    """Neighbouring texts as one: a caller sees one text a feed where nothing stands between."""
    merged: list[ReplyEvent] = []
    for event in events:
        last = merged[-1] if merged else None
        if isinstance(event, SpokenText) and isinstance(last, SpokenText):
            merged[-1] = SpokenText(last.text + event.text)
        else:
            merged.append(event)
    return merged
