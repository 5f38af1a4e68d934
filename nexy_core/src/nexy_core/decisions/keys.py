"""Where the log's files are, and the key that masks ids in them."""

import hashlib
import logging
import os
import secrets as randomness
from pathlib import Path

from nexy_core.settings import LiveSettings

KEY_FILE = "log.key"
KEY_BYTES = 32
MASK_BYTES = 6


def log_dir(settings: LiveSettings) -> Path:
    """Where the log files are."""
    named = settings.get("log.dir", str)
    return Path(named) if named else Path(settings.get("storage.data_dir", str)) / "logs"


def mask(identifier: str, key: bytes) -> str:
    """Twelve characters that stand for an id."""
    return hashlib.blake2s(identifier.encode("utf-8", "replace"), key=key, digest_size=MASK_BYTES).hexdigest()


def load_key(data_dir: Path, *, create: bool) -> bytes:
    """The installation's key for masks; one for this process alone where none can be kept."""
    path = data_dir / KEY_FILE
    try:
        if create:
            _create_key(path)
        kept = path.read_bytes()
    except OSError as error:
        logging.getLogger(__name__).debug("no %s: errno %s", KEY_FILE, error.errno)
        kept = b""
    return kept if len(kept) == KEY_BYTES else randomness.token_bytes(KEY_BYTES)


def _create_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as file:
        file.write(randomness.token_bytes(KEY_BYTES))
