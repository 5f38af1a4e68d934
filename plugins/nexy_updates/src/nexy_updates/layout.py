"""Where things are in the store.

``objects/SHA256`` artifacts; ``releases/SHA256.json`` what was published; ``generations/NNNNNNNN/`` one complete signed
state (an index a channel, its signatures, the feeds); ``current`` the pointer to the one that counts; ``audit.jsonl``
who asked for what; ``holds.json`` paused versions; ``lock`` held while publishing.
"""

import hashlib
import re
from pathlib import Path

import attrs

from nexy_updates.errors import StoreError
from nexy_updates.files import from_json, read_limited

INDEX_BYTES_MAX = 16 * 1024 * 1024
FEED_BYTES_MAX = 256 * 1024
SMALL_BYTES_MAX = 64 * 1024
RELEASE_BYTES_MAX = 512 * 1024
INDEX_CONTEXT = b"nexy-index-v1\0"
"""Signed in front of an index, so that no signature of a feed or an artifact can pass for one of an index."""
_GENERATION = re.compile(r"[0-9]{8}")


@attrs.frozen
class Layout:
    """The paths of a store."""

    root: Path

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def generations(self) -> Path:
        return self.root / "generations"

    @property
    def pointer(self) -> Path:
        return self.root / "current"

    @property
    def audit(self) -> Path:
        return self.root / "audit.jsonl"

    @property
    def holds(self) -> Path:
        return self.root / "holds.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    def object(self, sha256: str) -> Path:
        return self.objects / sha256

    def release(self, record: str) -> Path:
        return self.releases / f"{record}.json"

    def generation(self, seq: int) -> Path:
        return self.generations / f"{seq:08d}"

    def read_pointer(self) -> tuple[int, bytes]:
        """The sequence number that counts, and the pointer's bytes. ``FileNotFoundError``: nothing is published."""
        data = read_limited(self.pointer, SMALL_BYTES_MAX)
        text = data.decode("ascii", "replace").strip()
        if not _GENERATION.fullmatch(text):
            raise StoreError("the pointer file 'current' does not hold the number of a generation")
        return int(text), data

    def read_holds(self) -> frozenset[str]:
        """The paused versions."""
        try:
            data = from_json(read_limited(self.holds, SMALL_BYTES_MAX), self.holds.name)
        except FileNotFoundError:
            return frozenset()
        if not isinstance(data, list) or not all(isinstance(item, str) for item in data):
            raise StoreError("holds.json is not a list of versions")
        return frozenset(data)


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
