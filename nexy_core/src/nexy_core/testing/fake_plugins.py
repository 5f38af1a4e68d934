"""The fakes as plugins, for a real server process.

Name them in the setting ``plugins.modules``, as ``modules()`` writes it:
``["llm=nexy_core.testing.fake_plugins:llm_plugin", …]``;
each takes the place of the installed plugin of that name. ``fake.NAME.faults`` strikes every request and
``fake.NAME.initialize_faults`` the start, both as ``nexy_core.testing.faults`` writes them; ``fake.NAME.delay_ms`` is
the pause before each event. Faults in a prompt strike that request alone.
"""

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from nexy_core.capability import Capability
from nexy_core.events import Action, Argument
from nexy_core.hookspecs import hookimpl
from nexy_core.settings import LiveSettings, Setting
from nexy_core.testing.fakes import (
    FakeFeed,
    FakeFilter,
    FakeInterrupts,
    FakeMemory,
    FakeModel,
    FakeStore,
    FakeVoice,
)

ALL_MODULES = ("llm", "tts", "memory", "filter", "interrupt", "updates")


def modules(*names: str) -> list[str]:
    """The value of ``plugins.modules`` that puts these fakes in place of the installed plugins."""
    return [f"{name}={__name__}:{name}_plugin" for name in names or ALL_MODULES]


@attrs.frozen(eq=False)
class FakePlugin:
    """A plugin of fakes that are made from the settings ``fake.NAME.*``."""

    name: str
    makers: tuple[Callable[..., Capability[Any, Any]], ...]
    offered: tuple[Action, ...] = ()

    @hookimpl
    def nexy_settings(self) -> Iterable[Setting]:
        """Its faults and its pace."""
        key = f"fake.{self.name}."
        return [
            Setting(key + "faults", str, "", "Faults that strike every request."),
            Setting(key + "initialize_faults", str, "", "Faults that strike initialize."),
            Setting(key + "delay_ms", int, 0, "Pause before each event.", minimum=0),
        ]

    @hookimpl
    def nexy_capabilities(self, settings: LiveSettings) -> Iterable[Capability[Any, Any]]:
        """New fakes."""
        key = f"fake.{self.name}."
        options = {
            "faults": settings.get(key + "faults", str),
            "initialize_faults": settings.get(key + "initialize_faults", str),
            "delay_ms": settings.get(key + "delay_ms", int),
        }
        return [maker(**options) for maker in self.makers]

    @hookimpl
    def nexy_actions(self) -> Iterable[Action]:
        """The commands it knows."""
        return self.offered


llm_plugin = FakePlugin("llm", (FakeModel,), (Action("open_app", (Argument("app_name", str),), "Open an app."),))
tts_plugin = FakePlugin("tts", (FakeVoice,))
memory_plugin = FakePlugin("memory", (FakeMemory, FakeStore))
filter_plugin = FakePlugin("filter", (FakeFilter,))
interrupt_plugin = FakePlugin("interrupt", (FakeInterrupts,))
updates_plugin = FakePlugin("updates", (FakeFeed,))
