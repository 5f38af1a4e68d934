"""The text of an answer as it arrives: read, cut into pieces, and the action it asks for. Nothing here waits."""

from collections.abc import Callable, Iterable

import attrs

from nexy_core.reply import ActionReply, ReplyEvent, ReplyNote, ReplyParser, SpokenText, TextEnd
from nexy_core.sentences import Code, SentenceSplitter

Piece = tuple[str, bool]
"""A text with something to read, and whether it is code, which is shown and not spoken."""


@attrs.define(eq=False)
class AnswerReader:
    """Feed it what the model writes. ``note`` is told what was wrong with a reply."""

    parser: ReplyParser
    splitter: SentenceSplitter
    note: Callable[[ReplyNote], None]
    action: ActionReply | None = attrs.field(init=False, default=None)
    noted: bool = attrs.field(init=False, default=False)
    _spoke: bool = attrs.field(init=False, default=False)
    _blank: str = attrs.field(init=False, default="")

    def feed(self, delta: str) -> list[Piece]:
        """The pieces that ``delta`` completes."""
        pieces = self._split(self.parser.feed(delta))
        return self._joined(pieces) if pieces else []

    def close(self, otherwise: Callable[[], str]) -> list[Piece]:
        """The pieces that were waiting for more; of an answer that says nothing, what ``otherwise`` gives."""
        pieces = self._split(self.parser.close())
        if not self._spoke:
            pieces += self.splitter.feed(otherwise())
        return self._joined(pieces + self.splitter.close())

    def _split(self, events: Iterable[ReplyEvent]) -> list[str]:
        pieces: list[str] = []
        for event in events:
            if isinstance(event, SpokenText):
                self._spoke = self._spoke or bool(event.text.strip())
                pieces += self.splitter.feed(event.text)
            elif isinstance(event, TextEnd):
                pieces += self.splitter.close()
            elif isinstance(event, ActionReply):
                self.action = self.action or event
            else:
                self.noted = True
                self.note(event)
        return pieces

    def _joined(self, pieces: Iterable[str]) -> list[Piece]:
        """Blank ones go with the next."""
        joined: list[Piece] = []
        for piece in pieces:
            self._blank += piece
            if self._blank.strip():
                joined.append((self._blank, isinstance(piece, Code)))
                self._blank = ""
        return joined
