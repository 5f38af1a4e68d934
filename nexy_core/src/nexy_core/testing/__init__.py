"""For tests of plugins and of the server: fakes of every role and of the host, faults on demand, the contract kit."""

from nexy_core.testing.fakes import (
    FakeClock,
    FakeFeed,
    FakeFilter,
    FakeInterrupts,
    FakeMemory,
    FakeModel,
    FakeStore,
    FakeVoice,
    tone,
)
from nexy_core.testing.harness import TurnHarness, TurnResult
from nexy_core.testing.host import FakeHost

__all__ = [
    "FakeClock",
    "FakeFeed",
    "FakeFilter",
    "FakeHost",
    "FakeInterrupts",
    "FakeMemory",
    "FakeModel",
    "FakeStore",
    "FakeVoice",
    "TurnHarness",
    "TurnResult",
    "tone",
]
