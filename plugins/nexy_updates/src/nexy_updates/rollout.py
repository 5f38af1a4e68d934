"""Who is offered a release that is being rolled out."""

import hashlib
import re

from nexy_updates.errors import StoreError

BUCKETS = 10_000
"""Rollouts are counted in basis points: hundredths of a percent."""
_PREFIX = b"nexy-rollout-v1"
_BUCKET_BYTES = 8
_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?")
_BASIS_POINTS_PER_PERCENT = 100


def bucket(release: str, hardware_id: str) -> int:
    """The device's place, 0 to 9999, in the order in which ``release`` reaches the devices."""
    identity = hardware_id.strip().upper()
    digest = hashlib.sha256(b"\0".join((_PREFIX, release.encode(), identity.encode()))).digest()
    return int.from_bytes(digest[:_BUCKET_BYTES]) % BUCKETS


def admitted(release: str, hardware_id: str, rollout_bp: int) -> bool:
    """Is the device inside the rollout? Without an id it is outside of all but a finished one."""
    if rollout_bp >= BUCKETS:
        return True
    return bool(hardware_id.strip()) and bucket(release, hardware_id) < rollout_bp


def basis_points(percent: str) -> int:
    """A percentage as the operator writes it (``"0.5"``, ``"25"``) in basis points. Raises ``StoreError``."""
    match = _PERCENT.fullmatch(percent)
    value = int(match[1]) * _BASIS_POINTS_PER_PERCENT + int((match[2] or "").ljust(2, "0")) if match else -1
    if not 0 <= value <= BUCKETS:
        raise StoreError(f"rollout {percent[:20]!r} must be a percentage from 0 to 100, with at most two decimals")
    return value


def as_percent(rollout_bp: int) -> str:
    """Basis points as a percentage for a person: ``"0.5%"``."""
    return f"{rollout_bp / _BASIS_POINTS_PER_PERCENT:g}%"
