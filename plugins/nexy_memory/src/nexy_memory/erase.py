"""Jobs that erase. Each leaves one line in the erasure log, which says how much and never what."""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from nexy_memory.models import Erasure, Memory, Outbox, Session, Turn, User
from nexy_memory.slots import slot_of
from nexy_memory.stems import stem_words

ALL, MATCH, LAST, AGE = "all", "match", "last", "age"
_ROWS_AT_ONCE = 500


@attrs.frozen
class Erased:
    """What went: ``turn_ids`` are those of the turns deleted here."""

    memories: int = 0
    turn_ids: tuple[str, ...] = ()
    log_id: int = 0

    @property
    def count(self) -> int:
        """Memories and turns."""
        return self.memories + len(self.turn_ids)


def everything(db: Any, key: str, now: float) -> Erased:
    """All that is kept of the user but the consent."""
    users = User.select(User.id).where(User.key == key)
    turn_ids = [turn_id for (turn_id,) in Turn.select(Turn.turn_id).where(Turn.user.in_(users)).tuples().execute(db)]
    memories = Memory.delete().where(Memory.user.in_(users)).execute(db)
    for table in (Outbox, Turn, Session):
        table.delete().where(table.user.in_(users)).execute(db)
    return _logged(db, key, ALL, Erased(memories, tuple(turn_ids)), now)


def last(db: Any, key: str, turn_ids: Sequence[str], now: float) -> Erased:
    """The turns named, and what was remembered from them; without any, the user's newest memory."""
    where = Memory.source_turn.in_(turn_ids)
    if not turn_ids:
        where = Memory.id.in_([row[0] for row in _memories(db, key)[-1:]])
    chosen = [row[0] for row in _memories(db, key, where)]
    return _logged(db, key, LAST, _delete(db, key, chosen, turn_ids), now)


def matching(db: Any, key: str, text: str, now: float) -> Erased:
    """What says ``text``: its memories, older ones of the same slot, and every turn that says it."""
    wanted = frozenset(stem_words(text))
    rows = _memories(db, key)
    slots = {slot_of(text)} | {slot for _, said, slot, _ in rows if _says(said, wanted)}
    slots.discard("")
    chosen = [row_id for row_id, said, slot, _ in rows if slot in slots or _says(said, wanted)]
    if not chosen:
        chosen = _closest(rows, wanted)
    sources = {source for row_id, _, _, source in rows if row_id in set(chosen) and source}
    said_texts = [frozenset(stem_words(said)) for row_id, said, _, _ in rows if row_id in set(chosen)]
    turns = [
        turn_id for turn_id, said in _turns(db, key) if turn_id in sources or says_any(said, [wanted, *said_texts])
    ]
    return _logged(db, key, MATCH, _delete(db, key, chosen, turns), now)


def says_any(text: str, contents: Iterable[frozenset[str]]) -> bool:
    """Whether ``text`` holds every stem of one of ``contents``."""
    stems = frozenset(stem_words(text))
    return any(content and content <= stems for content in contents)


def _says(text: str, wanted: frozenset[str]) -> bool:
    return says_any(text, [wanted])


def _closest(rows: list[Any], wanted: frozenset[str]) -> list[int]:
    """Nothing says all of it: what says most of it, if that is at least half."""
    shared = {row_id: len(wanted & frozenset(stem_words(text))) for row_id, text, _, _ in rows}
    most = max(shared.values(), default=0)
    return [row_id for row_id, count in shared.items() if count == most and count * 2 >= len(wanted) and count]


def _memories(db: Any, key: str, where: Any = None) -> list[Any]:
    query = Memory.select(Memory.id, Memory.text, Memory.slot, Memory.source_turn)
    mine = Memory.user.in_(User.select(User.id).where(User.key == key))
    return list(query.where(mine if where is None else mine & where).order_by(Memory.id).tuples().execute(db))


def _turns(db: Any, key: str) -> list[tuple[str, str]]:
    query = Turn.select(Turn.turn_id, Turn.prompt, Turn.answer)
    query = query.where(Turn.user.in_(User.select(User.id).where(User.key == key)))
    return [(turn_id, f"{prompt} {answer}") for turn_id, prompt, answer in query.tuples().execute(db)]


def _delete(db: Any, key: str, memories: Sequence[int], turn_ids: Sequence[str]) -> Erased:
    mine = User.select(User.id).where(User.key == key)
    gone = sum(Memory.delete().where(Memory.id.in_(part)).execute(db) for part in _parts(memories))
    for part in _parts(turn_ids):
        for table in (Outbox, Turn):
            table.delete().where(table.turn_id.in_(part) & table.user.in_(mine)).execute(db)
    return Erased(gone, tuple(turn_ids))


def _parts(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + _ROWS_AT_ONCE] for start in range(0, len(items), _ROWS_AT_ONCE))


def _logged(db: Any, key: str, scope: str, erased: Erased, now: float) -> Erased:
    row = {"user_key": key, "scope": scope, "memories": erased.memories, "turns": len(erased.turn_ids), "at": now}
    Erasure.insert(row).as_rowcount().execute(db)
    return attrs.evolve(erased, log_id=newest_line(db))


def newest_line(db: Any) -> int:
    """The last line of the erasure log."""
    rows = Erasure.select(Erasure.id).order_by(Erasure.id.desc()).limit(1).tuples().execute(db)
    return int(rows[0][0]) if len(rows) else 0


def log_of(db: Any, key: str) -> list[tuple[str, int, int, float]]:
    """The user's lines of the erasure log: scope, memories, turns, when."""
    query = Erasure.select(Erasure.scope, Erasure.memories, Erasure.turns, Erasure.at).where(Erasure.user_key == key)
    return list(query.order_by(Erasure.id).tuples().execute(db))


def lines_after(db: Any, line: int) -> list[tuple[int, str]]:
    """What was erased since ``line``: line and user key."""
    query = Erasure.select(Erasure.id, Erasure.user_key).where(Erasure.id > line).order_by(Erasure.id)
    return [(row_id, key) for row_id, key in query.tuples().execute(db)]


def old(db: Any, model: Any, where: Any) -> int:
    """Delete rows past their time; returns how many."""
    return int(model.delete().where(where).execute(db))
