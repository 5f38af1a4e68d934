"""What the database knows of a user, read at once: to wake a thread takes longer than most queries."""

import asyncio
from typing import Any

import attrs

from nexy_core import LiveSettings
from nexy_memory import rows
from nexy_memory.consents import Answer, Consents
from nexy_memory.database import Database, now
from nexy_memory.facts import Facts
from nexy_memory.forgetting import Forgetting
from nexy_memory.recent import Recent, Remembered
from nexy_memory.shelves import Shelf


@attrs.frozen
class Found:
    """Whether the user may be remembered, and what was; ``shelf`` is ``None`` where nothing may be recalled."""

    consent: bool
    shelf: Shelf | None


class Lookup:
    """Reads what is not at hand, and keeps it."""

    def __init__(
        self,
        settings: LiveSettings,
        database: Database,
        recent: Recent,
        consents: Consents,
        facts: Facts,
        forgetting: Forgetting,
    ) -> None:
        self._settings = settings
        self._database = database
        self._recent = recent
        self._consents = consents
        self._facts = facts
        self._forgetting = forgetting
        self._coming: dict[str, asyncio.Event] = {}

    async def look_ahead(self, user: str) -> Found:
        """Have at hand what a question will need; one that comes meanwhile waits for it. Raises ``Unavailable``."""
        self._coming[user] = coming = asyncio.Event()
        try:
            found = await self._look(user, None)
            self._facts.announce(user)
            return found
        finally:
            coming.set()
            if self._coming.get(user) is coming:
                del self._coming[user]

    async def look(self, user: str) -> Found:
        """What is known of ``user``; after a restart the conversation comes back too, where it was allowed on disk.

        Raises ``Unavailable``.
        """
        if (coming := self._coming.get(user)) is not None:
            await coming.wait()
        return await self._look(user, self._facts.announced(user))

    async def _look(self, user: str, shelf: Shelf | None) -> Found:
        answer = self._consents.at_hand(user)
        if answer is None or not self._recent.knows(user) or (shelf is None and self._may_recall(user, answer)):
            answer, shelf = await self._read(user, answer, shelf)
        return Found(self._consents.allow(answer), shelf if self._may_recall(user, answer) else None)

    def _may_recall(self, user: str, answer: Answer) -> bool:
        wanted = bool(self._settings.get("memory.facts_max", int))
        return wanted and self._consents.allow(answer) and not self._forgetting.pending(user)

    async def _read(self, user: str, answer: Answer | None, shelf: Shelf | None) -> tuple[Answer, Shelf | None]:
        resumed, epoch = self._recent.knows(user), self._recent.epoch
        since, limit = now() - self._recent.ttl_seconds, self._recent.turns_max
        shelved, said = self._facts.reading(user), self._consents.reading(user)

        def job(db: Any) -> tuple[list[Remembered], Answer, Shelf | None]:
            turns = [] if resumed else rows.last_turns(db, user, since=since, limit=limit)
            word = answer or said.read(db)
            return turns, word, shelved.read(db) if shelf is None and self._may_recall(user, word) else shelf

        turns, word, shelf = await self._database.read(job)
        if epoch == self._recent.epoch:
            self._recent.visit(user, now())
            for turn in turns:
                self._recent.add(user, turn)
        said.keep(word)
        if shelf is not None:
            shelved.keep(shelf)
        return word, shelf
