"""Figures over the last 60 seconds, kept in one-second slots that are reused: no list grows, no timer runs."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from math import log10

WINDOW_SECONDS = 60
BUCKETS_PER_DECADE = 50
"""A bucket is 4.7 % wide, so a percentile is within 2.4 % of the exact one."""
_LOWEST = 1e-4
_HIGHEST = 1e9
_OFFSET = 4 * BUCKETS_PER_DECADE
_MIDDLE = 0.5

Clock = Callable[[], float]


class Slots:
    """Counts by key, for the last minute and since the start, by one thread. One update touches one dict."""

    __slots__ = ("_clock", "_counts", "_current", "_past", "_second", "_seconds")

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._second = -1
        self._current: dict[int | str, int] = {}
        self._seconds = [-1] * WINDOW_SECONDS
        self._counts: list[dict[int | str, int]] = [{} for _ in range(WINDOW_SECONDS)]
        self._past: dict[int | str, int] = {}

    def add(self, key: int | str) -> None:
        """Count one."""
        second = int(self._clock())
        if second != self._second:
            self._recycle(second)
        counts = self._current
        counts[key] = counts.get(key, 0) + 1

    def _recycle(self, second: int) -> None:
        at = second % WINDOW_SECONDS
        if self._seconds[at] != second:
            _merge(self._past, self._counts[at])
            self._counts[at] = {}
            self._seconds[at] = second
        self._second = second
        self._current = self._counts[at]

    def window(self) -> dict[int | str, int]:
        """Counts of the last minute."""
        oldest = int(self._clock()) - WINDOW_SECONDS
        merged: dict[int | str, int] = {}
        for second, counts in zip(self._seconds, self._counts, strict=True):
            if second > oldest:
                _merge(merged, counts)
        return merged

    def total(self) -> dict[int | str, int]:
        """Counts since the start."""
        merged = dict(self._past)
        for counts in self._counts:
            _merge(merged, counts)
        return merged


class SharedSlots(Slots):
    """Counts by any thread."""

    __slots__ = ("_lock",)

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._lock = threading.Lock()

    def add(self, key: int | str) -> None:
        with self._lock:
            Slots.add(self, key)

    def window(self) -> dict[int | str, int]:
        with self._lock:
            return super().window()

    def total(self) -> dict[int | str, int]:
        with self._lock:
            return super().total()


def _merge(into: dict[int | str, int], counts: dict[int | str, int]) -> None:
    for key, count in counts.items():
        into[key] = into.get(key, 0) + count


class Distribution(Slots):
    """Durations in milliseconds, in logarithmic buckets."""

    __slots__ = ("sum",)

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Add one duration."""
        if not _LOWEST <= value <= _HIGHEST:  # cheaper than min and max
            value = _LOWEST if value < _LOWEST else _HIGHEST
        self.sum += value
        second = int(self._clock())
        if second != self._second:
            self._recycle(second)
        counts, bucket = self._current, int(log10(value) * BUCKETS_PER_DECADE + _OFFSET)
        counts[bucket] = counts.get(bucket, 0) + 1  # ``add`` written out: a call is a sixth of all this

    def percentile(self, share: float) -> float | None:
        """The value below which ``share`` (0 to 1) of the last minute's durations are; ``None`` without any."""
        buckets = sorted(self.window().items(), key=_bucket)
        wanted = share * sum(count for _, count in buckets)
        seen = 0
        for bucket, count in buckets:
            seen += count
            if seen >= wanted:
                return _value(int(bucket) + _MIDDLE)
        return None

    def cumulative(self, bounds: tuple[float, ...]) -> Iterator[tuple[float, int]]:
        """How many since the start were below each bound (which are bucket limits), then all of them."""
        total = self.total()
        for bound in bounds:
            limit = round(log10(bound) * BUCKETS_PER_DECADE + _OFFSET)
            yield bound, sum(count for bucket, count in total.items() if int(bucket) < limit)
        yield math.inf, sum(total.values())


def _bucket(item: tuple[int | str, int]) -> int:
    return int(item[0])


def _value(bucket: float) -> float:
    return float(10 ** ((bucket - _OFFSET) / BUCKETS_PER_DECADE))
