"""What is known of a user, decoded for ranking, and kept for the next question while the table says the same."""

from collections import OrderedDict
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from nexy_memory import embedding, memories, ranking, stems
from nexy_memory.memories import Mark
from nexy_memory.ranking import Floats, WordIndex

ROWS_MAX = 65_536
"""About 16 MB."""
ROWS_WITH_VECTORS_MAX = 16_384
"""About 32 MB."""
_OWN_ROWS = 4
"""What a shelf itself takes, in rows."""
KEPT_SECONDS = 86_400.0
"""People come back within a day; the table is asked whether it is still true."""
FRESH_SECONDS = 2.0
"""How long what was read for a question that was announced is not read again for the question itself."""
_NEVER = float("inf")


@attrs.frozen(eq=False)
class Shelf:
    """A user's memories that are not superseded, oldest first, as they were at ``read_at``.

    ``vectors`` is ``[rows, dims]``, zeros for a row without one; no rows where meaning does not count.
    """

    mark: Mark
    read_at: float
    texts: tuple[str, ...] = attrs.field(repr=False)
    expires_at: npt.NDArray[np.float64]
    words: WordIndex
    vectors: Floats

    def newest(self, limit: int, now: float) -> list[str]:
        """The last ones, newest first."""
        holding = np.flatnonzero(self.expires_at > now)
        return [self.texts[index] for index in holding[::-1][:limit]]

    def ranked(self, question: str, vector: Floats | None, limit: int, now: float) -> list[str]:
        """Those that help most with ``question``, best first."""
        if not self.texts:
            return []
        scores = self.words.bm25(stems.stems(question))
        if vector is not None and len(self.vectors):
            scores = ranking.fuse(scores, ranking.nearness(vector, self.vectors))
        scores[self.expires_at <= now] = 0
        return [self.texts[index] for index in ranking.best(scores, limit)]


def fetch(db: Any, user: str, kept: Shelf | None, now: float, *, semantic: bool) -> Shelf:
    """``kept`` if it is still true, else the user's rows."""
    mark = memories.mark(db, user)  # before the rows: what is written in between shows the next time
    if kept is not None and kept.mark == mark:
        return attrs.evolve(kept, read_at=now)
    rows = memories.shelved(db, user, semantic=semantic)
    texts, packed, ends, *vectors = zip(*rows, strict=True) if rows else ((), (), ())
    return Shelf(
        mark=mark,
        read_at=now,
        texts=texts,
        expires_at=_ends(ends),
        words=WordIndex(*stems.unpack(packed)),
        vectors=embedding.unpack(vectors[0] if vectors else ()),
    )


def _ends(given: tuple[float | None, ...]) -> npt.NDArray[np.float64]:
    if given.count(None) == len(given):  # mostly
        return np.full(len(given), _NEVER)
    return np.array([_NEVER if end is None else end for end in given], dtype=np.float64)


@attrs.define
class Shelves:
    """The shelves used last; they hold ``rows_max`` rows at most together."""

    rows_max: int = ROWS_MAX
    epoch: int = 0
    """Grows when one is taken away: what was read before may hold what is forgotten now."""
    _by_user: OrderedDict[str, Shelf] = attrs.field(factory=OrderedDict, init=False)
    _announced: set[str] = attrs.field(factory=set, init=False)
    _rows: int = attrs.field(default=0, init=False)

    def get(self, user: str) -> Shelf | None:
        """The user's, as it was read last."""
        return self._by_user.get(user)

    def announce(self, user: str) -> None:
        """The user's was read for a question that is about to come."""
        if user in self._by_user:
            self._announced.add(user)

    def announced(self, user: str, now: float) -> Shelf | None:
        """What was read for this question a moment ago, once."""
        if user not in self._announced:
            return None
        self._announced.discard(user)
        shelf = self._by_user[user]
        return shelf if shelf.read_at <= now < shelf.read_at + FRESH_SECONDS else None

    def put(self, user: str, shelf: Shelf, epoch: int) -> None:
        """Keep what was read since ``epoch``."""
        if epoch != self.epoch:
            return
        self._take(user)
        self._by_user[user] = shelf
        self._rows += _rows(shelf)
        while self._rows > self.rows_max:
            self._take(next(iter(self._by_user)))

    def half_full(self) -> bool:
        """Whether what is read on suspicion would soon drive out what was asked for."""
        return self._rows * 2 >= self.rows_max

    def drop(self, user: str) -> None:
        """Something of the user is new or forgotten."""
        self.epoch += 1
        self._take(user)

    def clear(self) -> None:
        """Rows have changed that keep their mark."""
        self.epoch += 1
        self._announced.clear()
        self._by_user.clear()
        self._rows = 0

    def expire(self, now: float) -> None:
        """Drop what was read ``KEPT_SECONDS`` ago. The oldest come first, so it stops at the first that is not."""
        while self._by_user:
            user, shelf = next(iter(self._by_user.items()))
            if shelf.read_at + KEPT_SECONDS >= now:
                return
            self._take(user)

    def _take(self, user: str) -> None:
        self._announced.discard(user)
        if (shelf := self._by_user.pop(user, None)) is not None:
            self._rows -= _rows(shelf)

    def __len__(self) -> int:
        return len(self._by_user)


def _rows(shelf: Shelf) -> int:
    return len(shelf.texts) + _OWN_ROWS
