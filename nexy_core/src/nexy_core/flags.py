"""The registry of feature flags, and the one way to ask whether a feature is on for a device (C10, C27)."""

import hashlib
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

import attrs

from nexy_core.settings import LiveSettings, Percent

CANARY_STEPS = (1, 25, 50, 100)
"""The rollout of C27, in percent."""
_HASH_BYTES = 8
_HASH_RANGE = 1 << (8 * _HASH_BYTES)
_ALL = 100.0


@attrs.frozen
class Flag:
    """A feature's entry in the registry. After ``expires`` the check of the registry fails: decide, and remove it."""

    name: str
    owner: str
    kill_switch: str
    """The setting that turns it off at once."""
    default: bool | float
    rollout_percent: float
    expires: date
    text: str

    @property
    def key(self) -> str:
        """The setting that turns it on."""
        return f"features.{self.name}"


FLAGS: Mapping[str, Flag] = MappingProxyType(
    {
        flag.name: flag
        for flag in (
            Flag(
                name="use_module_coordinator",
                owner="@server-platform",
                kill_switch="kill_switches.disable_module_coordinator",
                default=True,
                rollout_percent=100,
                expires=date(2028, 12, 31),
                text="Load plugins.",
            ),
            Flag(
                name="forward_assistant_actions",
                owner="@grpc-core",
                kill_switch="kill_switches.disable_forward_assistant_actions",
                default=False,
                rollout_percent=0,
                expires=date(2027, 12, 31),
                text="Forward the assistant's actions to clients.",
            ),
        )
    }
)


class Flags:
    """Asks the newest settings each time, so that a switch works at once."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings

    def enabled(self, name: str, hardware_id: str) -> bool:
        """Is the feature on for this device? Raises ``KeyError`` for a flag that is not in the registry."""
        flag = FLAGS[name]
        values = self._settings.current.values
        if values[flag.kill_switch]:
            return False
        share = values[flag.key]
        if isinstance(share, Percent):
            return chosen(name, hardware_id, float(share))
        return share is True


def chosen(name: str, hardware_id: str, percent: float) -> bool:
    """Is the device in the canary? Always the same answer, and a larger share keeps the devices of a smaller one."""
    if percent >= _ALL:
        return True
    digest = hashlib.sha256(f"{name}\0{hardware_id}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:_HASH_BYTES]) / _HASH_RANGE * _ALL < percent


def expired(today: date) -> tuple[Flag, ...]:
    """The flags whose date has passed."""
    return tuple(flag for flag in FLAGS.values() if flag.expires < today)
