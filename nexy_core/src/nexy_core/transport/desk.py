"""What all calls share, and the time limits they are under."""

from typing import TYPE_CHECKING

import attrs

from nexy_core.backpressure import BUSY, Admission
from nexy_core.errors import StreamLimitExceeded, Unavailable
from nexy_core.ports import Orchestrator
from nexy_core.sessions import CollectBuffers, LiveTurns, RunningTurn, StopReason
from nexy_core.settings import LiveSettings
from nexy_core.transport.interceptors import Failures

if TYPE_CHECKING:
    from nexy_core.transport.greeting import GreetingCall
    from nexy_core.transport.stream import StreamCall


@attrs.define(eq=False)
class Desk:
    """``streams`` are the open ``StreamAudio`` calls, ``greetings`` those that hold a slot."""

    settings: LiveSettings
    orchestrator: Orchestrator
    admission: Admission
    turns: LiveTurns
    collected: CollectBuffers
    failures: Failures
    streams: set["StreamCall"] = attrs.field(factory=set)
    greetings: set["GreetingCall"] = attrs.field(factory=set)
    draining: bool = False

    def check_open(self) -> None:
        """Raises ``Unavailable`` while shutting down or without a required plugin."""
        if self.draining:
            raise StopReason.SHUTDOWN.error()
        if not self.orchestrator.ready():
            raise Unavailable("The assistant is not ready. Please try again soon.", reason="not_ready")

    def check_room(self) -> None:
        """Raises ``StreamLimitExceeded`` when more streams are open than may be; each costs memory."""
        if len(self.streams) > self.settings.get("backpressure.max_open_streams", int):
            raise StreamLimitExceeded(BUSY, reason="too_many_streams")

    def release(self, turn: RunningTurn) -> None:
        """The turn's task is over."""
        self.turns.close(turn)
        self.admission.free_slot()

    def busy(self) -> int:
        """How many turns and greetings run."""
        return len(self.turns) + len(self.greetings)

    async def drained(self) -> None:
        """Return when no turn and no greeting is left."""
        while self.busy():
            await self.turns.drained()
            for greeting in tuple(self.greetings):
                await greeting.ended.wait()

    def trim_collected(self, now: float) -> int:
        """Keep the COLLECT buffers within their age, number and size."""
        return self.collected.trim(
            now,
            self.settings.get("backpressure.collect_ttl_seconds", float),
            self.settings.get("backpressure.max_collect_buffers", int),
            self.settings.get("backpressure.max_collect_bytes", int),
        )


@attrs.frozen
class TimeLimits:
    """What the sweep enforces, as the settings are now."""

    idle_seconds: float
    stall_seconds: float
    turn_seconds: float

    @classmethod
    def of(cls, settings: LiveSettings) -> "TimeLimits":
        """The limits of this moment."""
        names = ("idle_timeout_seconds", "stall_timeout_seconds", "max_turn_seconds")
        return cls(*(settings.get(f"backpressure.{name}", float) for name in names))

    def working(self, started: float, writing_since: float, now: float) -> StopReason | None:
        """What a turn or greeting is over that began then and has been writing since then (0.0: is not)."""
        if 0.0 < writing_since < now - self.stall_seconds:
            return StopReason.STALLED
        return StopReason.OVERDUE if now - started > self.turn_seconds else None
