"""The key that turns a hardware_id into a user key. Without it, stored rows name no device."""

import hmac
import os
import secrets
from pathlib import Path

from nexy_core import ConfigError

KEY_FILE = "nexy.key"
_KEY_BYTES = 32
_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700


def load_key(configured: str, folder: Path) -> bytes:
    """The configured key, or the one in ``folder``, made on the first start."""
    if configured:
        return configured.encode()
    path = folder / KEY_FILE
    try:
        folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        _create(path)
        key = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read or make the key file {path} ({error.strerror}); set storage.key") from error
    if len(key) < _KEY_BYTES:
        raise ConfigError(f"the key file {path} is cut short; restore it from a backup")
    return key


def _create(path: Path) -> None:
    """Written whole beside it, then linked: two servers that start at once end with one key."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, _PRIVATE_FILE), "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def user_key(key: bytes, hardware_id: str) -> str:
    """The name under which a device's data is kept."""
    return hmac.digest(key, hardware_id.encode(errors="replace"), "sha256").hex()[:_KEY_BYTES]
