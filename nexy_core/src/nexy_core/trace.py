"""What happened in a turn and when: a bounded ring that `nexy turns`, `nexy explain` and the console read."""

import time
from collections import deque
from typing import Any

import attrs

MAX_NOTES = 64


@attrs.define
class TurnTrace:
    """One turn's stage times (milliseconds after its message came) and its notes (degrades, splits)."""

    turn_id: str
    session: str
    device: str
    started_at: float = attrs.field(factory=time.time)
    outcome: str = "running"
    reason: str = ""
    marks_ms: dict[str, float] = attrs.field(factory=dict)
    notes: list[str] = attrs.field(factory=list)
    pieces: int = 0
    audio_bytes: int = 0
    _clock: float = attrs.field(factory=time.monotonic, repr=False, alias="asked")

    def mark(self, stage: str) -> None:
        """Note when a stage was first reached."""
        if stage not in self.marks_ms:
            self.marks_ms[stage] = round((time.monotonic() - self._clock) * 1000, 1)

    def note(self, text: str) -> None:
        """Note why something was not as usual."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append(text)

    def end(self, outcome: str, reason: str = "") -> None:
        """How it ended, once."""
        if self.outcome == "running":
            self.mark("end")
            self.outcome, self.reason = outcome, reason

    def as_ctx(self) -> dict[str, object]:
        """For the decision log."""
        ids = {"turn": self.turn_id, "session": self.session, "device": self.device}
        return {**ids, "outcome": self.outcome, "reason": self.reason, "pieces": self.pieces, "marks_ms": self.marks_ms}

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return attrs.asdict(self, filter=lambda attribute, _: not attribute.name.startswith("_"))


class TraceRing:
    """The last turns and, apart so that a flood of them pushes no turn out, the last refusals."""

    def __init__(self, size: int) -> None:
        self._traces: deque[TurnTrace] = deque(maxlen=size)
        self._refused: deque[TurnTrace] = deque(maxlen=size)

    def add(self, trace: TurnTrace) -> None:
        self._traces.append(trace)

    def refuse(self, trace: TurnTrace, outcome: str, reason: str) -> None:
        """A turn that was not let in."""
        trace.end(outcome, reason)
        self._refused.append(trace)

    def recent(self) -> list[TurnTrace]:
        """Newest first."""
        return sorted((*self._traces, *self._refused), key=lambda trace: trace.started_at, reverse=True)

    def find(self, turn_id: str) -> TurnTrace | None:
        """By id, or by the beginning of one."""
        return next((trace for trace in self.recent() if trace.turn_id.startswith(turn_id)), None)
