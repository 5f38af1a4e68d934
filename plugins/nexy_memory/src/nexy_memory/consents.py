"""What users said about being remembered, kept for a moment: most turns then need no database to know."""

from collections import OrderedDict
from functools import partial

import attrs

from nexy_core import LiveSettings
from nexy_memory import rows
from nexy_memory.database import Database, now
from nexy_memory.jobs import Reading

KEPT_SECONDS = 30.0


@attrs.frozen
class Answer:
    """Yes, no, or nothing said yet (``None``)."""

    said: bool | None
    at: float


@attrs.define
class Consents:
    """Answers of ``memory.sessions_max`` users, each for ``KEPT_SECONDS``: another server may hear a newer one."""

    _settings: LiveSettings
    _database: Database
    _said: OrderedDict[str, Answer] = attrs.field(factory=OrderedDict, init=False)
    _epoch: int = attrs.field(default=0, init=False)

    async def given(self, user: str) -> bool:
        """Whether the user may be remembered."""
        answer = self.at_hand(user)
        if answer is None:
            reading = self.reading(user)
            answer = await self._database.read(reading.read)
            reading.keep(answer)
        return self.allow(answer)

    def allow(self, answer: Answer) -> bool:
        """By the user's own word, else by the setting."""
        return self._settings.get("memory.consent", bool) if answer.said is None else answer.said

    def at_hand(self, user: str) -> Answer | None:
        """What was read or heard a moment ago."""
        answer = self._said.get(user)
        return answer if answer is not None and answer.at <= now() < answer.at + KEPT_SECONDS else None

    def reading(self, user: str) -> Reading[Answer]:
        """How to read it."""
        return Reading(lambda db: Answer(rows.consent(db, user), now()), partial(self._keep, user, self._epoch))

    def _keep(self, user: str, epoch: int, answer: Answer) -> None:
        if epoch != self._epoch:
            return
        self._said[user] = answer
        self._said.move_to_end(user)
        if len(self._said) > self._settings.get("memory.sessions_max", int):
            self._said.popitem(last=False)

    def drop(self, user: str) -> None:
        """It has changed; what is being read may be older than that."""
        self._epoch += 1
        self._said.pop(user, None)
