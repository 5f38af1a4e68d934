"""The queries. Each function is a job for ``Database.read`` or ``Database.write``: it gets the database first."""

from typing import Any

import attrs
from peewee import fn

from nexy_core import Exchange
from nexy_memory.models import Session, Turn, Usage, User
from nexy_memory.recent import Remembered

SOURCE_CHARS_MAX, MODEL_CHARS_MAX, ID_CHARS_MAX = 64, 128, 128


# The statements of every turn, written out: building them anew costs ten times what they take to run. An insert comes
# after an update or a look, for PostgreSQL spends a row number on one that conflicts.
_FIND_USER = "SELECT id FROM users WHERE key = ?"
_ADD_USER = "INSERT INTO users (key, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING"
_TOUCH_SESSION = "UPDATE sessions SET last_at = ? WHERE user_id = ? AND session_id = ?"
_ADD_SESSION = (
    "INSERT INTO sessions (user_id, session_id, started_at, last_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_ADD_TURN = (
    "INSERT INTO turns (user_id, session_id, turn_id, generation, prompt, answer, cut, language, at) VALUES "
    "(?, (SELECT id FROM sessions WHERE user_id = ? AND session_id = ?), ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_TOUCH_USAGE = (
    "UPDATE usage SET reports = reports + 1, input_tokens = input_tokens + ?, output_tokens = output_tokens + ? "
    "WHERE day = ? AND source = ? AND model = ?"
)
_ADD_USAGE = (
    "INSERT INTO usage (reports, input_tokens, output_tokens, day, source, model) VALUES (1, ?, ?, ?, ?, ?) "
    "ON CONFLICT (day, source, model) DO UPDATE SET reports = usage.reports + 1, "
    "input_tokens = usage.input_tokens + excluded.input_tokens, "
    "output_tokens = usage.output_tokens + excluded.output_tokens"
)


def run(db: Any, sql: str, *values: object) -> Any:
    """Execute ``sql``, whose parameters are question marks; returns the cursor."""
    return db.execute_sql(sql.replace("?", db.param), values)


def user_id(db: Any, key: str, now: float) -> int:
    """The user's row, made when it is the first time."""
    found = run(db, _FIND_USER, key).fetchone()
    if found is None:
        run(db, _ADD_USER, key, now)
        found = run(db, _FIND_USER, key).fetchone()
    return int(found[0])


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
    user, name, exchange = user_id(db, key, turn.at), turn.session_id[:ID_CHARS_MAX], turn.exchange
    if not run(db, _TOUCH_SESSION, turn.at, user, name).rowcount:
        run(db, _ADD_SESSION, user, name, turn.at, turn.at)
    said = (exchange.prompt, exchange.answer, exchange.cut)
    run(db, _ADD_TURN, user, user, name, turn.turn_id[:ID_CHARS_MAX], turn.generation, *said, language, turn.at)


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
    values = (row.input_tokens, row.output_tokens, row.day, row.source, row.model)
    if not run(db, _TOUCH_USAGE, *values).rowcount:
        run(db, _ADD_USAGE, *values)


def usage_totals(db: Any) -> tuple[int, int, int]:
    """Reports, input tokens, output tokens."""
    query = Usage.select(fn.SUM(Usage.reports), fn.SUM(Usage.input_tokens), fn.SUM(Usage.output_tokens)).tuples()
    reports, input_tokens, output_tokens = query.execute(db)[0]
    return int(reports or 0), int(input_tokens or 0), int(output_tokens or 0)
