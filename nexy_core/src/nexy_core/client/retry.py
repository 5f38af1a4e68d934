"""The taxonomy's last column: what is tried again, when, and never once output has begun."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import attrs

from nexy_core.client.errors import ClientError
from nexy_core.errors import ErrorType
from nexy_core.streams import closing

FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 30.0
MAX_DOUBLINGS = 10
STREAM_LIMIT_SECONDS = 60.0  # the taxonomy: back off 60 s, then retry
FINAL = frozenset({ErrorType.VALIDATION_FAILED, ErrorType.CANCELLED_BY_USER})
ItemT = TypeVar("ItemT")


@attrs.frozen
class RetryPolicy:
    """How often to try again, before any output has come; never after."""

    attempts: int = 3
    max_wait_seconds: float = 120.0
    """The longest single wait: what asks for a longer one is raised instead."""

    def delay_seconds(self, error: ClientError, attempt: int) -> float | None:
        """What the server asked for, else exponential with full jitter; ``None``: do not retry."""
        if attempt >= self.attempts or error.error_type in FINAL or not error.retryable:
            return None
        if error.error_type is ErrorType.INTERNAL and attempt > 1:
            return None
        delay = error.retry_after_seconds
        if delay is None and error.error_type is ErrorType.STREAM_LIMIT_EXCEEDED:
            delay = STREAM_LIMIT_SECONDS
        if delay is None:
            ceiling = FIRST_BACKOFF_SECONDS * 2 ** min(attempt - 1, MAX_DOUBLINGS)
            delay = random.uniform(0, min(MAX_BACKOFF_SECONDS, ceiling))  # noqa: S311  # spreads load, hides nothing
        return delay if delay <= self.max_wait_seconds else None


@attrs.frozen
class Deadline:
    """The moment when everything must be over, waits between tries included."""

    at: float | None

    @classmethod
    def after(cls, seconds: float | None) -> "Deadline":
        return cls(None if seconds is None else time.monotonic() + seconds)

    def left_seconds(self) -> float | None:
        """``None``: no deadline."""
        return None if self.at is None else max(self.at - time.monotonic(), 0.0)

    def allows(self, seconds: float) -> bool:
        left = self.left_seconds()
        return left is None or seconds < left


async def retried(
    policy: RetryPolicy, deadline: Deadline, once: Callable[[], AsyncIterator[ItemT]]
) -> AsyncIterator[ItemT]:
    """The items of the first try that gives any. Raises ``ClientError``."""
    for attempt in itertools.count(1):
        begun = False
        try:
            async with closing(once()) as items:
                async for item in items:
                    begun = True
                    yield item
        except ClientError as error:
            delay = None if begun else policy.delay_seconds(error, attempt)
            if delay is None or not deadline.allows(delay):
                raise
        else:
            return
        await asyncio.sleep(delay)
