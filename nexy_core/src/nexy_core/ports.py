"""What the transport asks of the orchestration, without knowing how it is done (C3)."""

import time
from collections.abc import Sequence
from typing import Protocol

import attrs

from nexy_core.errors import NexyError
from nexy_core.events import LiveTurn, Screenshot, StoreUsage, UsageTotals


@attrs.frozen
class Commit:
    """One question, checked and complete: what a turn starts from."""

    turn_id: str
    generation: int
    hardware_id: str = attrs.field(repr=False)
    session_id: str
    prompt: str = attrs.field(repr=False)
    screenshot: Screenshot | None = None
    asked: float = attrs.field(factory=time.monotonic)
    """When its message came, by ``time.monotonic``."""


@attrs.frozen
class Greeting:
    """A text to be spoken as it is; blank fields mean the configured ones."""

    session_id: str
    text: str = attrs.field(default="", repr=False)
    voice: str = ""
    language: str = ""


@attrs.frozen
class Recording:
    """Whole speech: ``chunks`` of ``[frames] int16`` mono PCM at 48 kHz."""

    chunks: tuple[bytes, ...] = attrs.field(repr=False)
    duration_seconds: float
    method: str


@attrs.frozen
class ActionOut:
    """A validated action on its way to the client, values unchanged. Only the action encoder can write it."""

    session_id: str
    command: str
    args_json: str = attrs.field(repr=False)


class TurnOutput(Protocol):
    """Where a turn writes. Each call returns when the client's flow control has taken the message."""

    async def text(self, shown: str) -> str:
        """Show a piece; returns it as it was sent."""

    async def audio(self, data: bytes) -> None:
        """Send speech: ``[frames] int16`` mono PCM at 48 kHz."""

    async def action(self, action: ActionOut) -> None:
        """Ask the client to carry out a command."""


class Orchestrator(Protocol):
    """The workflows (C5): streaming, memory and interrupt."""

    def ready(self) -> bool:
        """Whether every required plugin serves."""

    def speech_backlog_seconds(self) -> float:
        """How long the speech already owed takes to make at the measured speed."""

    def expect(self, hardware_id: str, session_id: str, text: str) -> None:
        """A question is about to come, so far ``text``: have what it will need at hand, if that is easy."""

    async def turn(self, commit: Commit, output: TurnOutput) -> None:
        """Run one turn to its end. Raises ``NexyError``, or what ``classify`` names."""

    def refused(self, hardware_id: str, session_id: str, error: NexyError) -> None:
        """A turn was not let in: keep why, for whoever asks."""

    async def interrupt(self, hardware_id: str, live: Sequence[LiveTurn]) -> Sequence[str]:
        """The ids of the turns that an interrupt stops."""

    async def greet(self, greeting: Greeting) -> Recording:
        """Speak a text as a whole."""

    async def report_usage(self, usage: StoreUsage) -> None:
        """Keep a client's token counts."""

    async def usage_totals(self) -> UsageTotals:
        """What has been reported so far."""
