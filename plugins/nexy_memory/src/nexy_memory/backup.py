"""Backup and restore of the SQLite file and its key, while the server runs or while it is stopped."""

import contextlib
import os
import shutil
import sqlite3
import time
from pathlib import Path

from nexy_core import ConfigError
from nexy_memory.engines import in_use
from nexy_memory.keys import KEY_FILE

_PRIVATE_FILE = 0o600
_PAGES_AT_ONCE = 256
_KEY_SUFFIX = ".key"
_SIDE_FILES = ("-wal", "-shm")


def backup(database: Path, target: Path) -> int:
    """Copy the database as it is at one moment, and its key beside it; returns the size in bytes.

    Online: the server goes on writing. ``target`` appears whole or not at all.
    """
    if not database.exists():
        raise ConfigError(f"there is no database at {database}")
    if target.exists():
        raise ConfigError(f"{target} exists; name a new file")
    draft = target.with_name(f"{target.name}.part")
    os.close(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_RDWR, _PRIVATE_FILE))
    with contextlib.closing(sqlite3.connect(database)) as source, contextlib.closing(sqlite3.connect(draft)) as copy:
        source.backup(copy, pages=_PAGES_AT_ONCE)
        copy.execute("PRAGMA journal_mode = DELETE")
    _sync(draft)
    key = database.parent / KEY_FILE
    if key.exists():
        _copy(key, Path(f"{target}{_KEY_SUFFIX}"))
    draft.rename(target)
    return target.stat().st_size


def restore(database: Path, source: Path) -> str:
    """Put a backup in the place of a stopped server's database; returns where the old one went ("" for none)."""
    _check(source)
    database.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = in_use(database, alone=True)
    except BlockingIOError as error:
        raise ConfigError("the database is in use; stop the server first") from error
    try:
        draft = database.with_name(f"{database.name}.part")
        _copy(source, draft)
        kept = _move_away(database)
        draft.rename(database)
        key = Path(f"{source}{_KEY_SUFFIX}")
        if key.exists():
            _copy(key, database.parent / KEY_FILE)
    finally:
        os.close(lock)
    return kept


def _check(source: Path) -> None:
    if not source.is_file():
        raise ConfigError(f"there is no file {source}")
    try:
        with contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as db:
            whole = db.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
            ours = db.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('memories', 'turns')").fetchone()[0]
    except sqlite3.DatabaseError:
        whole = ours = False
    if not whole or not ours:
        raise ConfigError(f"{source} is not a whole backup of this server")


def _move_away(database: Path) -> str:
    if not database.exists():
        return ""
    with contextlib.closing(sqlite3.connect(database)) as db, contextlib.suppress(sqlite3.DatabaseError):
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = database.with_name(f"{database.name}.before-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
    database.rename(kept)
    for side in _SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{database}{side}").rename(f"{kept}{side}")
    return str(kept)


def _copy(source: Path, target: Path) -> None:
    os.close(os.open(target, os.O_CREAT | os.O_TRUNC | os.O_RDWR, _PRIVATE_FILE))
    shutil.copyfile(source, target)
    _sync(target)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
