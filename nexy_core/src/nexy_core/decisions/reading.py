"""Reading the log back: files, rotated ones included, following, and choosing lines."""

import gzip
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import attrs

from nexy_core.decisions.line import LEVEL_NUMBERS, Decision, Line, parse_line
from nexy_core.decisions.sinks import FILE_NAME
from nexy_core.errors import ConfigError

POLL_SECONDS = 0.2
_WINDOW = re.compile(r"(\d+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_ID_KEYS = ("session", "device", "turn")


def parse_window(text: str) -> timedelta:
    """``90s``, ``15m``, ``2h`` or ``1d``. Raises ``ConfigError``."""
    found = _WINDOW.fullmatch(text.strip().lower())
    if found is None:
        raise ConfigError(f"{text!r} is no length of time: write it like 90s, 15m, 2h or 1d")
    try:
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        raise ConfigError(f"{text!r} is too long") from None


def log_files(folder: Path) -> list[Path]:
    """The log files of a folder, the oldest first; the one being written last."""
    stem = Path(FILE_NAME).stem
    rotated = [path for path in folder.glob(f"{stem}.*") if path.name != FILE_NAME]
    current = folder / FILE_NAME
    return [*sorted(rotated, key=lambda path: path.stat().st_mtime), *([current] if current.exists() else [])]


def read_texts(paths: Iterable[Path]) -> Iterator[str]:
    """The lines of files, compressed or not. Raises ``ConfigError`` for one that cannot be read."""
    for path in paths:
        try:
            with _open(path) as file:
                yield from file
        except (OSError, EOFError) as error:
            raise ConfigError(f"the log file {str(path)!r} cannot be read: {error}") from None


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="\n")
    return path.open(encoding="utf-8", errors="replace", newline="\n")


def follow(path: Path, wait: Callable[[float], Any] = time.sleep) -> Iterator[str]:
    """Lines as they are written, for ever; a new file of the same name is taken up when the old one is rotated."""
    file: IO[str] | None = None
    rest = ""
    while True:
        if file is None:
            file = _open(path) if path.exists() else None
        replaced = file is not None and _replaced(path, file)  # asked before the last look, so that nothing is missed
        rest += file.read() if file else ""
        *lines, rest = rest.split("\n")
        yield from lines
        if file is not None and replaced:
            file.close()
            file, rest = None, ""
        elif not lines:
            wait(POLL_SECONDS)


def _replaced(path: Path, file: IO[str]) -> bool:
    try:
        there, read = path.stat(), os.fstat(file.fileno())
    except OSError:
        return True
    return (there.st_dev, there.st_ino) != (read.st_dev, read.st_ino) or there.st_size < file.tell()


@attrs.define
class Choice:
    """Which lines are wanted; ``unread`` counts those that are no decision lines."""

    decisions: frozenset[Decision] = frozenset()
    scopes: tuple[str, ...] = ()
    ids: frozenset[str] = frozenset()
    """Masked ids of sessions and devices, or turn ids: any one suffices."""
    level: str = "DEBUG"
    since: datetime | None = None
    unread: int = 0

    def of(self, texts: Iterable[str]) -> Iterator[tuple[str, Line]]:
        """The wanted lines, as written and as read."""
        for text in texts:
            line = parse_line(text)
            if line is None:
                self.unread += bool(text.strip())
            elif self._wants(line):
                yield text.rstrip("\n"), line

    def _wants(self, line: Line) -> bool:
        return (
            (self.since is None or line.ts >= self.since)
            and LEVEL_NUMBERS.get(line.level, 0) >= LEVEL_NUMBERS[self.level]
            and (not self.decisions or line.decision in self.decisions)
            and (not self.scopes or line.scope.startswith(self.scopes))
            and (not self.ids or any(line.ctx.get(key) in self.ids for key in _ID_KEYS))
        )


def as_json(line: Line) -> dict[str, Any]:
    """A line for JSON, its fields in the log's order."""
    return {**attrs.asdict(line), "ts": line.ts.isoformat().replace("+00:00", "Z"), "decision": line.decision.value}
