"""Taking a file into the store: copied, hashed and signed in one go, named by its hash last."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from nexy_updates.errors import StoreError
from nexy_updates.files import open_regular, sync_folder
from nexy_updates.keys import SigningKey, map_file
from nexy_updates.layout import Layout
from nexy_updates.model import Artifact, check_name

OBJECT_MODE = 0o444
INCOMING = ".incoming"
CHUNK_BYTES = 1024 * 1024
Progress = Callable[[int], object]
"""Called with the number of bytes just done."""


def add_object(layout: Layout, source: Path, key: SigningKey, limit_bytes: int, progress: Progress) -> Artifact:
    """Copy ``source`` into the store, durably. What is signed is the copy, so that nothing can change in between.

    Raises ``StoreError``. Needs the lock, and blocks for as long as the disk takes.
    """
    name = check_name(source.name)
    temporary = layout.objects / INCOMING
    temporary.unlink(missing_ok=True)
    try:
        sha256, size_bytes = _copy(source, temporary, limit_bytes, progress)
        signature = sign_file(temporary, key)
        temporary.chmod(OBJECT_MODE)
        temporary.replace(layout.object(sha256))
    except OSError as error:
        raise explain(error, f"cannot take {name} into the store") from error
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(layout.objects)
    return Artifact(sha256, size_bytes, name, signature)


def _copy(source: Path, target: Path, limit_bytes: int, progress: Progress) -> tuple[str, int]:
    digest, size_bytes = hashlib.sha256(), 0
    with os.fdopen(open_regular(source), "rb") as reader, target.open("xb") as writer:
        check_size(source.name, os.fstat(reader.fileno()).st_size, limit_bytes)
        while chunk := reader.read(CHUNK_BYTES):
            digest.update(chunk)
            writer.write(chunk)
            size_bytes += len(chunk)
            check_size(source.name, size_bytes, limit_bytes)
            progress(len(chunk))
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest(), size_bytes


def check_size(name: str, size_bytes: int, limit_bytes: int) -> None:
    """The release-size guardrail."""
    if not size_bytes:
        raise StoreError(f"{name} is empty")
    if size_bytes > limit_bytes:
        raise StoreError(f"{name} is larger than update.max_release_mib allows ({limit_bytes} bytes)")


def sign_file(path: Path, key: SigningKey) -> str:
    with map_file(path) as content, memoryview(content) as view:
        return key.sign(view)


def hash_file(path: Path, progress: Progress) -> str:
    """SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with os.fdopen(open_regular(path), "rb") as reader:
        while chunk := reader.read(CHUNK_BYTES):
            digest.update(chunk)
            progress(len(chunk))
    return digest.hexdigest()


def explain(error: OSError, what: str) -> StoreError:
    """The operator's words for what the system said."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreError(f"{what}: the disk is full; nothing was changed, free some space and run it again")
    return StoreError(f"{what}: {error.strerror or type(error).__name__}")
