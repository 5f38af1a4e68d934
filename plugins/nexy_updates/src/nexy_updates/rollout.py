"""Who is offered a release that is being rolled out."""

import hashlib
from decimal import Decimal, InvalidOperation

from nexy_updates.errors import StoreError

BUCKETS = 10_000
"""Rollouts are counted in basis points: hundredths of a percent."""
_PREFIX = b"nexy-rollout-v1"
_BUCKET_BYTES = 8
_PERCENT_CHARS_MAX = 8
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
    try:
        value = Decimal(percent) * _BASIS_POINTS_PER_PERCENT if len(percent) <= _PERCENT_CHARS_MAX else None
    except InvalidOperation:
        value = None
    if value is None or not value.is_finite() or value != int(value) or not 0 <= value <= BUCKETS:
        raise StoreError(f"rollout {percent[:20]!r} must be a percentage from 0 to 100, with at most two decimals")
    return int(value)


def as_percent(rollout_bp: int) -> str:
    """Basis points as a percentage for a person: ``"0.5%"``."""
    return f"{rollout_bp / _BASIS_POINTS_PER_PERCENT:g}%"
