"""The queries. Each function is a job for ``Database.read`` or ``Database.write``: it gets the database first."""

from typing import Any

import attrs
from peewee import fn

from nexy_core import Exchange
from nexy_memory.models import Session, Turn, Usage, User
from nexy_memory.recent import Remembered

SOURCE_CHARS_MAX, MODEL_CHARS_MAX, ID_CHARS_MAX = 64, 128, 128


def user_id(db: Any, key: str, now: float) -> int:
    """The user's row, made when it is the first time."""
    found = User.select(User.id).where(User.key == key).tuples().execute(db)
    for (row_id,) in found:
        return int(row_id)
    User.insert(key=key, created_at=now).on_conflict_ignore().as_rowcount().execute(db)
    return user_id(db, key, now)


def set_consent(db: Any, key: str, consent: bool, now: float) -> None:
    """Write down the user's own yes or no."""
    user = user_id(db, key, now)
    User.update(consent=consent).where(User.id == user).execute(db)


def consent(db: Any, key: str) -> bool | None:
    """What the user said; ``None``: nothing yet."""
    for (value,) in User.select(User.consent).where(User.key == key).tuples().execute(db):
        return None if value is None else bool(value)
    return None


def add_turn(db: Any, key: str, turn: Remembered, language: str) -> None:
    """Store a delivered turn; the same turn twice is stored once."""
    user = user_id(db, key, turn.at)
    session = _session_id(db, user, turn)
    row = {
        "user": user,
        "session": session,
        "turn_id": turn.turn_id,
        "generation": turn.generation,
        "prompt": turn.exchange.prompt,
        "answer": turn.exchange.answer,
        "cut": turn.exchange.cut,
        "language": language,
        "at": turn.at,
    }
    Turn.insert(row).on_conflict_ignore().as_rowcount().execute(db)


def _session_id(db: Any, user: int, turn: Remembered) -> int:
    name = turn.session_id[:ID_CHARS_MAX]
    row = {"user": user, "session_id": name, "started_at": turn.at, "last_at": turn.at}
    target = [Session.user, Session.session_id]
    Session.insert(row).on_conflict(conflict_target=target, update={Session.last_at: turn.at}).as_rowcount().execute(db)
    found = Session.select(Session.id).where((Session.user == user) & (Session.session_id == name))
    return int(found.tuples().execute(db)[0][0])


def last_turns(db: Any, key: str, *, since: float, limit: int) -> list[Remembered]:
    """The user's newest turns, oldest first."""
    query = (
        Turn.select(Turn.prompt, Turn.answer, Turn.cut, Session.session_id, Turn.turn_id, Turn.generation, Turn.at)
        .join(Session, on=(Turn.session == Session.id))
        .join(User, on=(Turn.user == User.id))
        .where((User.key == key) & (Turn.at >= since))
        .order_by(Turn.at.desc(), Turn.id.desc())
        .limit(limit)
        .tuples()
    )
    rows = list(query.execute(db))
    return [Remembered(Exchange(prompt, answer, bool(cut)), *rest) for prompt, answer, cut, *rest in reversed(rows)]


@attrs.frozen
class UsageRow:
    """One report of tokens."""

    day: int
    source: str
    model: str
    input_tokens: int
    output_tokens: int


def add_usage(db: Any, row: UsageRow) -> None:
    """Add to the day's counts."""
    values = {**attrs.asdict(row), "reports": 1}
    Usage.insert(values).on_conflict(
        conflict_target=[Usage.day, Usage.source, Usage.model],
        update={
            Usage.reports: Usage.reports + 1,
            Usage.input_tokens: Usage.input_tokens + row.input_tokens,
            Usage.output_tokens: Usage.output_tokens + row.output_tokens,
        },
    ).as_rowcount().execute(db)


def usage_totals(db: Any) -> tuple[int, int, int]:
    """Reports, input tokens, output tokens."""
    query = Usage.select(fn.SUM(Usage.reports), fn.SUM(Usage.input_tokens), fn.SUM(Usage.output_tokens)).tuples()
    reports, input_tokens, output_tokens = query.execute(db)[0]
    return int(reports or 0), int(input_tokens or 0), int(output_tokens or 0)
