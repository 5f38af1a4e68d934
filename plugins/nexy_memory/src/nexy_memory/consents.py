"""What users said about being remembered, kept for a moment: most turns then need no database to know."""

from collections import OrderedDict

import attrs

KEPT_SECONDS = 30.0


@attrs.frozen
class Answer:
    """Yes, no, or nothing said yet (``None``)."""

    said: bool | None
    at: float


@attrs.define
class Consents:
    """At most ``users_max`` answers, each for ``KEPT_SECONDS``: another server may have heard a newer one."""

    users_max: int
    _said: OrderedDict[str, Answer] = attrs.field(factory=OrderedDict, init=False)

    def get(self, user: str, now: float) -> Answer | None:
        """The answer, unless it was not looked up lately."""
        answer = self._said.get(user)
        return answer if answer and answer.at <= now < answer.at + KEPT_SECONDS else None

    def put(self, user: str, answer: Answer) -> None:
        """Keep an answer."""
        self._said[user] = answer
        self._said.move_to_end(user)
        if len(self._said) > self.users_max:
            self._said.popitem(last=False)

    def drop(self, user: str) -> None:
        """It has changed."""
        self._said.pop(user, None)
