"""A whole turn around your capability, in a test of five lines.

async with TurnHarness(MyVoice(settings)) as harness:
    result = await harness.ask("say Hello there.")
    assert result.text == "Hello there."
    assert result.audio
"""

import importlib.metadata
import sys
import tempfile
import types
import uuid
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import attrs

from nexy_core.capability import Capability, LanguageModel, SpeechSynthesizer
from nexy_core.config import Config
from nexy_core.decisions import DecisionLog
from nexy_core.errors import NexyError
from nexy_core.events import Action
from nexy_core.flags import Flags
from nexy_core.hookspecs import hookimpl
from nexy_core.host import Host
from nexy_core.plugins.discovery import GROUP
from nexy_core.ports import ActionOut, Commit
from nexy_core.settings import LiveSettings, Setting
from nexy_core.testing.fakes import FakeModel, FakeVoice
from nexy_core.trace import TraceRing
from nexy_core.turn import Stage
from nexy_core.workflows import Workflows

DEVICE = "00000000-0000-4000-8000-00000000FA4E"
CLOSE_SECONDS = 2.0


@attrs.define
class TurnResult:
    """What a client would have received, and the error that ended the turn, if any."""

    pieces: list[str] = attrs.field(factory=list)
    audio: bytes = b""
    actions: list[ActionOut] = attrs.field(factory=list)
    error: NexyError | None = None
    notes: list[str] = attrs.field(factory=list)

    @property
    def text(self) -> str:
        """The shown answer."""
        return "".join(self.pieces)


@attrs.frozen
class _Output:
    result: TurnResult

    async def text(self, shown: str) -> str:
        self.result.pieces.append(shown)
        return shown

    async def audio(self, data: bytes) -> None:
        self.result.audio += data

    async def action(self, action: ActionOut) -> None:
        self.result.actions.append(action)


@attrs.frozen(eq=False)
class _Plugin:
    """The capabilities under test as a plugin."""

    capabilities: tuple[Capability[Any, Any], ...]
    settings: tuple[Setting, ...]
    actions: tuple[Action, ...]

    @hookimpl
    def nexy_settings(self) -> Iterable[Setting]:
        return self.settings

    @hookimpl
    def nexy_capabilities(self, settings: LiveSettings) -> Iterable[Capability[Any, Any]]:  # noqa: ARG002  # the hook's
        return self.capabilities

    @hookimpl
    def nexy_actions(self) -> Iterable[Action]:
        return self.actions


class TurnHarness:
    """Runs turns through the real host and pipeline, with your capabilities and fakes for the model and the voice.

    ``values`` are settings (full key to text), ``declared`` the settings your capabilities need, ``actions`` the
    commands the assistant knows.
    """

    def __init__(
        self,
        *capabilities: Capability[Any, Any],
        values: Mapping[str, str] | None = None,
        declared: Iterable[Setting] = (),
        actions: Iterable[Action] = (),
    ) -> None:
        given = list(capabilities)
        for role, fake in ((LanguageModel, FakeModel), (SpeechSynthesizer, FakeVoice)):
            if not any(isinstance(capability, role) for capability in given):
                given.append(fake())
        self._plugin = _Plugin(tuple(given), tuple(declared), tuple(actions))
        self._values = dict(values or {})
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="nexy-harness-")))
        name = f"nexy_harness_{uuid.uuid4().hex}"
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name])["plugin"] = self._plugin
        self._stack.callback(sys.modules.pop, name)
        config = Config.load(folder, self._environ(name, folder))
        log = DecisionLog.quiet(config.live)
        self._stack.callback(log.close, CLOSE_SECONDS)
        host = Host(config, log)
        host.load()
        await host.start()
        self._stack.push_async_callback(host.stop, CLOSE_SECONDS)
        self._traces = TraceRing(size=1)
        self._workflows = Workflows(Stage(config.live, host, Flags(config.live), log), self._traces)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def ask(self, prompt: str, *, session_id: str = "", hardware_id: str = DEVICE) -> TurnResult:
        """Run one turn; an error that ended it is in the result."""
        result = TurnResult()
        commit = Commit(uuid.uuid4().hex, 1, hardware_id, session_id or str(uuid.uuid4()), prompt)
        try:
            await self._workflows.turn(commit, _Output(result))
        except NexyError as error:
            result.error = error
        result.notes = list(self._traces.recent()[0].notes)
        return result

    def hear(self, text: str, *, session_id: str = "", hardware_id: str = DEVICE) -> None:
        """The user is still speaking, so far ``text``: memory may look ahead."""
        self._workflows.expect(hardware_id, session_id, text)

    async def remembered(self) -> None:
        """Wait until memory and store have what the turns so far left for them."""
        await self._workflows.flush()

    def _environ(self, module: str, folder: Path) -> dict[str, str]:
        values = {"plugins.modules": f'["harness={module}:plugin"]', "plugins.required": "[]"}
        values |= {f"plugins.{point.name}.enabled": "false" for point in importlib.metadata.entry_points(group=GROUP)}
        values |= {"storage.data_dir": str(folder), **self._values}
        return {"NEXY_" + key.replace(".", "__").upper(): value for key, value in values.items()}
