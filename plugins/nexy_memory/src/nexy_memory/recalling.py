"""Recalling: the conversation so far, then what is known that helps with a question."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable
from typing import TypeVar

from nexy_core import Exchange, Fact, LiveSettings, Recall, Unavailable
from nexy_memory import commands, memories
from nexy_memory.commands import FORGETTING, Ask, Command
from nexy_memory.confidential import holds_secret
from nexy_memory.database import Database, now
from nexy_memory.facts import Facts
from nexy_memory.lookup import Found, Lookup
from nexy_memory.recent import Recent, within_budget

log = logging.getLogger(__name__)
T = TypeVar("T")
NOTICE = "notice"
_NO_CONSENT = (
    "Long-term memory is off for this user: what they say is forgotten when the conversation ends. "
    "They can turn it on by saying: you may remember me."
)
_NO_SECRETS = "Passwords, card numbers and keys are never stored."
_UNDER_WAY = {
    Ask.REMEMBER: "What the user asks to be remembered is being stored.",
    Ask.CONSENT: "The user agrees to be remembered; it is being written down.",
}


class Recalling:
    """Answers ``Recall`` within its deadline, with what is there by then."""

    def __init__(
        self,
        settings: LiveSettings,
        database: Database,
        recent: Recent,
        facts: Facts,
        lookup: Lookup,
    ) -> None:
        self._settings = settings
        self._database = database
        self._recent = recent
        self._facts = facts
        self._lookup = lookup

    async def recall(self, user: str, request: Recall) -> AsyncGenerator[Fact | Exchange, None]:
        """What is in process memory comes first; a late or lost database takes nothing from it."""
        if request.ahead:
            with contextlib.suppress(TimeoutError, Unavailable):  # the question will say what is amiss
                async with asyncio.timeout_at(self._deadline()):
                    if (await self._lookup.look_ahead(user)).shelf is not None:
                        self._facts.ask_ahead(request.text)
            return
        command = commands.parse(request.text)
        if command.ask in FORGETTING:
            yield Fact("The user's request to forget is being carried out.", NOTICE)
            return
        deadline = self._deadline()
        found = await self._by(deadline, self._lookup.look(user))
        if summary := self._recent.summary(user):
            yield Fact(summary, memories.SUMMARY)
        for exchange in self._history(user, request):
            yield exchange
        if found is not None:
            for fact in await self._by(deadline, self._facts_and_notices(found, request.text, command)) or ():
                yield fact

    def _deadline(self) -> float:
        """Now, where the database still owes an answer to an earlier question: one turn waits for it, not each."""
        wait_ms = 0 if self._database.overdue else self._settings.get("memory.recall_timeout_ms", int)
        return asyncio.get_running_loop().time() + wait_ms / 1000

    async def _by(self, deadline: float, work: Awaitable[T]) -> T | None:
        """A turn never waits for the database longer than the setting says, and goes on without it."""
        try:
            async with asyncio.timeout_at(deadline):
                return await work
        except TimeoutError:
            reason = "recall_late"
        except Unavailable as error:
            reason = error.reason
        log.warning("memory could not be recalled", extra={"decision": "degrade", "ctx": {"reason": reason}})
        return None

    def _history(self, user: str, request: Recall) -> list[Exchange]:
        turns = self._recent.turns(user, now=now())
        if self._settings.get("memory.history_scope", str) == "session":
            turns = [turn for turn in turns if turn.session_id == request.session_id]
        turns_max = self._settings.get("memory.history_turns", int)
        tokens_max = self._settings.get("memory.history_tokens", int)
        return within_budget(turns, turns_max=turns_max, tokens_max=tokens_max)

    async def _facts_and_notices(self, found: Found, text: str, command: Command) -> list[Fact]:
        if command.ask is Ask.REMEMBER and not found.consent:
            return [Fact(_NO_CONSENT, NOTICE)]
        if command.ask is Ask.REMEMBER and holds_secret(command.text):
            return [Fact(_NO_SECRETS, NOTICE)]
        notices = [Fact(_UNDER_WAY[command.ask], NOTICE)] if command.ask in _UNDER_WAY else []
        facts = await self._facts.recall(found.shelf, text, command) if found.shelf is not None else []
        return notices + facts
