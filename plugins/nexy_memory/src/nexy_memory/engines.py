"""What differs between SQLite and PostgreSQL: opening, locking, erasing for good."""

import contextlib
import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

import peewee
from playhouse.migrations import Runner

from nexy_core import ConfigError, Settings

log = logging.getLogger(__name__)

FILE_NAME = "nexy.sqlite"
SQLITE_PREFIX = "sqlite:///"
MIGRATIONS = Path(__file__).parent / "migrations"
_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700
_CACHE_KIB = 16_384
_WAL_LIMIT_BYTES = 16 * 1024 * 1024
_MIGRATION_LOCK = 0x6E657879
_SIDE_FILES = ("", "-wal", "-shm")


class Engine(Protocol):
    """A database to talk to: ``db`` keeps one connection per thread."""

    db: Any

    def prepare(self) -> str:
        """Make it ready to connect. Returns where a damaged file was moved, or ""."""

    def transaction(self) -> Any:
        """One write transaction, as a context manager."""

    def scrub(self) -> bool:
        """Make deleted bytes unreadable in the files. False: something else still reads them, try again."""

    def migration_lock(self) -> contextlib.AbstractContextManager[object]:
        """Keeps a second server from migrating at the same time."""

    def release(self) -> None:
        """The last connection is closed."""


class SqliteEngine:
    """One file in WAL mode; a commit that has returned is on the disk."""

    def __init__(self, path: Path, *, timeout_seconds: float) -> None:
        self.path = path
        self.db = peewee.SqliteDatabase(
            str(path),
            pragmas=[
                ("synchronous", "FULL"),
                ("secure_delete", "ON"),
                ("foreign_keys", 1),
                ("temp_store", "MEMORY"),
                ("cache_size", -_CACHE_KIB),
                ("journal_size_limit", _WAL_LIMIT_BYTES),
            ],
            timeout=timeout_seconds,
        )
        self._lock = -1

    def prepare(self) -> str:
        self.path.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        if self._lock < 0:
            self._lock = in_use(self.path)
        moved = self._move_aside() if self.path.exists() and self._damaged() else ""
        # SQLite gives its side files the mode of the main one.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, _PRIVATE_FILE))
        # Both stay in the file; said again they would wait for another process's lock.
        if not self.path.stat().st_size:
            self.db.execute_sql("PRAGMA auto_vacuum = INCREMENTAL")
        if self.db.execute_sql("PRAGMA journal_mode").fetchone() != ("wal",):
            self.db.execute_sql("PRAGMA journal_mode = WAL")
        return moved

    def _damaged(self) -> bool:
        """Looked at read-only: a damaged file is kept as it was found."""
        try:
            with contextlib.closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as db:
                return bool(db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
        except sqlite3.OperationalError as error:
            raise peewee.OperationalError(str(error)) from error
        except sqlite3.DatabaseError:
            return True

    def _move_aside(self) -> str:
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        for side in _SIDE_FILES:
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{side}").rename(f"{self.path}.corrupt-{stamp}{side}")
        return f"{self.path.name}.corrupt-{stamp}"

    def transaction(self) -> Any:
        return self.db.atomic("IMMEDIATE")

    def scrub(self) -> bool:
        """Deleted content is already zeroed in its pages (secure_delete); here the pages and the log go too."""
        self.db.execute_sql("PRAGMA incremental_vacuum").fetchall()
        busy, _, _ = self.db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def migration_lock(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()

    def release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


class PostgresEngine:
    """A PostgreSQL server through psycopg 3, one connection per thread."""

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        try:
            import psycopg  # noqa: F401
        except ImportError as error:
            raise ConfigError(
                "storage.url names PostgreSQL, and psycopg is not installed; do: pip install 'nexy-memory[postgres]'"
            ) from error
        milliseconds = int(timeout_seconds * 1000)
        self.db = peewee.PostgresqlDatabase(
            url,
            prefer_psycopg3=True,
            connect_timeout=max(2, int(timeout_seconds)),
            options=f"-c lock_timeout={milliseconds} -c statement_timeout={milliseconds * 4}",
        )

    def prepare(self) -> str:
        return ""

    def transaction(self) -> Any:
        return self.db.atomic()

    def scrub(self) -> bool:
        """VACUUM takes dead rows out of the tables; where that takes too long now, the server itself does it later."""
        try:
            for table in ("memories", "turns", "sessions", "outbox"):
                self.db.execute_sql(f"VACUUM {table}")
        except peewee.OperationalError:
            self.db.close()
        return True

    @contextlib.contextmanager
    def migration_lock(self) -> Iterator[None]:
        self.db.execute_sql("SELECT pg_advisory_lock(%s)", (_MIGRATION_LOCK,))
        try:
            yield None
        finally:
            self.db.execute_sql("SELECT pg_advisory_unlock(%s)", (_MIGRATION_LOCK,))

    def release(self) -> None:
        return None


def in_use(path: Path, *, alone: bool = False) -> int:
    """Say that ``path`` is in use, by a lock beside it; returns the file that holds it.

    ``alone``: raises ``BlockingIOError`` if anybody else uses it.
    """
    file = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR, _PRIVATE_FILE)
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file


def sqlite_path(settings: Settings) -> Path:
    """Where the SQLite file is, by ``storage.url`` or ``storage.data_dir``."""
    url = settings.get("storage.url", str)
    if url.startswith(SQLITE_PREFIX):
        return Path(unquote(url.removeprefix(SQLITE_PREFIX)))
    return Path(settings.get("storage.data_dir", str)) / FILE_NAME


def engine_for(settings: Settings) -> Engine:
    """The engine that ``storage.url`` names."""
    timeout_seconds = settings.get("storage.write_timeout_seconds", float)
    url = settings.get("storage.url", str)
    if url and not url.startswith(SQLITE_PREFIX):
        return PostgresEngine(url, timeout_seconds=timeout_seconds)
    return SqliteEngine(sqlite_path(settings), timeout_seconds=timeout_seconds)


def migrate(engine: Engine) -> list[str]:
    """Bring the schema up to date; returns the names of the steps taken."""
    with engine.migration_lock():
        return list(Runner(engine.db, str(MIGRATIONS)).up())
