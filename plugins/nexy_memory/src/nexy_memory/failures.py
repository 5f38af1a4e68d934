"""Foreign exceptions of the database, translated once."""

import peewee

from nexy_core import NexyError, Unavailable

LOCKED = "store_locked"
FULL = "disk_full"
CORRUPT = "store_corrupt"
UNREACHABLE = "store_unreachable"
BUSY = "store_busy"
CLOSED = "store_closed"
FOLDER = "store_folder"

_BY_TEXT = (
    (LOCKED, ("database is locked", "database table is locked", "lock timeout", "canceling statement due to")),
    (FULL, ("disk is full", "disk i/o error", "no space left", "unable to open database file", "disk full")),
    (CORRUPT, ("malformed", "not a database", "file is encrypted")),
    (UNREACHABLE, ("connection", "server closed", "ssl", "terminating", "could not translate")),
)
_MESSAGES = {
    LOCKED: "The database is locked by another process.",
    FULL: "The database cannot be written: the disk is full or not writable.",
    CORRUPT: "The database file is damaged.",
    UNREACHABLE: "The database server does not answer.",
}
RETRYABLE = frozenset({LOCKED, FULL, UNREACHABLE, BUSY})
"""Reasons that pass by themselves: what could not be written is worth keeping for later."""


def translate(error: BaseException) -> NexyError:
    """``Unavailable`` with a reason for what an operator can mend, a plain ``NexyError`` for a mistake of ours."""
    if isinstance(error, NexyError):
        return error
    text = _story(error)
    if isinstance(error, peewee.PeeweeException | OSError):
        for reason, marks in _BY_TEXT:
            if any(mark in text for mark in marks):
                return Unavailable(_MESSAGES[reason], reason=reason)
    if isinstance(error, BlockingIOError):
        return Unavailable("The database is being restored.", reason=LOCKED)
    if isinstance(error, OSError):
        return Unavailable(f"The data folder cannot be used: {error.strerror}.", reason=FOLDER)
    if isinstance(error, peewee.OperationalError | peewee.InterfaceError):
        return Unavailable("The database failed.", reason=UNREACHABLE)
    return NexyError("The database refused a request.", reason=f"store_{type(error).__name__.lower()}")


def _story(error: BaseException | None) -> str:
    """Its text and that of what it came from: SQLite has rolled back a full disk's transaction before peewee does."""
    texts = []
    while error is not None:
        texts.append(str(error).lower())
        error = error.__cause__ or error.__context__
    return "; ".join(texts)


def is_systemic(error: BaseException) -> bool:
    """Whether every write would fail like this one: no sense in trying the batch one by one."""
    return isinstance(error, peewee.OperationalError | peewee.InterfaceError | OSError)
