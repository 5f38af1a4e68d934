"""How much one client, and all of them, may ask for."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable

import attrs

CLIENTS_MAX = 4096
_SECONDS_PER_MINUTE = 60.0


@attrs.define
class RateLimit:
    """A token bucket a client that starts full. The longest unseen client is forgotten first, at ``CLIENTS_MAX``."""

    clock: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[str, tuple[float, float]] = attrs.field(factory=OrderedDict, init=False)

    def wait_seconds(self, client: str, per_minute: int) -> float:
        """0 when the request may pass (it is then counted), else how long until one may. 0 a minute: no limit."""
        if per_minute <= 0:
            return 0.0
        now = self.clock()
        tokens, seen = self._buckets.pop(client, (float(per_minute), now))
        rate = per_minute / _SECONDS_PER_MINUTE
        tokens = min(float(per_minute), tokens + (now - seen) * rate)
        passed = tokens >= 1
        self._buckets[client] = (tokens - 1 if passed else tokens, now)
        if len(self._buckets) > CLIENTS_MAX:
            self._buckets.popitem(last=False)
        return 0.0 if passed else (1 - tokens) / rate


@attrs.define
class Downloads:
    """Counts running downloads, in all and by client."""

    running: int = 0
    _by_client: Counter[str] = attrs.field(factory=Counter, init=False)

    def start(self, client: str, most: int, most_per_client: int) -> bool:
        """Take a place, if there is one. Every ``True`` needs one ``end``."""
        if self.running >= most or self._by_client[client] >= most_per_client:
            return False
        self.running += 1
        self._by_client[client] += 1
        return True

    def end(self, client: str) -> None:
        self.running -= 1
        self._by_client[client] -= 1
        self._by_client += Counter()  # drops the zeros: one entry a client that is downloading, no more
