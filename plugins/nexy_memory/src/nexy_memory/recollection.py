"""Recalling and remembering: the conversation so far, and what the user asked to be kept."""

import logging
from collections.abc import AsyncGenerator, Callable
from functools import lru_cache, partial

import attrs

from nexy_core import (
    ConfigError,
    Degraded,
    Exchange,
    Fact,
    Forget,
    Forgotten,
    LiveSettings,
    Recall,
    Remember,
    Status,
    Unavailable,
)
from nexy_memory import commands, embedding, keys, memories, outbox, rows
from nexy_memory.commands import FORGETTING, Ask, Command
from nexy_memory.confidential import holds_secret
from nexy_memory.consents import Consents
from nexy_memory.database import Database, now
from nexy_memory.digest import Digest
from nexy_memory.embedding import Embedder
from nexy_memory.engines import sqlite_path
from nexy_memory.facts import Facts
from nexy_memory.forgetting import Forgetting
from nexy_memory.housekeeping import Housekeeping
from nexy_memory.lookup import Lookup
from nexy_memory.model import BackgroundModel
from nexy_memory.parked import Parked
from nexy_memory.recalling import Recalling
from nexy_memory.recent import Recent, Remembered, kept
from nexy_memory.shared import database_status

log = logging.getLogger(__name__)
_USERS_KEPT = 1_024
"""Keys of users at hand: to make one takes a tenth of what a turn asks of the loop here."""


class Recollection:
    """Keeps turns in process memory, and on disk only for users who agreed."""

    def __init__(self, settings: LiveSettings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._recent = Recent(
            conversations_max=settings.get("memory.sessions_max", int),
            turns_max=max(1, settings.get("memory.history_turns", int)),
            ttl_seconds=settings.get("session.ttl_seconds", float),
        )
        self._embedder = Embedder() if embedding.wanted(settings.get("memory.semantic", str)) else None
        self._facts = Facts(settings, database, self._embedder)
        self._parked = Parked(database, settings.get("storage.outbox_max", int))
        self._housekeeping = Housekeeping(settings.current, database, self._tick)
        self._consents = Consents(settings, database)
        self._forgetting = Forgetting(
            database, self._recent, self._consents, self._parked, self._facts, self._housekeeping
        )
        lookup = Lookup(settings, database, self._recent, self._consents, self._facts, self._forgetting)
        self._recalling = Recalling(settings, database, self._recent, self._facts, lookup)
        self._digest = self._make_digest()
        self._key_of: Callable[[str], str] = partial(keys.user_key, b"")

    def _make_digest(self) -> Digest | None:
        if not self._settings.get("memory.model", str):
            return None
        return Digest(self._settings, self._database, self._facts, self._recent, BackgroundModel(self._settings))

    async def initialize(self) -> None:
        """Open the database, read the key, load the embedding model."""
        await self._database.open(self)
        folder = sqlite_path(self._settings.current).parent
        configured = self._settings.get("storage.key", str)
        key = await self._database.read(lambda _db: keys.load_key(configured, folder))
        self._key_of = lru_cache(_USERS_KEPT)(partial(keys.user_key, key))
        await self._open_embedder()
        await self._forgetting.begin()
        self._housekeeping.start()
        if self._digest is not None:
            await self._database.read(lambda _db: self._load_model())
            self._digest.start()

    def _load_model(self) -> None:
        assert self._digest is not None
        try:
            self._digest.model.load()
        except ImportError as error:
            raise ConfigError(
                "memory.model is set and litellm is not installed; do: pip install 'nexy-memory[model]'"
            ) from error

    async def _open_embedder(self) -> None:
        """Where the model was not asked for by name and cannot be loaded here, words alone must do."""
        if self._embedder is None:
            return
        try:
            await self._embedder.open()
        except (ImportError, OSError, RuntimeError) as error:
            self._embedder.close()
            self._embedder = None
            if self._settings.get("memory.semantic", str) == "on":
                raise ConfigError("memory.semantic is on and its model cannot be loaded on this machine") from error
            self._facts.by_words_alone()
            ctx = {"reason": "no_embedding", "error": type(error).__name__}
            log.warning("memories are found by words alone", extra={"decision": "degrade", "ctx": ctx})

    async def cleanup(self) -> None:
        """Write what is left and let go of the database."""
        if self._digest is not None:
            await self._digest.stop()
        await self._housekeeping.stop()
        await self._parked.close()
        if self._embedder is not None:
            self._embedder.close()
        await self._database.close(self)

    def status(self) -> Status:
        """Ready, or why not."""
        status = database_status(self._database)
        figures = {"conversations": len(self._recent), "parked": len(self._parked), "dropped": self._parked.dropped}
        return attrs.evolve(status, figures={**status.figures, **figures})

    async def process(self, request: Recall | Remember | Forget) -> AsyncGenerator[Fact | Exchange | Forgotten, None]:
        """As ``UserMemory`` says."""
        user = self._user(request)
        try:
            if isinstance(request, Recall):
                async for event in self._recalling.recall(user, request):
                    yield event
            elif isinstance(request, Remember):
                await self._remember(user, request)
            else:
                command = Command(Ask.FORGET_TEXT if request.text else Ask.FORGET_ALL, request.text)
                yield Forgotten(await self._forgetting.carry_out(user, command))
        except Unavailable as error:
            raise Degraded(error.message, reason=error.reason) from error

    def _user(self, request: Recall | Remember | Forget) -> str:
        """Clients without a hardware_id are told apart by their session."""
        if request.hardware_id or isinstance(request, Forget):
            return self._key_of(request.hardware_id)
        return self._key_of(f"session {request.session_id}")

    # --- remember -------------------------------------------------------------------------------

    async def _remember(self, user: str, request: Remember) -> None:
        command = commands.parse(request.prompt)
        if command.ask in FORGETTING:  # itself not kept: it may say what is to be forgotten
            await self._forgetting.carry_out(user, command)
            return
        exchange = Exchange(kept(request.prompt), kept(request.answer), request.cut)
        turn = Remembered(exchange, request.session_id, request.turn_id, request.generation, now())
        self._recent.add(user, turn)
        self._summarise(user)
        if command.ask is Ask.CONSENT:
            await self._parked.write(user, lambda db: rows.set_consent(db, user, True, turn.at))
            self._consents.drop(user)
        if await self._consents.given(user):
            await self._keep(user, turn, request.language, command)

    def _summarise(self, user: str) -> None:
        if self._digest is None:
            return
        tokens_max = self._settings.get("memory.history_tokens", int)
        if older := self._recent.unsummarised(user, tokens_max=tokens_max):
            self._digest.summarise_soon(user, older)

    async def _keep(self, user: str, turn: Remembered, language: str, command: Command) -> None:
        new = None
        if command.ask is Ask.REMEMBER and not holds_secret(command.text):
            new = await self._facts.prepared(command.text, kind=memories.FACT, source_turn=turn.turn_id)
        memories_max = self._settings.get("memory.memories_max", int)
        rows_max = self._settings.get("storage.outbox_max", int)
        extract = self._digest is not None and command.ask is Ask.NOTHING
        addition = rows.AddTurn(user, turn, language)
        if new is None and not extract:
            await self._parked.write(user, addition)
            return

        def job(db: object) -> int:
            addition.together(db, [addition])
            if new is not None:
                memories.add(db, user, new, memories_max=memories_max)
            return outbox.add(db, user, turn.turn_id, turn.at, rows_max=rows_max) if extract else 0

        dropped = await self._parked.write(user, job)
        if new is not None:
            self._facts.changed(user)
        if dropped:
            ctx = {"reason": "outbox_full", "count": dropped}
            log.warning("turns are not worked on", extra={"decision": "degrade", "ctx": ctx})

    async def _tick(self) -> None:
        await self._parked.flush()
        await self._forgetting.follow()
        await self._facts.warm_up()
        await self._facts.backfill()
        self._facts.expire()
        self._recent.expire(now())
