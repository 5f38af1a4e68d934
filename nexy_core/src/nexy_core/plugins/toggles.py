"""What the operator wants of the plugins: which are on, and in which order."""

from collections.abc import Iterable
from typing import cast

from nexy_core.capability import ROLES
from nexy_core.flags import chosen
from nexy_core.plugins.reasons import Reason
from nexy_core.settings import LiveSettings, Value

WHOLE = 100.0


class Toggles:
    """Reads the newest settings each time it is asked."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings

    def why_off(self, plugin: str) -> Reason:
        """Why ``plugin`` must not run, ``Reason.NONE`` when it may."""
        coordinator = self._settings.get("features.use_module_coordinator", bool)
        if not coordinator or self._settings.get("kill_switches.disable_module_coordinator", bool):
            return Reason.CORE_ONLY
        if self._value(f"kill_switches.disable_{plugin}", default=False):
            return Reason.KILLED
        return Reason.NONE if self._value(f"plugins.{plugin}.enabled", default=True) else Reason.DISABLED

    def serves_device(self, plugin: str, hardware_id: str) -> bool:
        """Whether the canary ``plugins.NAME.percent`` includes the device; without a device only a full one does."""
        percent = float(cast("float", self._value(f"plugins.{plugin}.percent", default=WHOLE)))
        return chosen(plugin, hardware_id, percent) if hardware_id else percent >= WHOLE

    def order(self, role: str, available: Iterable[str]) -> list[str]:
        """The plugins that serve ``role``, the first one preferred.

        ``roles.ROLE`` is the order and the whole list; without it, the plugin named like the role and then the rest.
        """
        wanted = self._names(f"roles.{role}")
        return wanted or sorted(set(available), key=lambda name: (name != role, name))

    def named(self) -> list[str]:
        """The plugins that the settings ask for by name."""
        keys = ["plugins.required", *(f"roles.{role.role}" for role in ROLES)]
        return sorted({name for key in keys for name in self._names(key)})

    def taken_names(self) -> set[str]:
        """Names that the table ``plugins`` has keys for."""
        keys = (key.split(".") for key in self._settings.current.values)
        return {name for table, name, *rest in keys if table == "plugins" and not rest}

    def _names(self, key: str) -> list[str]:
        return cast("list[str]", self._value(key, default=[]))

    def _value(self, key: str, *, default: Value) -> Value:
        return self._settings.current.values.get(key, default)
