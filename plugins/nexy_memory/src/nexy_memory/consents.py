"""What users said about being remembered, kept for a moment: most turns then need no database to know."""

from collections import OrderedDict

import attrs

from nexy_core import LiveSettings
from nexy_memory import rows
from nexy_memory.database import Database, now

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
        """Whether the user may be remembered: by their own word, else by the setting."""
        answer = self._said.get(user)
        if answer is None or not answer.at <= now() < answer.at + KEPT_SECONDS:
            epoch = self._epoch
            answer = Answer(await self._database.read(lambda db: rows.consent(db, user)), now())
            if epoch == self._epoch:
                self._keep(user, answer)
        return self._settings.get("memory.consent", bool) if answer.said is None else answer.said

    def _keep(self, user: str, answer: Answer) -> None:
        self._said[user] = answer
        self._said.move_to_end(user)
        if len(self._said) > self._settings.get("memory.sessions_max", int):
            self._said.popitem(last=False)

    def drop(self, user: str) -> None:
        """It has changed; what is being read may be older than that."""
        self._epoch += 1
        self._said.pop(user, None)
