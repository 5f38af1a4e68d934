"""The objectives (C29) held against the decision log: exact figures, for a canary's script."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from nexy_core.decisions import Decision, Line
from nexy_core.metrics.figures import P95, RPCS, TURNS_RPC, rpc_name
from nexy_core.settings import LiveSettings

GRPC_SCOPE = "grpc"
TURN_SCOPE = "turn"
NO_METHOD = "-"
"""Of a call to an RPC that is not ours."""
SERVED = frozenset({Decision.COMPLETE, Decision.ERROR, Decision.ABORT})
ENDED = SERVED | {Decision.REFUSE}
WORST = (Decision.DROP, Decision.QUARANTINE, Decision.TRIP)
"""Shown whenever they occur, though no objective forbids them."""


@attrs.define
class Tally:
    """What some lines say about calls and turns."""

    calls: Counter[tuple[str, Decision]] = attrs.field(factory=Counter)
    decisions: Counter[Decision] = attrs.field(factory=Counter)
    latencies_ms: list[float] = attrs.field(factory=list)
    turns: set[str] = attrs.field(factory=set)
    degraded: set[str] = attrs.field(factory=set)

    def add(self, line: Line) -> None:
        """Count a line."""
        self.decisions[line.decision] += 1
        if line.scope == GRPC_SCOPE and line.method != NO_METHOD:
            self.calls[rpc_name(line.method), line.decision] += 1
        turn = line.ctx.get("turn")
        if not isinstance(turn, str):
            return
        if line.decision is Decision.DEGRADE:
            self.degraded.add(turn)
        elif line.scope == TURN_SCOPE and line.decision in SERVED:
            self._add_turn(turn, line)

    def _add_turn(self, turn: str, line: Line) -> None:
        self.turns.add(turn)
        marks = line.ctx.get("marks_ms")
        marks = marks if isinstance(marks, dict) else {}
        first = marks.get("first_text", None if line.decision is Decision.ABORT else marks.get("end"))
        if isinstance(first, int | float):
            self.latencies_ms.append(float(first))

    def ended(self) -> int:
        """Calls that were answered, cut or refused."""
        return sum(number for (_, decision), number in self.calls.items() if decision in ENDED)

    def p95_latency_ms(self) -> float | None:
        """Exactly, to the first words of the turns."""
        if not self.latencies_ms:
            return None
        return sorted(self.latencies_ms)[math.ceil(P95 * len(self.latencies_ms)) - 1]

    def error_rate(self, rpc: str) -> float | None:
        """Errors among the calls served."""
        served = sum(self.calls[rpc, decision] for decision in SERVED)
        return self.calls[rpc, Decision.ERROR] / served if served else None

    def refusal_rate(self) -> float | None:
        """Refusals among all calls."""
        refused = sum(number for (_, decision), number in self.calls.items() if decision is Decision.REFUSE)
        return refused / self.ended() if self.ended() else None

    def degrade_rate(self) -> float | None:
        """Turns that went on without a part, among the turns."""
        return len(self.degraded & self.turns) / len(self.turns) if self.turns else None


@attrs.frozen
class Verdict:
    """A figure against its objective. ``value`` is ``None`` where nothing was seen."""

    name: str
    value: float | None
    limit: float

    @property
    def kept(self) -> bool:
        """Is the objective kept, as far as was seen?"""
        return self.value is None or self.value <= self.limit

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"name": self.name, "value": self.value, "limit": self.limit, "kept": self.kept}


def tally(lines: Iterable[Line]) -> Tally:
    """Count lines."""
    counted = Tally()
    for line in lines:
        counted.add(line)
    return counted


def held(snapshot: Mapping[str, Any], settings: LiveSettings) -> list[Verdict]:
    """The last minute's figures against the objectives."""
    figures = (
        (f"p95_latency_ms({TURNS_RPC})", snapshot["p95_latency_ms"].get(TURNS_RPC), "slo.p95_latency_ms"),
        (f"error_rate({TURNS_RPC})", snapshot["error_rate"].get(TURNS_RPC), "slo.error_rate"),
        ("backpressure_refusal_rate", snapshot["backpressure_refusal_rate"], "slo.refusal_rate"),
    )
    return [Verdict(name, value, settings.get(key, float)) for name, value, key in figures]


def verdicts(counted: Tally, *, p95_ms: float, errors: float, refusals: float, degrades: float) -> list[Verdict]:
    """Every figure with its objective."""
    return [
        Verdict(f"p95_latency_ms({TURNS_RPC})", counted.p95_latency_ms(), p95_ms),
        *(Verdict(f"error_rate({rpc})", counted.error_rate(rpc), errors) for rpc in RPCS),
        Verdict("backpressure_refusal_rate", counted.refusal_rate(), refusals),
        Verdict("degrade_rate", counted.degrade_rate(), degrades),
    ]
