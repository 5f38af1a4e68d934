"""The queries. Each function is a job for ``Database.read`` or ``Database.write``: it gets the database first."""

from collections.abc import Sequence
from typing import Any

import attrs
from peewee import fn

from nexy_core import Exchange
from nexy_memory.models import Usage, User
from nexy_memory.recent import Remembered, storable

SOURCE_CHARS_MAX, MODEL_CHARS_MAX, ID_CHARS_MAX = 64, 128, 128


# The statements of every turn, written out: building them anew costs ten times what they take to run. An insert comes
# after an update or a look, for PostgreSQL spends a row number on one that conflicts.
_FIND_USER = "SELECT id FROM users WHERE key = ?"
_ADD_USER = "INSERT INTO users (key, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING"
_TOUCH_SESSION = "UPDATE sessions SET last_at = ? WHERE user_id = ? AND session_id = ?"
_ADD_SESSION = (
    "INSERT INTO sessions (user_id, session_id, started_at, last_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_FIND_USERS = "SELECT key, id FROM users WHERE key IN ({})"
_ADD_TURNS = (
    "INSERT INTO turns (user_id, session_id, turn_id, generation, prompt, answer, cut, language, at) VALUES {} "
    "ON CONFLICT DO NOTHING"
)
_ONE_TURN = "(?, (SELECT id FROM sessions WHERE user_id = ? AND session_id = ?), ?, ?, ?, ?, ?, ?, ?)"
_TOUCH_USAGE = (
    "UPDATE usage SET reports = reports + ?, input_tokens = input_tokens + ?, output_tokens = output_tokens + ? "
    "WHERE day = ? AND source = ? AND model = ?"
)
_ADD_USAGE = (
    "INSERT INTO usage (reports, input_tokens, output_tokens, day, source, model) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (day, source, model) DO UPDATE SET reports = usage.reports + excluded.reports, "
    "input_tokens = usage.input_tokens + excluded.input_tokens, "
    "output_tokens = usage.output_tokens + excluded.output_tokens"
)


_CONSENT = "SELECT consent FROM users WHERE key = ?"
_LAST_TURNS = (
    "SELECT t.prompt, t.answer, t.cut, s.session_id, t.turn_id, t.generation, t.at FROM turns t "
    "JOIN sessions s ON t.session_id = s.id JOIN users u ON t.user_id = u.id WHERE u.key = ? AND t.at >= ? "
    "ORDER BY t.at DESC, t.id DESC LIMIT ?"
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
    found = run(db, _CONSENT, key).fetchone()
    return None if found is None or found[0] is None else bool(found[0])


@attrs.frozen
class AddTurn:
    """Store a delivered turn of the user ``key``; the same turn twice is stored once."""

    key: str
    turn: Remembered
    language: str

    @staticmethod
    def together(db: Any, jobs: "Sequence[AddTurn]") -> list[None]:
        """Many of them, for one statement each for what they share."""
        users = _user_ids(db, {job.key: job.turn.at for job in jobs})
        for (key, name), at in {(job.key, _id(job.turn.session_id)): job.turn.at for job in jobs}.items():
            if not run(db, _TOUCH_SESSION, at, users[key], name).rowcount:
                run(db, _ADD_SESSION, users[key], name, at, at)
        values = [value for job in jobs for value in job.row(users[job.key])]
        run(db, _ADD_TURNS.format(_listed(_ONE_TURN, len(jobs))), *values)
        return [None] * len(jobs)

    def row(self, user: int) -> tuple[object, ...]:
        """What ``_ONE_TURN`` asks for."""
        turn, said = self.turn, self.turn.exchange
        where = (user, user, _id(turn.session_id), _id(turn.turn_id), turn.generation)
        return (*where, said.prompt, said.answer, said.cut, self.language, turn.at)


def _user_ids(db: Any, seen_at: dict[str, float]) -> dict[str, int]:
    """The rows of these users, made where it is their first time."""
    found = dict(run(db, _FIND_USERS.format(_listed("?", len(seen_at))), *seen_at).fetchall())
    return found | {key: user_id(db, key, at) for key, at in seen_at.items() if key not in found}


def _listed(part: str, count: int) -> str:
    return ", ".join([part] * count)


def _id(text: str) -> str:
    return storable(text[:ID_CHARS_MAX])


def last_turns(db: Any, key: str, *, since: float, limit: int) -> list[Remembered]:
    """The user's newest turns, oldest first."""
    rows = run(db, _LAST_TURNS, key, since, limit).fetchall()
    return [Remembered(Exchange(prompt, answer, bool(cut)), *rest) for prompt, answer, cut, *rest in reversed(rows)]


@attrs.frozen
class AddUsage:
    """Add one report of tokens to the day's counts."""

    day: int
    source: str
    model: str
    input_tokens: int
    output_tokens: int

    @staticmethod
    def together(db: Any, jobs: "Sequence[AddUsage]") -> list[None]:
        """Many of them: added up first, so that each count is touched once."""
        sums: dict[tuple[int, str, str], tuple[int, int, int]] = {}
        for job in jobs:
            name = (job.day, job.source, job.model)
            reports, input_tokens, output_tokens = sums.get(name, (0, 0, 0))
            sums[name] = (reports + 1, input_tokens + job.input_tokens, output_tokens + job.output_tokens)
        for name, counts in sums.items():
            if not run(db, _TOUCH_USAGE, *counts, *name).rowcount:
                run(db, _ADD_USAGE, *counts, *name)
        return [None] * len(jobs)


def usage_totals(db: Any) -> tuple[int, int, int]:
    """Reports, input tokens, output tokens."""
    query = Usage.select(fn.SUM(Usage.reports), fn.SUM(Usage.input_tokens), fn.SUM(Usage.output_tokens)).tuples()
    reports, input_tokens, output_tokens = query.execute(db)[0]
    return int(reports or 0), int(input_tokens or 0), int(output_tokens or 0)
