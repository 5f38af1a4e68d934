"""Queries over long-term memory: each is a job for the database."""

from typing import Any, NamedTuple

import attrs

from nexy_memory.models import Memory, User
from nexy_memory.rows import run, user_id

FACT, EXTRACTED, SUMMARY = "fact", "extracted", "summary"


@attrs.frozen
class NewMemory:
    """One to keep. ``expires_at`` ``None``: until it is forgotten."""

    text: str = attrs.field(repr=False)
    kind: str
    slot: str
    source_turn: str
    at: float
    expires_at: float | None
    stems: bytes = attrs.field(repr=False)
    embedding: bytes | None = attrs.field(repr=False)


class Known(NamedTuple):
    """One that holds now."""

    text: str
    kind: str


Shelved = tuple[str, bytes, float | None] | tuple[str, bytes, float | None, bytes | None]
"""One as it is ranked: text, stems, expires_at, embedding. Hundreds are read for a question: no class, no names."""

Mark = tuple[object, ...]
"""Changes with every memory of a user that is added, superseded or deleted."""

_KNOWN = (
    "SELECT m.text, m.kind FROM memories m JOIN users u ON m.user_id = u.id "
    "WHERE u.key = ? AND m.superseded_by IS NULL AND (m.expires_at IS NULL OR m.expires_at > ?) ORDER BY m.id"
)
_SHELVED = (
    "SELECT m.text, m.stems, m.expires_at{} FROM memories m "
    "JOIN users u ON m.user_id = u.id WHERE u.key = ? AND m.superseded_by IS NULL ORDER BY m.id"
)
_BY_WORDS, _BY_MEANING_TOO = _SHELVED.format(""), _SHELVED.format(", m.embedding")
# An index answers it. SQLite may give the number of a deleted newest row again, but never at the same moment.
_MARK = (
    "SELECT (SELECT COUNT(*) FROM memories m WHERE m.user_id = u.id AND m.superseded_by IS NULL), "
    "(SELECT m.id FROM memories m WHERE m.user_id = u.id AND m.superseded_by IS NULL ORDER BY m.id DESC LIMIT 1), "
    "(SELECT m.created_at FROM memories m WHERE m.user_id = u.id AND m.superseded_by IS NULL "
    "ORDER BY m.id DESC LIMIT 1) FROM users u WHERE u.key = ?"
)
_OF_LATE = (
    "SELECT u.key FROM users u JOIN sessions s ON s.user_id = u.id "
    "WHERE EXISTS (SELECT 1 FROM memories m WHERE m.user_id = u.id AND m.superseded_by IS NULL) "
    "GROUP BY u.key ORDER BY MAX(s.last_at) DESC LIMIT ?"
)


def users_of_late(db: Any, limit: int) -> list[str]:
    """Users of whom something is known, those who spoke last first."""
    return [key for (key,) in run(db, _OF_LATE, limit).fetchall()]


def known(db: Any, key: str, now: float) -> list[Known]:
    """What holds for the user now, oldest first: neither superseded nor expired."""
    return list(map(Known._make, run(db, _KNOWN, key, now).fetchall()))


def superseded(db: Any, key: str) -> list[str]:
    """What a newer one took the place of, and retention has not yet deleted."""
    query = Memory.select(Memory.text).join(User, on=(Memory.user == User.id))
    rows = query.where((User.key == key) & Memory.superseded_by.is_null(False)).order_by(Memory.id).tuples()
    return [text for (text,) in rows.execute(db)]


def shelved(db: Any, key: str, *, semantic: bool) -> list[Shelved]:
    """What is not superseded, oldest first; the embeddings only where they are asked for."""
    rows: list[Shelved] = run(db, _BY_MEANING_TOO if semantic else _BY_WORDS, key).fetchall()
    return rows


def mark(db: Any, key: str) -> Mark:
    """The mark of what ``shelved`` would give; much cheaper."""
    return tuple(run(db, _MARK, key).fetchone() or ())


def add(db: Any, key: str, new: NewMemory, *, memories_max: int) -> None:
    """Keep ``new``; it supersedes what fills its slot or says the same. Past the cap the oldest go."""
    user = user_id(db, key, new.at)
    row = {**attrs.asdict(new, filter=attrs.filters.exclude("at")), "user": user, "created_at": new.at}
    if new.source_turn and _already(db, user, new):
        return
    Memory.insert(row).as_rowcount().execute(db)
    newest = Memory.select(Memory.id).where(Memory.user == user).order_by(Memory.id.desc()).limit(1)
    row_id = newest.tuples().execute(db)[0][0]
    same = Memory.text == new.text
    older = (Memory.user == user) & Memory.superseded_by.is_null() & (Memory.id != row_id)
    Memory.update(superseded_by=row_id).where(older & (same | (Memory.slot == new.slot) if new.slot else same)).execute(
        db
    )
    _make_room(db, user, memories_max)


def _already(db: Any, user: int, new: NewMemory) -> bool:
    """A write may be tried twice."""
    where = (Memory.user == user) & (Memory.source_turn == new.source_turn) & (Memory.text == new.text)
    return bool(len(Memory.select(Memory.id).where(where).tuples().execute(db)))


def _make_room(db: Any, user: int, memories_max: int) -> None:
    kept = Memory.select(Memory.id).where(Memory.user == user).order_by(Memory.id.desc()).offset(memories_max).limit(1)
    for (row_id,) in kept.tuples().execute(db):
        Memory.delete().where((Memory.user == user) & (Memory.id <= row_id)).execute(db)


def without_embedding(db: Any, limit: int) -> list[tuple[int, str]]:
    """Memories that came before the model did."""
    query = Memory.select(Memory.id, Memory.text).where(Memory.embedding.is_null() & Memory.superseded_by.is_null())
    return list(query.order_by(Memory.id.desc()).limit(limit).tuples().execute(db))


def set_embedding(db: Any, *, row_id: int, embedding: bytes | None) -> None:
    """Add what was missing."""
    Memory.update(embedding=embedding).where(Memory.id == row_id).execute(db)
