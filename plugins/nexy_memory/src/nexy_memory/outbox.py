"""Work on stored turns that waits for the model: each row is deleted together with writing what came of it."""

from typing import Any

import attrs
from peewee import fn

from nexy_memory.models import Outbox, Turn, User
from nexy_memory.rows import user_id

EXTRACT = "extract"
ATTEMPTS_MAX = 5
_FIRST_WAIT_SECONDS = 30.0


@attrs.frozen
class Work:
    """One row and the words it is about."""

    id: int
    user: str
    turn_id: str
    attempts: int
    prompt: str = attrs.field(repr=False)


def add(db: Any, key: str, turn_id: str, now: float, *, rows_max: int) -> int:
    """Queue a turn for extraction; returns how many older rows had to go."""
    row = {"user": user_id(db, key, now), "kind": EXTRACT, "turn_id": turn_id, "attempts": 0, "next_at": now}
    Outbox.insert(row).as_rowcount().execute(db)
    surplus = int(Outbox.select(fn.COUNT(Outbox.id)).tuples().execute(db)[0][0]) - rows_max
    if surplus <= 0:
        return 0
    oldest = Outbox.select(Outbox.id).order_by(Outbox.id).limit(surplus).tuples().execute(db)
    return int(Outbox.delete().where(Outbox.id.in_([row_id for (row_id,) in oldest])).execute(db))


def due(db: Any, now: float) -> Work | None:
    """The next row whose time has come."""
    query = (
        Outbox.select(Outbox.id, User.key, Outbox.turn_id, Outbox.attempts, Turn.prompt)
        .join(User, on=(Outbox.user == User.id))
        .join(Turn, on=(Turn.turn_id == Outbox.turn_id))
        .where(Outbox.next_at <= now)
        .order_by(Outbox.next_at)
        .limit(1)
    )
    for row in query.tuples().execute(db):
        return Work(*row)
    return None


def done(db: Any, row_id: int) -> bool:
    """Take the row out. False: it was erased meanwhile, and nothing of it may be written."""
    return bool(Outbox.delete().where(Outbox.id == row_id).execute(db))


def failed(db: Any, work: Work, now: float) -> bool:
    """Try again later, each time twice as late. False: given up."""
    if work.attempts + 1 >= ATTEMPTS_MAX:
        done(db, work.id)
        return False
    next_at = now + _FIRST_WAIT_SECONDS * 2**work.attempts
    Outbox.update(attempts=work.attempts + 1, next_at=next_at).where(Outbox.id == work.id).execute(db)
    return True
