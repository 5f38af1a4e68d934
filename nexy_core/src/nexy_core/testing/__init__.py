"""For tests of plugins and of the server: fakes of every role, faults on demand, the contract kit."""

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

__all__ = [
    "FakeClock",
    "FakeFeed",
    "FakeFilter",
    "FakeInterrupts",
    "FakeMemory",
    "FakeModel",
    "FakeStore",
    "FakeVoice",
    "tone",
]
