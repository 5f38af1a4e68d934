"""The ``Memory`` role."""

import logging
from collections.abc import AsyncIterator

from nexy_core import (
    Degraded,
    Exchange,
    Fact,
    Forget,
    Forgotten,
    LiveSettings,
    Memory,
    Recall,
    Remember,
    Status,
    Unavailable,
)
from nexy_memory import keys, rows
from nexy_memory.database import Database, now
from nexy_memory.engines import sqlite_path
from nexy_memory.recent import Recent, Remembered, shortened, within_budget
from nexy_memory.store import database_status

log = logging.getLogger(__name__)


class UserMemory(Memory):
    """Recalls the conversation so far; keeps turns on disk only for users who agreed."""

    def __init__(self, settings: LiveSettings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._recent = Recent(
            conversations_max=settings.get("memory.sessions_max", int),
            turns_max=max(1, settings.get("memory.history_turns", int)),
            ttl_seconds=settings.get("session.ttl_seconds", float),
        )
        self._key = b""

    async def initialize(self) -> None:
        """Open the database and read the key."""
        await self._database.open(self)
        folder = sqlite_path(self._settings.current).parent
        configured = self._settings.get("storage.key", str)
        self._key = await self._database.read(lambda _db: keys.load_key(configured, folder))

    async def process(self, request: Recall | Remember | Forget) -> AsyncIterator[Fact | Exchange | Forgotten]:
        """Exchanges (oldest first), then facts; nothing for ``Remember``; one ``Forgotten`` for ``Forget``."""
        try:
            if isinstance(request, Recall):
                async for event in self._recall(request):
                    yield event
            elif isinstance(request, Remember):
                await self._remember(request)
            else:
                yield Forgotten(self._recent.forget(self._user(request.hardware_id)))
        except Unavailable as error:
            raise Degraded(error.message, reason=error.reason) from error

    async def _recall(self, request: Recall) -> AsyncIterator[Fact | Exchange]:
        user = self._user(request.hardware_id)
        turns = self._recent.turns(user, now=now())
        turns_max = self._settings.get("memory.history_turns", int)
        tokens_max = self._settings.get("memory.history_tokens", int)
        for exchange in within_budget(turns, turns_max=turns_max, tokens_max=tokens_max):
            yield exchange

    async def _remember(self, request: Remember) -> None:
        user = self._user(request.hardware_id)
        exchange = Exchange(shortened(request.prompt), shortened(request.answer), request.cut)
        turn = Remembered(exchange, request.session_id, request.turn_id, request.generation, now())
        self._recent.add(user, turn)
        default = self._settings.get("memory.consent", bool)
        said = await self._database.read(lambda db: rows.consent(db, user))
        if default if said is None else said:
            await self._database.write(lambda db: rows.add_turn(db, user, turn, request.language))

    def _user(self, hardware_id: str) -> str:
        return keys.user_key(self._key, hardware_id)

    async def cleanup(self) -> None:
        """Let go of the database."""
        await self._database.close(self)

    def status(self) -> Status:
        """Ready, or why not."""
        return database_status(self._database)
