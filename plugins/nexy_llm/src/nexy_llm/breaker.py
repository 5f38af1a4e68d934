"""A circuit breaker for one model."""

import time
from collections.abc import Callable

import attrs


@attrs.define
class Breaker:
    """Skips a model after ``failures_allowed`` failures in a row, then lets one turn at a time probe it.

    Every turn ends with ``succeeded`` or ``failed``; a probe that ended without telling whether the model works
    (the user interrupted it) with ``released``.
    """

    failures_allowed: int
    probe_after_seconds: float
    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    _opened_at: float | None = None
    _probing: bool = False

    @property
    def open(self) -> bool:
        """Whether the model is known to fail."""
        return self._opened_at is not None

    def admit(self) -> bool:
        """Whether this turn may ask the model; if the breaker is open, a ``True`` makes it the probe."""
        if self._opened_at is None:
            return True
        if self._probing or self.wait_seconds() > 0:
            return False
        self._probing = True
        return True

    def wait_seconds(self) -> float:
        """How long until a probe is allowed."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self.probe_after_seconds - self.clock())

    def succeeded(self) -> None:
        """The model works."""
        self.failures, self._opened_at, self._probing = 0, None, False

    def failed(self) -> None:
        """The model did not answer; a failing probe starts the wait anew."""
        self.failures += 1
        self._probing = False
        if self.failures >= self.failures_allowed:
            self._opened_at = self.clock()

    def released(self) -> None:
        """Let another turn probe."""
        self._probing = False
