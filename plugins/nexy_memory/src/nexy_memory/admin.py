"""What an operator does with users' data: look, hand over, take in, erase."""

import contextlib
import hashlib
import math
from collections.abc import AsyncIterator, Mapping
from typing import Any

import attrs
from peewee import fn

from nexy_core import ConfigError, Exchange, LiveSettings, Unavailable
from nexy_memory import erase, keys, memories, rows
from nexy_memory.confidential import holds_secret
from nexy_memory.database import Database, now
from nexy_memory.engines import sqlite_path
from nexy_memory.facts import Facts
from nexy_memory.models import Erasure, Memory, Session, Turn, Usage, User
from nexy_memory.recent import Remembered, kept
from nexy_memory.shared import Shared

FORMAT = 1
_ALL_TURNS = 1_000_000
_GENERATION_MAX = 2**63 - 1
_SHOWN_CHARS = 40


@attrs.define(eq=False)
class Admin:
    """Works on the database directly, beside a running server: the server notices erasures within a second."""

    settings: LiveSettings
    database: Database

    def key_of(self, hardware_id: str) -> str:
        """The user's key."""
        folder = sqlite_path(self.settings.current).parent
        return keys.user_key(keys.load_key(self.settings.get("storage.key", str), folder), hardware_id)

    async def users(self) -> list[tuple[str, str, int, int]]:
        """Key, consent, memories and turns of every user."""

        def job(db: Any) -> list[Any]:
            memories_of = Memory.select(fn.COUNT(Memory.id)).where(Memory.user == User.id)
            turns_of = Turn.select(fn.COUNT(Turn.id)).where(Turn.user == User.id)
            query = User.select(User.key, User.consent, memories_of, turns_of).order_by(User.id)
            return list(query.tuples().execute(db))

        names = {None: "default", True: "yes", False: "no"}
        return [
            (key, names[None if said is None else bool(said)], *counts)
            for key, said, *counts in await self.database.read(job)
        ]

    async def memories(self, key: str) -> list[memories.Known]:
        """What holds for a user."""
        return await self.database.read(lambda db: memories.known(db, key, now()))

    async def export(self, key: str) -> dict[str, Any]:
        """Everything kept of a user, as JSON."""
        known = await self.memories(key)
        erasures = await self.database.read(lambda db: erase.log_of(db, key))
        turns = await self.database.read(lambda db: rows.last_turns(db, key, since=0, limit=_ALL_TURNS))
        return {
            "format": FORMAT,
            "consent": await self.database.read(lambda db: rows.consent(db, key)),
            "memories": [{"text": memory.text, "kind": memory.kind} for memory in known],
            "superseded": await self.database.read(lambda db: memories.superseded(db, key)),
            "turns": [
                {**attrs.asdict(turn.exchange), "session_id": turn.session_id, "turn_id": turn.turn_id,
                 "generation": turn.generation, "at": turn.at}
                for turn in turns
            ],
            "erasures": [dict(zip(("scope", "memories", "turns", "at"), line, strict=True)) for line in erasures],
        }  # fmt: skip

    async def take_in(self, key: str, data: Mapping[str, Any]) -> int:
        """Add what ``export`` gave, checked like anything that is told; returns how many memories and turns."""
        if data.get("format") != FORMAT:
            raise ConfigError(f"this is no export of format {FORMAT}")
        try:
            said = [_memory(each) for each in data["memories"]]
            turns = [_turn(each) for each in data["turns"]]
            consent = data["consent"]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ConfigError(f"the export is incomplete: {error}") from error
        facts = Facts(self.settings, self.database, None)
        prepared = [
            await facts.prepared(text, kind=kind, source_turn="") for text, kind in said if not holds_secret(text)
        ]
        news = [new for new in prepared if new is not None]
        memories_max = self.settings.get("memory.memories_max", int)

        def job(db: Any) -> None:
            if isinstance(consent, bool):
                rows.set_consent(db, key, consent, now())
            for new in news:
                memories.add(db, key, new, memories_max=memories_max)
            for turn in turns:
                rows.AddTurn.together(db, [rows.AddTurn(key, _own(db, key, turn), "")])

        await self.database.write(job)
        return len(news) + len(turns)

    async def forget(self, key: str, text: str) -> tuple[int, bool]:
        """Erase a user, or what says ``text``; returns how many memories and turns went, and whether the bytes did."""
        at = now()
        erased: erase.Erased = await self.database.write(
            lambda db: erase.matching(db, key, text, at) if text else erase.everything(db, key, at)
        )
        try:
            return erased.count, await self.database.scrub()
        except Unavailable:
            return erased.count, False

    async def stats(self) -> dict[str, int]:
        """Counts of everything."""
        tables: dict[str, Any] = {
            "users": User,
            "sessions": Session,
            "turns": Turn,
            "memories": Memory,
            "erasures": Erasure,
            "usage rows": Usage,
        }

        def job(db: Any) -> dict[str, int]:
            return {
                name: int(table.select(fn.COUNT(table.id)).tuples().execute(db)[0][0]) for name, table in tables.items()
            }

        return await self.database.read(job)


def _turn(each: Mapping[str, Any]) -> Remembered:
    exchange = Exchange(kept(str(each["prompt"])), kept(str(each["answer"])), bool(each["cut"]))
    generation, at = int(each["generation"]), float(each["at"])
    if not 0 <= generation <= _GENERATION_MAX or not math.isfinite(at):
        raise ValueError("a turn has no sound generation or time")
    return Remembered(exchange, str(each["session_id"]), str(each["turn_id"]), generation, at)


def _memory(each: Mapping[str, Any]) -> tuple[str, str]:
    text, kind = str(each["text"]), str(each["kind"])
    if kind not in {memories.FACT, memories.EXTRACTED}:
        raise ValueError(f"{kind[:_SHOWN_CHARS]!r} is no kind of memory")
    return text, kind


def _own(db: Any, key: str, turn: Remembered) -> Remembered:
    """``turn`` under an id of the user's own, where the turn it was exported from is still kept of another user."""
    others = Turn.select(Turn.id).join(User, on=(Turn.user == User.id))
    if not others.where((Turn.turn_id == turn.turn_id) & (User.key != key)).exists(db):
        return turn
    return attrs.evolve(turn, turn_id=hashlib.sha256(f"{key} {turn.turn_id}".encode()).hexdigest())


@contextlib.asynccontextmanager
async def admin(settings: LiveSettings) -> AsyncIterator[Admin]:
    """Open the database for an operator's command."""
    database = Shared(settings).database()
    user = object()
    await database.open(user)
    try:
        yield Admin(settings, database)
    finally:
        await database.close(user)
