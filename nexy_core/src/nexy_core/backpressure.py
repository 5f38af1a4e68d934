"""Admission: who may start a turn or send a message, decided before any work is done (C23)."""

import time
from collections import OrderedDict

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
    """Slots for running turns, rates for messages. Limits are read live."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
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

    def take_slot(self, speech_owed_seconds: float) -> None:
        """Take a slot for a turn or a greeting; give it back with ``free_slot``. Raises ``StreamLimitExceeded``."""
        full = self.slots_used >= self._number("max_concurrent_streams")
        late = self.slots_used > 0 and speech_owed_seconds > self._number("max_speech_backlog_seconds")
        if full or late:
            raise StreamLimitExceeded(
                BUSY,
                reason="no_slot" if full else "speech_owed",
                retry_after_seconds=self._number("retry_after_seconds"),
            )
        self.slots_used += 1

    def free_slot(self) -> None:
        """The turn is over."""
        self.slots_used -= 1
