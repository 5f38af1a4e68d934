"""The JSON manifest that the older client reads."""

from collections.abc import Iterable

from nexy_updates.files import to_json
from nexy_updates.model import Release

TYPES = {".dmg": "dmg", ".pkg": "pkg"}
"""What the older client can install; it refuses archives."""


def artifact_type(name: str) -> str:
    """``dmg``, ``pkg`` or "" for what the older client cannot install."""
    return next((kind for suffix, kind in TYPES.items() if name.lower().endswith(suffix)), "")


def build_manifest(base_url: str, releases: Iterable[Release]) -> bytes | None:
    """The manifest of the newest release the older client can install; ``None`` when there is none.

    That client compares ``build`` as a PEP 440 version with its bundle version, and skips the check of an empty
    signature: both are given as published, and no release is published unsigned.
    """
    for release in releases:
        kind = artifact_type(release.artifact.name)
        if kind and release.informational_below is None:
            return to_json(_fields(base_url, release, kind))
    return None


def _fields(base_url: str, release: Release, kind: str) -> dict[str, object]:
    return {
        "version": release.short_version,
        "build": release.version,
        "artifact": {
            "type": kind,
            "url": base_url + release.artifact.path,
            "size": release.artifact.size_bytes,
            "sha256": release.artifact.sha256,
            "ed25519": release.artifact.ed25519,
        },
    }
