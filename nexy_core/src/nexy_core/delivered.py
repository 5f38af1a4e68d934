"""What has reached the client of an answer: what is remembered of it, cut or whole."""

import attrs


@attrs.define(eq=False)
class Delivered:
    """The pieces in full and, of the last one, what was heard."""

    pieces: list[str] = attrs.field(factory=list)
    _partial: str = ""

    def heard(self, shown: str, spoken_chars: int, of_chars: int) -> None:
        """Keep what a cut would leave of ``shown``: whole words, in proportion where shown and spoken differ."""
        if spoken_chars:
            end = len(shown) * spoken_chars // max(of_chars, 1)
            self._partial = shown[:end].rpartition(" ")[0] if end < len(shown) else shown

    def whole(self, shown: str) -> None:
        """A piece was delivered to its end."""
        self._partial = ""
        self.pieces.append(shown)

    def text(self) -> str:
        """The answer as delivered."""
        return "".join(self.pieces) + self._partial
