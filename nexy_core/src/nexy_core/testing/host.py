"""The server's host, as a plugin's own tests need it: it loads one plugin and hands out its real capabilities.

async with FakeHost("my_voice=my_voice.plugin", {"my_voice.pitch_hz": "440"}) as host:
    events = await host.ask(SpeechSynthesizer, Sentence("turn", 0, "Hello.", "Hello."))
"""

import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import attrs

from nexy_core.capability import Capability
from nexy_core.config import Config
from nexy_core.events import Action
from nexy_core.plugins.discovery import find
from nexy_core.plugins.loader import Registry
from nexy_core.plugins.plugin import Plugin, load
from nexy_core.settings import LiveSettings, Value

RoleT = TypeVar("RoleT", bound=Capability[Any, Any])
CLEANUP_SECONDS = 5.0


class FakeHost:
    """``plugin`` is an installed plugin's name, or ``name=module``; ``values`` are settings (full key to text).

    On entry the plugin is found, checked, registered and initialized as the server does it; what is wrong raises
    ``PluginError`` (with its reason) or ``ConfigError``. On exit it is cleaned up. ``storage.data_dir`` is a folder of
    the host's own.
    """

    def __init__(self, plugin: str, values: Mapping[str, str] | None = None) -> None:
        self._name = plugin
        self._values = dict(values or {})
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nexy-host-")))
            self._plugin = Plugin(find(self._name))
            config = Config.load(folder, _environ({"storage.data_dir": str(folder), **self._values}))
            self.settings: LiveSettings = config.live
            load(self._plugin, Registry(config.live), config)
            config.finish()
            stack.push_async_callback(self._plugin.cleanup, CLEANUP_SECONDS)
            await self._plugin.initialize(config.live.get("plugins.initialize_timeout_seconds", float))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def get(self, role: type[RoleT]) -> RoleT:
        """The plugin's own capability of this role. Raises ``LookupError`` when it has none."""
        for provider in self._plugin.providers:
            if isinstance(provider.capability, role):
                return provider.capability
        raise LookupError(f"{self._plugin.name} hands over no {role.__name__}")

    async def ask(self, role: type[Capability[Any, Any]], request: object) -> list[Any]:
        """The events of one request."""
        async with aclosing(cast("Any", self.get(role).process(request))) as events:
            return [event async for event in events]

    def change(self, key: str, value: Value) -> None:
        """A live setting takes a new value, as after a reload."""
        now = self.settings.current
        now.get(key, object)
        self.settings.current = attrs.evolve(now, values={**now.values, key: value})

    @property
    def actions(self) -> tuple[Action, ...]:
        """The commands the plugin declares."""
        return self._plugin.loaded.actions if self._plugin.loaded else ()


def _environ(values: Mapping[str, str]) -> dict[str, str]:
    return {"NEXY_" + key.replace(".", "__").upper(): value for key, value in values.items()}
