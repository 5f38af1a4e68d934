"""Version numbers as Sparkle and PEP 440 both read them."""

import re

from nexy_updates.errors import StoreError

PARTS_MAX = 4
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){1,3}")


def version_key(version: str) -> tuple[int, ...]:
    """Order of ``version``: a strictly greater key is newer for Sparkle's comparator and for PEP 440 alike.

    Padding with zeros makes 1.0 and 1.0.0 equal, as PEP 440 has it; Sparkle calls the longer one newer, so the two
    only ever disagree on versions this key calls equal. Nine digits a part stay inside every 32-bit reader.
    Raises ``StoreError``.
    """
    if not _VERSION.fullmatch(version):
        raise StoreError(f"version {version[:40]!r} must be 2 to 4 numbers joined by dots, such as 2.0.0.33")
    numbers = [int(part) for part in version.split(".")]
    return tuple(numbers + [0] * (PARTS_MAX - len(numbers)))
