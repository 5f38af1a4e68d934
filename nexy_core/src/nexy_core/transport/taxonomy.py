"""C14 in code: from an error to the status, its details and what the client does. The docs' table is made from it."""

import random

import attrs
import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from nexy_core.errors import ErrorType, NexyError
from nexy_core.sessions import StopReason

DOMAIN = "nexy-server"
SHUTDOWN_JITTER_SECONDS = 2.0  # wire contract: RetryInfo of a shutdown is jittered 0-2 s
STREAM_LIMIT_RETRY_SECONDS = 60.0  # wire contract: back off 60 s, then retry


@attrs.frozen
class Row:
    """One line of the taxonomy."""

    code: grpc.StatusCode
    client: str


TAXONOMY: dict[ErrorType, Row] = {
    ErrorType.TIMEOUT: Row(grpc.StatusCode.DEADLINE_EXCEEDED, "retry with backoff"),
    ErrorType.UNAVAILABLE: Row(grpc.StatusCode.UNAVAILABLE, "retry, exponential"),
    ErrorType.CANCELLED_BY_USER: Row(grpc.StatusCode.CANCELLED, "stop, no retry"),
    ErrorType.STREAM_LIMIT_EXCEEDED: Row(grpc.StatusCode.RESOURCE_EXHAUSTED, "back off 60 s, then retry"),
    ErrorType.RATE_LIMIT_EXCEEDED: Row(grpc.StatusCode.RESOURCE_EXHAUSTED, "throttle locally, then retry"),
    ErrorType.VALIDATION_FAILED: Row(grpc.StatusCode.INVALID_ARGUMENT, "fix the payload, no retry"),
    ErrorType.INTERNAL: Row(grpc.StatusCode.INTERNAL, "show the error, retry once"),
}

# Released clients open a payment flow on these (wire contract, need 8).
FORBIDDEN_PHRASES = (
    "daily limit exceeded",
    "weekly limit exceeded",
    "monthly limit exceeded",
    "limited free tier",
    "subscription_gate_denied",
    "you have reached your daily limit",
)
FALLBACK_MESSAGE = "Something went wrong. Please try again."
MAX_MESSAGE_CHARS = 200


def safe_message(error: NexyError) -> str:
    """The text for a person, fit for the wire."""
    message = " ".join(error.message.split())[:MAX_MESSAGE_CHARS]
    lowered = message.lower()
    if not message or any(phrase in lowered for phrase in FORBIDDEN_PHRASES):
        return FALLBACK_MESSAGE
    return message


def retry_seconds(error: NexyError) -> float | None:
    """What ``RetryInfo`` says, or ``None`` for no ``RetryInfo``."""
    if error.retry_after_seconds is not None:
        return error.retry_after_seconds
    if error.error_type is ErrorType.STREAM_LIMIT_EXCEEDED:
        return STREAM_LIMIT_RETRY_SECONDS
    if error.error_type is ErrorType.UNAVAILABLE or error.reason == StopReason.SHUTDOWN:
        return random.uniform(0.0, SHUTDOWN_JITTER_SECONDS)  # noqa: S311  # spreads retries, hides nothing
    return None


def trailers(error: NexyError, *, early: bool) -> tuple[tuple[str, str | bytes], ...]:
    """``google.rpc.Status`` details and, for an early refusal, ``grpc-retry-pushback-ms``."""
    row = TAXONOMY[error.error_type]
    info = error_details_pb2.ErrorInfo(reason=error.error_type.value, domain=DOMAIN)
    info.metadata["error_type"] = error.error_type.value
    details = [_any(info)]
    seconds = retry_seconds(error)
    metadata: list[tuple[str, str | bytes]] = []
    if seconds is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(max(1, round(seconds * 1000)))
        details.append(_any(error_details_pb2.RetryInfo(retry_delay=delay)))
        if early:
            metadata.append(("grpc-retry-pushback-ms", str(max(1, round(seconds * 1000)))))
    code: int = row.code.value[0]
    status = status_pb2.Status(code=code, message=safe_message(error), details=details)
    metadata.append(("grpc-status-details-bin", status.SerializeToString()))
    return tuple(metadata)


def _any(message: error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
