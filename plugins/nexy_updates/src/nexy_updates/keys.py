"""Ed25519 keys as Sparkle keeps them: 32 bytes, base64."""

import base64
import binascii
import hashlib
import mmap
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from nexy_updates.errors import StoreError
from nexy_updates.files import open_regular, read_limited, sync_folder, write_synced

KEY_BYTES = 32
SIGNATURE_BYTES = 64
KEY_MODE = 0o600
_KEY_FILE_BYTES_MAX = 4096
_KEY_ID_CHARS = 16
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_HINTS = {
    64: "64 bytes are an expanded key or a seed with its public key: give the first 32 bytes of a seed form, "
    "or export again with Sparkle's generate_keys -x",
    96: "96 bytes are the export of an old Sparkle (2017 to 2020), which holds no seed: rotate to a new key",
}


def decode(text: str, size: int, what: str) -> bytes:
    """Strict standard base64 of exactly ``size`` bytes. Raises ``StoreError`` without repeating the text."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise StoreError(f"{what} is not standard base64") from error
    if len(data) != size:
        raise StoreError(f"{what} has {len(data)} bytes, not {size}. {_HINTS.get(len(data), '')}".strip())
    if base64.b64encode(data).decode() != text:
        raise StoreError(f"{what} is not in the one canonical base64 form")
    return data


@attrs.frozen
class PublicKey:
    """A key that signatures are checked with."""

    raw: bytes

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        return cls(decode(text.strip(), KEY_BYTES, "the public key"))

    @property
    def text(self) -> str:
        return base64.b64encode(self.raw).decode()

    @property
    def key_id(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()[:_KEY_ID_CHARS]

    def accepts(self, signature: bytes, data: "bytes | memoryview") -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True


def accepted(keys: Iterable[PublicKey], signature_text: str, data: "bytes | memoryview") -> bool:
    """Is ``data`` signed by one of ``keys``?"""
    try:
        signature = decode(signature_text, SIGNATURE_BYTES, "the signature")
    except StoreError:
        return False
    return any(key.accepts(signature, data) for key in keys)


@attrs.frozen
class SigningKey:
    """A private key; it never prints."""

    _key: Ed25519PrivateKey = attrs.field(repr=False)

    @classmethod
    def generate(cls) -> "SigningKey":
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def parse(cls, text: str) -> "SigningKey":
        return cls(Ed25519PrivateKey.from_private_bytes(decode(text.strip(), KEY_BYTES, "the private key")))

    @classmethod
    def read(cls, source: str) -> "SigningKey":
        """From a file that only its owner can read, or from standard input when ``source`` is ``-``."""
        if source == "-":
            return cls.parse(sys.stdin.read(_KEY_FILE_BYTES_MAX))
        path = Path(source)
        try:
            mode = path.stat().st_mode
            data = read_limited(path, _KEY_FILE_BYTES_MAX)
        except OSError as error:
            raise StoreError(f"cannot read the key file {path.name}: {error.strerror}") from error
        if mode & _OTHERS:
            raise StoreError(f"the key file {path.name} can be read by others: chmod 600 it, and think of rotating it")
        return cls.parse(data.decode("ascii", "replace"))

    def write(self, path: Path) -> None:
        """To a new file of mode 0600, in the form Sparkle's ``generate_keys -f`` reads."""
        raw = self._key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        try:
            write_synced(path, base64.b64encode(raw) + b"\n", KEY_MODE)
        except FileExistsError as error:
            raise StoreError(f"{path.name} exists already; a key is never overwritten") from error
        sync_folder(path.parent)

    @property
    def public(self) -> PublicKey:
        return PublicKey(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, data: "bytes | memoryview") -> str:
        """The signature, base64."""
        return base64.b64encode(self._key.sign(data)).decode()


def map_file(path: Path) -> mmap.mmap:
    """The file as memory the system pages in as it is read: Ed25519 passes over the message twice."""
    descriptor = open_regular(path)
    try:
        if not os.fstat(descriptor).st_size:
            raise StoreError(f"{path.name} is empty")
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)
