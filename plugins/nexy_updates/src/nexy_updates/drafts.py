"""What the operator asks to publish, checked before anything is copied."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nexy_updates.appcast import check_text
from nexy_updates.errors import StoreError
from nexy_updates.model import check_name
from nexy_updates.publisher import Draft
from nexy_updates.versions import version_key

SUFFIXES = (".dmg", ".zip", ".pkg", ".tar.gz", ".tar.xz", ".tar.bz2", ".aar")
DELTA_SUFFIX = ".delta"
SHORT_TEXT_CHARS_MAX = 200
NOTES_CHARS_MAX = 64 * 1024
_VERSION_FIELDS = ("minimum_update_version", "critical_below", "informational_below")


def make_draft(
    file: Path,
    version: str,
    channel: str | None,
    channels: Sequence[str],
    rollout_bp: int,
    deltas: Sequence[str],
    details: dict[str, Any],
) -> Draft:
    """Raises ``StoreError`` for what a client could not read."""
    version_key(version)
    if channel is not None and channel not in channels:
        raise StoreError(f"channel {channel[:40]!r} is not one of update.channels ({', '.join(channels)})")
    if not check_name(file.name).lower().endswith(SUFFIXES):
        raise StoreError(f"{file.name} must end with one of {', '.join(SUFFIXES)}")
    _check_details(details)
    pairs = tuple(_delta(text, version) for text in deltas)
    return Draft(file, version, channel or channels[0], rollout_bp, pairs, details)


def _check_details(details: dict[str, Any]) -> None:
    for name in _VERSION_FIELDS:
        if details.get(name):
            version_key(details[name])
    for name, value in details.items():
        limit = NOTES_CHARS_MAX if name == "notes" else SHORT_TEXT_CHARS_MAX
        if isinstance(value, str) and len(check_text(value, name)) > limit:
            raise StoreError(f"{name} is longer than {limit} characters")
    if details.get("minimum_system_version"):
        version_key(details["minimum_system_version"])
    link = details.get("link", "")
    if link and urlsplit(link).scheme not in {"http", "https"}:
        raise StoreError("link must begin with https://")
    if details.get("informational_below") is not None and not link:
        raise StoreError("an informational update needs a --link to lead people to")


def _delta(text: str, version: str) -> tuple[str, Path]:
    origin, separator, name = text.partition("=")
    path = Path(name)
    if not separator or not path.is_file() or path.suffix != DELTA_SUFFIX:
        raise StoreError(f"delta {text[:80]!r} must be VERSION=FILE{DELTA_SUFFIX}, and the file must exist")
    if version_key(origin) >= version_key(version):
        raise StoreError(f"a delta leads from an older version to {version}, not from {origin}")
    check_name(path.name)
    return origin, path
