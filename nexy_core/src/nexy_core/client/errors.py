"""What a call failed with: a status of the taxonomy, its details and trailers made typed."""

import re
from typing import Any, TypeVar

import attrs
import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from nexy_core.errors import ErrorType

STATUS_DETAILS = "grpc-status-details-bin"
PUSHBACK = "grpc-retry-pushback-ms"
INT32_MAX = 2**31 - 1
MS = 1000
MessageT = TypeVar("MessageT")
BY_CODE = {
    grpc.StatusCode.DEADLINE_EXCEEDED: ErrorType.TIMEOUT,
    grpc.StatusCode.UNAVAILABLE: ErrorType.UNAVAILABLE,
    grpc.StatusCode.CANCELLED: ErrorType.CANCELLED_BY_USER,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ErrorType.STREAM_LIMIT_EXCEEDED,
    grpc.StatusCode.INVALID_ARGUMENT: ErrorType.VALIDATION_FAILED,
}


class ClientError(Exception):
    """The server's refusal or failure: ``error_type`` of the taxonomy, a message for a person.

    ``code`` is the gRPC status, ``explained`` whether the server named the type itself (``ErrorInfo``) and it was not
    guessed from the code, ``retryable`` False when the server asks not to be tried again.
    """

    def __init__(
        self,
        error_type: ErrorType,
        message: str,
        retry_after_seconds: float | None = None,
        *,
        code: str = "",
        explained: bool = False,
        retryable: bool = True,
    ) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.code = code
        self.explained = explained
        self.retryable = retryable


def broken(what: str) -> ClientError:
    """For a server that does not keep to the wire contract."""
    return ClientError(ErrorType.INTERNAL, f"The server broke the protocol: {what}.")


def readable(message: MessageT | None) -> MessageT:
    """The message: gRPC gives ``None`` for bytes it could not read. Raises ``ClientError``."""
    if message is None:
        raise broken("it sent bytes that cannot be read")
    return message


def client_error(error: Any) -> ClientError:
    """From an ``RpcError`` (sync or aio) to the taxonomy, by its details where it has them."""
    trailers = dict(error.trailing_metadata() or ())
    details = _details(trailers.get(STATUS_DETAILS))
    code = error.code()
    pushback = trailers.get(PUSHBACK)
    pushback_seconds = None if pushback is None else _pushback_seconds(pushback)
    return ClientError(
        details.error_type or BY_CODE.get(code, ErrorType.INTERNAL),
        error.details() or str(code),
        details.retry_after_seconds if pushback_seconds is None else pushback_seconds,
        code=code.name,
        explained=details.error_type is not None,
        retryable=pushback is None or pushback_seconds is not None,
    )


def _pushback_seconds(value: str | bytes) -> float | None:
    """A wait, or ``None`` for "do not retry": negative or no 32-bit integer. Source: gRPC proposal A6."""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if not re.fullmatch(r"0|[1-9][0-9]*", text) or len(text) > len(str(INT32_MAX)) or int(text) > INT32_MAX:
        return None
    return int(text) / MS


@attrs.define
class _Details:
    error_type: ErrorType | None = None
    retry_after_seconds: float | None = None


def _details(value: str | bytes | None) -> _Details:
    """``google.rpc.Status`` as far as it can be read."""
    found = _Details()
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    try:
        for detail in status_pb2.Status.FromString(value if isinstance(value, bytes) else b"").details:
            if detail.Unpack(info):
                found.error_type = ErrorType(info.metadata["error_type"])
            elif detail.Unpack(retry):
                found.retry_after_seconds = max(retry.retry_delay.ToMilliseconds(), 0) / MS
    except (DecodeError, ValueError):
        return found
    return found
