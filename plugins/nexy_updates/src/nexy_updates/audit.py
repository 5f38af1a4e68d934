"""Who asked for what and when: one JSON line an event, each naming the hash of the line before it."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from nexy_updates.errors import StoreError
from nexy_updates.files import FILE_MODE, sync_folder

GENESIS = "0" * 64
LINE_BYTES_MAX = 16 * 1024


@attrs.frozen
class Line:
    """One event as bytes, without its newline. ``digest`` is what the next line names."""

    data: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def fields(self) -> dict[str, Any]:
        try:
            fields = json.loads(self.data)
        except ValueError as error:
            raise StoreError("audit.jsonl holds a line that is not JSON") from error
        if not isinstance(fields, dict):
            raise StoreError("audit.jsonl holds a line that is not an event")
        return fields


def make_line(last: Line | None, at: datetime, event: str, seq: int, details: Mapping[str, Any]) -> Line:
    """The next event, linked to the ``last``."""
    previous = last.digest if last else GENESIS
    fields = {"prev": previous, "at": at.isoformat(), "event": event, "seq": seq, **details}
    data = json.dumps(fields, sort_keys=True, ensure_ascii=True).encode()
    if len(data) > LINE_BYTES_MAX:
        raise StoreError("the event is too long for the audit log")
    return Line(data)


def append(path: Path, line: Line) -> None:
    """Make the event durable. A line that a crash cut short is removed first: its event never came about."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    with os.fdopen(descriptor, "r+b") as file:
        file.truncate(_whole_bytes(file.fileno()))
        file.seek(0, os.SEEK_END)
        file.write(line.data + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


def last_line(path: Path) -> Line | None:
    """The newest whole event."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        end = _whole_bytes(descriptor)
        tail = os.pread(descriptor, min(end, LINE_BYTES_MAX + 1), max(0, end - LINE_BYTES_MAX - 1))
    finally:
        os.close(descriptor)
    return Line(tail.rstrip(b"\n").rpartition(b"\n")[2]) if tail else None


def _whole_bytes(descriptor: int) -> int:
    """How long the file is up to its last newline."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - LINE_BYTES_MAX - 1)
    return start + os.pread(descriptor, size - start, start).rfind(b"\n") + 1


def read_chain(path: Path) -> Iterator[Line]:
    """Every event, oldest first. Raises ``StoreError`` at the first one whose link does not hold."""
    previous = GENESIS
    with path.open("rb") as file:
        for number, data in enumerate(file, start=1):
            if not data.endswith(b"\n"):
                return
            line = Line(data[:-1])
            if line.fields.get("prev") != previous:
                raise StoreError(f"audit.jsonl was changed: line {number} does not follow from the line before it")
            previous = line.digest
            yield line
