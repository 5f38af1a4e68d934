"""The error taxonomy (C14) and the exceptions that carry it.

Every message is a short text for a person: it reaches clients, so it never holds ids, keys, prompts or tracebacks.
"""

from enum import StrEnum
from typing import ClassVar


class ErrorType(StrEnum):
    """How a turn can fail, as named on the wire and in the log."""

    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    CANCELLED_BY_USER = "cancelled_by_user"
    STREAM_LIMIT_EXCEEDED = "stream_limit_exceeded"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    VALIDATION_FAILED = "validation_failed"
    INTERNAL = "internal"


class NexyError(Exception):
    """The root of Nexy's errors; raised as itself it means ``internal``.

    ``reason`` is a short machine word for the log (``first_token_timeout``), ``retry_after_seconds`` what a
    client should wait.
    """

    error_type: ClassVar[ErrorType] = ErrorType.INTERNAL

    def __init__(self, message: str, *, reason: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.error_type.value
        self.retry_after_seconds = retry_after_seconds


class TimedOut(NexyError):
    """Something took longer than its setting allows."""

    error_type = ErrorType.TIMEOUT


class Unavailable(NexyError):
    """A needed part is absent, dead or shutting down; trying again later makes sense."""

    error_type = ErrorType.UNAVAILABLE


class Cancelled(NexyError):
    """The user stopped the turn."""

    error_type = ErrorType.CANCELLED_BY_USER


class StreamLimitExceeded(NexyError):
    """No slot is free, or the speech already owed cannot be delivered in time."""

    error_type = ErrorType.STREAM_LIMIT_EXCEEDED


class RateLimitExceeded(NexyError):
    """This device sends faster than its token bucket refills."""

    error_type = ErrorType.RATE_LIMIT_EXCEEDED


class ValidationFailed(NexyError):
    """The client's payload is wrong; sending it again cannot help."""

    error_type = ErrorType.VALIDATION_FAILED


class Degraded(NexyError):
    """A capability cannot serve this one request, and the turn should go on without it.

    Raise it from ``process`` with a ``reason`` (``no_voice``): the core logs ``decision=degrade`` and continues.
    It does not count as a failure of the capability.
    """


class ConfigError(Exception):
    """A mistake in the operator's settings or command line. The text says what, where and what to do."""
