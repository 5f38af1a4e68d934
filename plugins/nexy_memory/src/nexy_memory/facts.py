"""Long-term memory: what a user told, found again by words and by meaning."""

import asyncio
import logging
from functools import partial

from nexy_core import Fact, LiveSettings, Unavailable
from nexy_memory import embedding, memories, quoting, shelves, slots, stems
from nexy_memory.commands import Ask, Command
from nexy_memory.database import Database, now
from nexy_memory.embedding import Embedder
from nexy_memory.jobs import Reading
from nexy_memory.ranking import Floats
from nexy_memory.recent import estimate_tokens
from nexy_memory.shelves import ROWS_MAX, ROWS_WITH_VECTORS_MAX, Shelf, Shelves

log = logging.getLogger(__name__)
_DAY_SECONDS = 86_400.0
_EMBED_SHARE = 0.6
"""Of the time a question may wait, for its embedding; the rest is for the database."""
_BACKFILL_ROWS = 50
_QUESTION_CHARS_MAX = 1_000
_WARM_USERS = 256
_RANKED_AT_ONCE_ROWS = 1_000
"""So few are ranked in the time that a thread takes to wake."""


class Facts:
    """Facts by user, in one database; with ``embedder`` also across languages."""

    def __init__(self, settings: LiveSettings, database: Database, embedder: Embedder | None) -> None:
        self._settings = settings
        self._database = database
        self._embedder = embedder
        self._shelves = Shelves(ROWS_MAX if embedder is None else ROWS_WITH_VECTORS_MAX)
        self._warm = False

    async def recall(self, shelf: Shelf, text: str, command: Command) -> list[Fact]:
        """What on the ``shelf`` helps to answer ``text``, best first, within the budgets."""
        text = text[:_QUESTION_CHARS_MAX]
        vector = None if command.ask is Ask.OVERVIEW else await self._question(text)
        limit = self._settings.get("memory.facts_max", int)

        if command.ask is Ask.OVERVIEW:
            return self._within_budget(shelf.newest(limit, now()))
        if len(shelf.texts) <= _RANKED_AT_ONCE_ROWS:
            return self._within_budget(shelf.ranked(text, vector, limit, now()))
        return self._within_budget(await self._database.read(lambda _db: shelf.ranked(text, vector, limit, now())))

    def reading(self, user: str) -> Reading[Shelf]:
        """How to read what is known of ``user``."""
        kept, epoch, semantic = self._shelves.get(user), self._shelves.epoch, self._embedder is not None
        return Reading(
            lambda db: shelves.fetch(db, user, kept, now(), semantic=semantic),
            lambda shelf: self._shelves.put(user, shelf, epoch),
        )

    async def warm_up(self) -> None:
        """Once: have at hand what is known of the users who spoke last."""
        if self._warm:
            return
        for user in await self._database.read(lambda db: memories.users_of_late(db, _WARM_USERS)):
            if self._shelves.half_full():
                break
            if self._shelves.get(user) is None:
                reading = self.reading(user)
                reading.keep(await self._database.read(reading.read))
        self._warm = True

    def ask_ahead(self, text: str) -> None:
        """``text`` may be asked, perhaps in these words: have the model at work on it."""
        if self._embedder is not None:
            self._embedder.ask_ahead(text[:_QUESTION_CHARS_MAX])

    def announce(self, user: str) -> None:
        """What was read of the user is for a question that is about to come."""
        self._shelves.announce(user)

    def announced(self, user: str) -> Shelf | None:
        """What was read for this question a moment ago, once."""
        return self._shelves.announced(user, now())

    async def _question(self, text: str) -> Floats | None:
        if self._embedder is None:
            return None
        if (vector := self._embedder.at_hand(text)) is not None:
            return vector
        wait_seconds = self._settings.get("memory.recall_timeout_ms", int) / 1000 * _EMBED_SHARE
        try:
            return await asyncio.wait_for(self._embedder.question(text), wait_seconds)
        except (TimeoutError, Unavailable):
            return None  # words alone must do

    def _within_budget(self, texts: list[str]) -> list[Fact]:
        left = self._settings.get("memory.facts_tokens", int)
        facts = []
        for text in map(quoting.as_data, texts):
            left -= estimate_tokens(text)
            if left < 0:
                break
            facts.append(Fact(text))
        return facts

    async def prepared(self, text: str, *, kind: str, source_turn: str) -> memories.NewMemory | None:
        """``text`` ready to be stored; ``None`` when nothing of it is left."""
        text = quoting.as_data(text)
        if not text:
            return None
        at = now()
        return memories.NewMemory(
            text=text,
            kind=kind,
            slot=slots.slot_of(text),
            source_turn=source_turn,
            at=at,
            expires_at=self._expiry(kind, at),
            stems=stems.pack(stems.stems(text)),
            embedding=await self._packed(text),
        )

    def _expiry(self, kind: str, at: float) -> float | None:
        days = self._settings.get(f"memory.keep_{'facts' if kind == memories.FACT else 'extracted'}_days", int)
        return at + days * _DAY_SECONDS if days else None

    async def _packed(self, text: str) -> bytes | None:
        return embedding.pack(await self._embedder.passage(text)) if self._embedder else None

    async def backfill(self) -> int:
        """Embed some memories that were stored without; returns how many."""
        if self._embedder is None:
            return 0
        rows = await self._database.read(lambda db: memories.without_embedding(db, _BACKFILL_ROWS))
        for row_id, text in rows:
            await self._database.write(
                partial(memories.set_embedding, row_id=row_id, embedding=await self._packed(text))
            )
        if rows:
            self._shelves.clear()
        return len(rows)

    def by_words_alone(self) -> None:
        """Go on without the model."""
        self._embedder = None

    def changed(self, user: str) -> None:
        """Something of the user was stored."""
        self._shelves.drop(user)

    def forget(self, user: str) -> None:
        """Drop what is kept of earlier questions and words, anybody's, and of the user's memories."""
        self._shelves.drop(user)
        stems.forget_words()
        if self._embedder is not None:
            self._embedder.forget()

    def expire(self) -> None:
        """Drop what has not been asked for lately."""
        self._shelves.expire(now())
