"""Admission: who may start a turn or send a message, decided before any work is done (C23)."""

import time
from collections import OrderedDict
from collections.abc import Callable

import attrs

from nexy_core.errors import RateLimitExceeded, StreamLimitExceeded
from nexy_core.settings import LiveSettings

BUSY = "The server is busy. Please try again in a minute."


@attrs.define
class TokenBucket:
    """A bucket that starts full with one second's worth of messages."""

    tokens: float
    updated: float

    def take(self, rate: float, burst: float, now: float) -> float:
        """Take one message: 0.0 when it was there, else the seconds until it will be."""
        self.tokens = min(burst, self.tokens + (now - self.updated) * rate)
        self.updated = now
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            return 0.0
        return (1.0 - self.tokens) / rate


class RateLimiter:
    """One bucket a device. At the cap the device that was quiet longest is forgotten."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def check(self, hardware_id: str, rate: float, max_devices: int) -> None:
        """Count one message. Raises ``RateLimitExceeded`` with what the bucket needs."""
        now, burst = time.monotonic(), max(rate, 1.0)
        bucket = self._buckets.get(hardware_id)
        if bucket is None:
            bucket = self._buckets[hardware_id] = TokenBucket(burst, now)
            while len(self._buckets) > max_devices:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(hardware_id)
        wait_seconds = bucket.take(rate, burst, now)
        if wait_seconds:
            raise RateLimitExceeded("Too many requests. Please wait a moment.", retry_after_seconds=wait_seconds)


class Admission:
    """Slots for running turns, rates for messages. Limits are read live.

    ``real_time_factor`` says how many seconds it takes to make a second of speech; 0.0 where there is no voice.
    """

    def __init__(self, settings: LiveSettings, real_time_factor: Callable[[], float] = lambda: 0.0) -> None:
        self._settings = settings
        self._real_time_factor = real_time_factor
        self._messages = RateLimiter()
        self._collects = RateLimiter()
        self.slots_used = 0

    def _number(self, name: str) -> float:
        return self._settings.get(f"backpressure.{name}", float)

    def check_message(self, hardware_id: str) -> None:
        """A COMMIT, greeting or usage report from this device. Raises ``RateLimitExceeded``."""
        self._check(self._messages, hardware_id, self._number("max_message_rate_per_second"))

    def check_collect(self, hardware_id: str) -> None:
        """A COLLECT from this device. Raises ``RateLimitExceeded``."""
        self._check(self._collects, hardware_id, self._number("max_collect_rate_per_second"))

    def _check(self, limiter: RateLimiter, hardware_id: str, rate: float) -> None:
        limiter.check(hardware_id, rate, int(self._number("max_devices")))

    def take_slot(self, speech_backlog_seconds: float) -> None:
        """Take a slot for a turn or a greeting; give it back with ``free_slot``. Raises ``StreamLimitExceeded``.

        The backlog is what is owed already. A turn owes nothing before its text is there, so what the running ones
        usually owe counts where it is more: a burst would all be let in otherwise, and then stutter.
        """
        full = self.slots_used >= self._number("max_concurrent_streams")
        expected_seconds = self.slots_used * self._number("speech_per_turn_seconds") * self._real_time_factor()
        late = max(speech_backlog_seconds, expected_seconds) > self._number("max_speech_backlog_seconds")
        if full or (late and self.slots_used):
            raise StreamLimitExceeded(
                BUSY,
                reason="no_slot" if full else "speech_owed",
                retry_after_seconds=self._number("retry_after_seconds"),
            )
        self.slots_used += 1

    def free_slot(self) -> None:
        """The turn is over."""
        self.slots_used -= 1
