"""The incremental splitter: keeps the unfinished tail and asks the rules for a cut, within a window."""

from collections.abc import Callable

import attrs

from nexy_core.sentences.boundaries import Boundaries
from nexy_core.sentences.clauses import clause_cut
from nexy_core.sentences.fences import FenceReader, fence_at
from nexy_core.sentences.limits import forced_cut


class Code(str):
    """A piece that is shown and never spoken: a fenced code block."""

    __slots__ = ()


@attrs.define
class SentenceSplitter:
    """Feed it text in pieces of any size; the sentences do not depend on how it was cut, and join to the text.

    White space goes with the sentence before it. ``max_chars``: longer sentences are cut at a word (a block of code is
    one piece, ``Code``, up to ``fences.MAX_CODE_CHARS``). ``eager_first``: the first piece may end at a clause already.
    ``note`` is told why a sentence was split: ``clause`` or ``too_long``.
    """

    max_chars: int = attrs.field(kw_only=True)
    eager_first: bool = attrs.field(kw_only=True, default=True)
    note: Callable[[str], None] = attrs.field(kw_only=True, default=lambda _: None, repr=False)
    _tail: str = attrs.field(init=False, default="")
    _eager: bool = attrs.field(init=False)
    _line_start: bool = attrs.field(init=False, default=True)
    _rules: Boundaries = attrs.field(init=False, factory=Boundaries)
    _fence: FenceReader | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._eager = self.eager_first

    def feed(self, text: str) -> list[str]:
        """The pieces that ``text`` completes."""
        if self._only_adds(text):
            self._tail += text
            return []
        pieces: list[str] = []
        for start in range(0, len(text), self.max_chars):  # bites keep the work linear in the size of ``text``
            self._tail += text[start : start + self.max_chars]
            self._drain(pieces, final=False)
        return pieces

    def close(self) -> list[str]:
        """The pieces that were waiting for more."""
        pieces: list[str] = []
        self._drain(pieces, final=True)
        if self._fence is not None:
            self._emit_code(pieces, self._fence)
            self._fence = None
        return pieces

    def _only_adds(self, text: str) -> bool:
        """Nearly every token: inside a sentence with no open question, and nothing in it that could end one."""
        if self._eager or self._line_start or self._fence is not None:
            return False
        known = len(self._tail)
        return known + len(text) < self.max_chars and self._rules.pass_over(known, text)

    def _drain(self, pieces: list[str], *, final: bool) -> None:
        while self._tail:
            if self._fence is not None:
                complete, self._tail = self._fence.feed(self._tail, final=final)
                if not complete:
                    return
                self._emit_code(pieces, self._fence)
            elif not self._next_piece(pieces, final=final):
                return

    def _next_piece(self, pieces: list[str], *, final: bool) -> bool:
        if self._line_start:
            fence = fence_at(self._tail[: self.max_chars], final=final)
            if fence is None and len(self._tail) < self.max_chars:
                return False
            self._line_start = False
            if fence:
                self._fence = FenceReader(fence)
                return True
        cut = self._cut(final=final)
        if cut:
            self._emit(pieces, cut)
        return bool(cut)

    def _cut(self, *, final: bool) -> int:
        """Where the next piece ends; 0 while that cannot be known."""
        window = self._tail[: self.max_chars]
        last = final and len(window) == len(self._tail)
        cut = self._rules.find(window, final=last)
        if self._eager and (early := clause_cut(window[: cut or self._rules.scanned])):
            self.note("clause")
            return early
        if cut:
            return cut
        if len(window) == self.max_chars:
            self.note("too_long")
            return forced_cut(window)
        return len(window) if last else 0

    def _emit(self, pieces: list[str], cut: int) -> None:
        piece, self._tail = self._tail[:cut], self._tail[cut:]
        pieces.append(piece)
        self._eager = False
        self._line_start = piece.rstrip(" \t").endswith("\n")
        self._rules = Boundaries()

    def _emit_code(self, pieces: list[str], fence: FenceReader) -> None:
        pieces.append(Code(fence.collected()))
        self._eager = False
        if fence.done:
            self._fence = None
            self._line_start = True
