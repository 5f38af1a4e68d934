"""Long-term memory: what a user told, found again by words and by meaning."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from nexy_core import Fact, LiveSettings, Unavailable
from nexy_memory import embedding, memories, quoting, shelves, slots, stems
from nexy_memory.commands import Ask, Command
from nexy_memory.database import Database, now
from nexy_memory.embedding import Embedder
from nexy_memory.ranking import Floats
from nexy_memory.recent import estimate_tokens
from nexy_memory.shelves import Shelf, Shelves

log = logging.getLogger(__name__)
_DAY_SECONDS = 86_400.0
_EMBED_SHARE = 0.6
"""Of the time a question may wait, for its embedding; the rest is for the database."""
_BACKFILL_ROWS = 50
_QUESTION_CHARS_MAX = 1_000
_RANKED_AT_ONCE_ROWS = 1_000
"""So few are ranked in the time that a thread takes to wake."""


class Facts:
    """Facts by user, in one database; with ``embedder`` also across languages."""

    def __init__(self, settings: LiveSettings, database: Database, embedder: Embedder | None) -> None:
        self._settings = settings
        self._database = database
        self._embedder = embedder
        self._shelves = Shelves()

    async def recall(self, user: str, text: str, command: Command) -> list[Fact]:
        """What helps to answer ``text``, best first, within the budgets."""
        text = text[:_QUESTION_CHARS_MAX]
        vector = None if command.ask is Ask.OVERVIEW else await self._question(text)
        limit = self._settings.get("memory.facts_max", int)

        def choose(shelf: Shelf) -> list[str]:
            if command.ask is Ask.OVERVIEW:
                return shelf.newest(limit, now())
            return shelf.ranked(text, vector, limit, now())

        shelf = self._shelves.announced(user, now())
        if shelf is not None and len(shelf.texts) <= _RANKED_AT_ONCE_ROWS:
            return self._within_budget(choose(shelf))
        return self._within_budget(await self._from_shelf(user, choose))

    async def get_ready(self, user: str, text: str) -> None:
        """Before ``text`` is asked, perhaps in these words: have the model at work on it and the rows at hand."""
        if self._embedder is not None:
            self._embedder.ask_ahead(text[:_QUESTION_CHARS_MAX])
        await self._from_shelf(user, lambda _shelf: [])
        self._shelves.announce(user)

    async def _from_shelf(self, user: str, choose: Callable[[Shelf], list[str]]) -> list[str]:
        kept, epoch = self._shelves.get(user), self._shelves.epoch

        def job(db: object) -> tuple[Shelf, list[str]]:
            shelf = shelves.fetch(db, user, kept, now(), semantic=self._embedder is not None)
            return shelf, choose(shelf)

        shelf, texts = await self._database.read(job)
        self._shelves.put(user, shelf, epoch)
        return texts

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
