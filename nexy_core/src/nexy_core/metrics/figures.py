"""The four metrics of the canon over true 60-second windows, stage times, and gauges (C19)."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from nexy_core.metrics.windows import WINDOW_SECONDS, Clock, Distribution, SharedSlots, Slots

RPCS = ("StreamAudio", "InterruptSession", "GenerateWelcomeAudio", "ReportUsage")
OTHER_RPC = "other"
OUTCOMES = ("ok", "error", "cancelled", "refused")
TURNS_RPC = RPCS[0]
TURN_STAGES = frozenset({"recall", "first_token", "first_text", "first_audio", "end"})
STAGES = (*sorted(TURN_STAGES), "interrupt_to_silence", "loop_lateness")
KEPT_REFUSALS = 20
P50 = 0.5
P95 = 0.95
_DIGITS = 4
_KEYS = {(rpc, outcome): f"{rpc} {outcome}" for rpc in (*RPCS, OTHER_RPC) for outcome in OUTCOMES}


@attrs.frozen
class Gauge:
    """A figure read when somebody looks."""

    name: str
    text: str
    read: Callable[[], float]


@attrs.frozen
class Refusal:
    """A call that a limit turned away."""

    at: float
    rpc: str
    reason: str


class Metrics:
    """Counts calls, decisions and stage times; an observation takes about a microsecond."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.latency = {rpc: Distribution(clock) for rpc in (*RPCS, OTHER_RPC)}
        self.stages = {stage: Distribution(clock) for stage in STAGES}
        self.calls = Slots(clock)
        self.decisions = SharedSlots(clock)
        self.gauges: dict[str, Gauge] = {}
        self._refusals: deque[Refusal] = deque(maxlen=KEPT_REFUSALS)

    def observe(self, method: str, latency_ms: float, *, error: bool = False, cancelled: bool = False) -> None:
        """A call has ended. One that the user stopped is no error, and its time is not counted.

        A stream's time says how long the answer was, so its latency comes from ``turn_ended`` instead.
        """
        rpc = rpc_name(method)
        self.calls.add(_KEYS[rpc, "cancelled" if cancelled else "error" if error else "ok"])
        if not cancelled and rpc != TURNS_RPC:
            self.latency[rpc].observe(latency_ms)

    def turn_ended(self, marks_ms: Mapping[str, float], *, cancelled: bool = False) -> None:
        """A turn has ended. ``marks_ms``: when each stage was first reached, counted from its admission.

        The latency of StreamAudio is the time to the first words, or to the end of a turn that failed before them.
        """
        for name in TURN_STAGES & marks_ms.keys():
            self.stages[name].observe(marks_ms[name])
        answered_ms = marks_ms.get("first_text", None if cancelled else marks_ms.get("end"))
        if answered_ms is not None:
            self.latency[TURNS_RPC].observe(answered_ms)

    def refused(self, method: str, reason: str = "") -> None:
        """A call was refused by a limit: neither an error nor a latency."""
        rpc = rpc_name(method)
        self.calls.add(_KEYS[rpc, "refused"])
        self._refusals.append(Refusal(time.time(), rpc, reason))

    def refusals(self) -> list[dict[str, Any]]:
        """The last refusals, the newest first."""
        return [attrs.asdict(refusal) for refusal in reversed(self._refusals)]

    def stage(self, name: str, duration_ms: float) -> None:
        """A stage's time, for one of ``STAGES``."""
        self.stages[name].observe(duration_ms)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a figure as ``nexy_<name>`` in /metrics and in the snapshot."""
        self.gauges[name] = Gauge(name, text, read)

    def snapshot(self) -> dict[str, Any]:
        """The last minute: what /status shows and the log gets every 60 seconds."""
        calls = self.calls.window()
        return {
            "window_seconds": WINDOW_SECONDS,
            "calls": sum(calls.values()),
            "p95_latency_ms": _figures({rpc: self.latency[rpc].percentile(P95) for rpc in self.latency}),
            "error_rate": _figures({rpc: error_rate(calls, rpc) for rpc in self.latency}),
            "backpressure_refusal_rate": refusal_rate(calls),
            "decision_rate": {
                str(name): round(count / WINDOW_SECONDS, _DIGITS) for name, count in self.decisions.window().items()
            },
            "stage_p50_ms": _figures({name: stage.percentile(P50) for name, stage in self.stages.items()}),
            "stage_p95_ms": _figures({name: stage.percentile(P95) for name, stage in self.stages.items()}),
            "gauges": {gauge.name: round(gauge.read(), _DIGITS) for gauge in self.gauges.values()},
        }


def rpc_name(method: str) -> str:
    """The last part of a method's path, or ``other``: the labels are a closed set."""
    name = method[method.rfind("/") + 1 :]
    return name if name in RPCS else OTHER_RPC


def error_rate(calls: dict[int | str, int], rpc: str) -> float | None:
    """Errors among the calls that were served: refusals have their own rate. ``None`` without calls."""
    served = sum(calls.get(f"{rpc} {outcome}", 0) for outcome in OUTCOMES if outcome != "refused")
    return round(calls.get(f"{rpc} error", 0) / served, _DIGITS) if served else None


def refusal_rate(calls: dict[int | str, int]) -> float:
    """Refused calls among all."""
    refused = sum(count for name, count in calls.items() if str(name).endswith(" refused"))
    return round(refused / sum(calls.values()), _DIGITS) if calls else 0.0


def _figures(values: dict[str, float | None]) -> dict[str, float]:
    return {name: round(value, _DIGITS) for name, value in values.items() if value is not None}
