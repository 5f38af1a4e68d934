"""What the server tells the log and the metrics besides its calls: turns, interrupts, gauges, secrets to hide."""

import asyncio
import time
from collections.abc import Callable
from importlib import metadata

import attrs

from nexy_core.config import Config
from nexy_core.decisions import Decision, DecisionLog
from nexy_core.errors import ErrorType
from nexy_core.metrics import Metrics
from nexy_core.metrics.objectives import held
from nexy_core.plugins.discovery import GROUP
from nexy_core.sessions import RunningTurn, StopReason
from nexy_core.trace import TurnTrace

SCOPE = "turn"
METHOD = "/streaming.StreamingService/StreamAudio"
DECISIONS = {
    "complete": Decision.COMPLETE,
    "cut": Decision.ABORT,
    ErrorType.CANCELLED_BY_USER.value: Decision.ABORT,
}
USERS_STOPS = frozenset({StopReason.INTERRUPTED, StopReason.ABANDONED, StopReason.SUPERSEDED})
_MS_PER_SECOND = 1000


@attrs.define(eq=False)
class Observation:
    """Wires one server's log and metrics together."""

    config: Config
    log: DecisionLog
    metrics: Metrics = attrs.field(factory=Metrics)

    def __attrs_post_init__(self) -> None:
        self.log.observe = self.metrics.decisions.add
        self.config.on_change(lambda _: self.hide_secrets())
        for point in metadata.entry_points(group=GROUP):
            self.log.trust(point.module)
        self.metrics.gauge("log_lines_lost", "Log lines dropped and not yet said.", lambda: self.log.lost)
        self.metrics.gauge("log_lines_waiting", "Log lines that wait for the disk.", lambda: self.log.waiting)

    def hide_secrets(self) -> None:
        """No line may hold a secret of the settings: say so again whenever keys or values are new."""
        self.log.hide(self.config.secrets())

    def gauges(self, **reads: tuple[str, Callable[[], float]]) -> None:
        """Further figures: name to text and how to read it."""
        for name, (text, read) in reads.items():
            self.metrics.gauge(name, text, read)

    def turn_ended(self, trace: TurnTrace) -> None:
        """One line that says where a turn's time went, and its stages' times."""
        decision = DECISIONS.get(trace.outcome, Decision.ERROR)
        self.metrics.turn_ended(trace.marks_ms, cancelled=decision is Decision.ABORT)
        end_ms = int(trace.marks_ms.get("end", 0))
        self.log.write(decision, scope=SCOPE, method=METHOD, dur_ms=end_ms, ctx=trace.as_ctx())

    def turn_closed(self, turn: RunningTurn) -> None:
        """A stopped turn is silent now."""
        if turn.stop_reason in USERS_STOPS:
            silent_ms = (time.monotonic() - turn.stopped) * _MS_PER_SECOND
            self.metrics.stage("interrupt_to_silence", silent_ms)

    async def report(self) -> None:
        """Write the metrics at their interval, for ever."""
        while True:
            await asyncio.sleep(self.config.live.get("metrics.interval_seconds", float))
            self.write_metrics()

    def write_metrics(self) -> None:
        """The aggregate of the last 60 seconds as one decision line (C19), with the objectives it breaks (C29)."""
        figures = self.metrics.snapshot()
        broken = [one.name for one in held(figures, self.config.live) if not one.kept]
        level = "WARNING" if broken else "INFO"
        self.log.write(Decision.METRICS, scope="metrics", level=level, broken=broken, **figures)
