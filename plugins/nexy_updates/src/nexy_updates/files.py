"""Reading and writing so that a crash, a symlink or a huge file cannot hurt."""

import json
import os
import stat
from pathlib import Path
from typing import Any

from nexy_updates.errors import StoreError

FILE_MODE = 0o644


def open_regular(path: Path) -> int:
    """A file descriptor of a regular file; symlinks, folders, pipes and devices are refused. Raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StoreError(f"{path.name} is not a regular file")
    return descriptor


def read_limited(path: Path, limit_bytes: int) -> bytes:
    """The whole of a regular file that is at most ``limit_bytes`` long."""
    with os.fdopen(open_regular(path), "rb") as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise StoreError(f"{path.name} is larger than {limit_bytes} bytes")
    return data


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """Write a new file and make its content durable."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_synced(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """Replace ``path`` in one step: readers see the old content or the new, never a mixture, also after a crash.

    For one writer at a time.
    """
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        write_synced(temporary, data, mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def to_json(value: Any) -> bytes:
    """JSON bytes, the same for the same value."""
    return (
        json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"
    ).encode()


def from_json(data: bytes, name: str) -> Any:
    """Parse JSON. Raises ``StoreError`` naming the file."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{name} is not valid JSON") from error
