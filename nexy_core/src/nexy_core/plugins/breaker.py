"""A circuit breaker: after failures in a row a capability rests, then one call probes whether it is back."""

import time
from collections.abc import Callable

import attrs

STRIKE_MEMORY = 20
"""Strikes are forgotten after this many rests without a new one."""


@attrs.define(eq=False)
class Breaker:
    """Counts one capability's failures. ``failures_allowed`` and ``reset_seconds`` are read anew each time."""

    failures_allowed: Callable[[], int]
    reset_seconds: Callable[[], float]
    now: Callable[[], float] = time.monotonic
    failures: int = 0
    _in_a_row: int = 0
    _opened_at: float | None = None
    _probing: bool = False
    _strikes: int = 0
    _struck_at: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it has tripped and not come back yet."""
        return self._opened_at is not None

    def allows(self) -> bool:
        """Whether a call may go through now: always when closed, one probe at a time after the rest."""
        if self._opened_at is None:
            return True
        return not self._probing and self.now() - self._opened_at >= self.reset_seconds()

    def begin(self) -> None:
        """A call starts; while tripped it is the probe."""
        self._probing = self.is_open

    def succeed(self) -> bool:
        """A call went well. Returns whether that closed the circuit."""
        closed = self.is_open
        if closed:
            self._strikes = 0
        self._in_a_row, self._opened_at, self._probing = 0, None, False
        return closed

    def fail(self) -> bool:
        """A call failed. Returns whether that opened the circuit."""
        was_open = self.is_open
        self.failures += 1
        self._in_a_row += 1
        self._probing = False
        if was_open or self._in_a_row >= self.failures_allowed():
            self._opened_at = self.now()
        return self.is_open and not was_open

    def strike(self) -> bool:
        """It did harm, whatever the outcome of its calls: successes in between do not clear it, time does.

        Returns whether that opened the circuit.
        """
        if self.now() - self._struck_at > STRIKE_MEMORY * self.reset_seconds():
            self._strikes = 0
        self.failures += 1
        self._strikes += 1
        self._struck_at = self.now()
        if self.is_open or self._strikes < self.failures_allowed():
            return False
        self._opened_at = self.now()
        return True

    def abandon(self) -> None:
        """A call ended without saying anything about the capability: it was cancelled, or declined."""
        self._probing = False
