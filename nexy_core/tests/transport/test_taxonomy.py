"""The taxonomy on the wire, and what never gets there."""

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from nexy_core.errors import ErrorType, NexyError, RateLimitExceeded, StreamLimitExceeded, Unavailable, ValidationFailed
from nexy_core.sessions import StopReason
from nexy_core.transport.taxonomy import FALLBACK_MESSAGE, FORBIDDEN_PHRASES, TAXONOMY, safe_message, trailers

CANON = {
    "timeout": grpc.StatusCode.DEADLINE_EXCEEDED,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "cancelled_by_user": grpc.StatusCode.CANCELLED,
    "stream_limit_exceeded": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "rate_limit_exceeded": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "validation_failed": grpc.StatusCode.INVALID_ARGUMENT,
    "internal": grpc.StatusCode.INTERNAL,
}


def details(error, early=False):
    metadata = dict(trailers(error, early=early))
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    seconds = None
    for detail in status.details:
        if not detail.Unpack(info) and detail.Unpack(retry):
            seconds = retry.retry_delay.ToMilliseconds() / 1000
    return status, info, seconds, metadata.get("grpc-retry-pushback-ms")


def test_every_error_type_has_the_canons_code():
    assert {kind.value: row.code for kind, row in TAXONOMY.items()} == CANON


def test_the_stream_limit_says_60_seconds_and_pushes_back_early():
    status, info, seconds, pushback = details(StreamLimitExceeded("busy"), early=True)
    assert (status.code, info.metadata["error_type"], seconds, pushback) == (8, "stream_limit_exceeded", 60.0, "60000")


def test_the_rate_limit_says_what_the_bucket_needs():
    assert details(RateLimitExceeded("slow down", retry_after_seconds=0.25))[2] == 0.25


def test_a_shutdown_is_jittered_between_0_and_2_seconds():
    seconds = [details(StopReason.SHUTDOWN.error())[2] for _ in range(200)]
    assert min(seconds) < 0.5
    assert 1.5 < max(seconds) <= 2.0


@pytest.mark.parametrize("error", [ValidationFailed("no"), NexyError("no")])
def test_no_retry_info_where_a_retry_makes_no_sense(error):
    assert details(error)[2] is None


@pytest.mark.parametrize("phrase", FORBIDDEN_PHRASES)
def test_no_message_opens_the_payment_flow(phrase):
    message = f"The provider says: {phrase.upper()}!"
    assert safe_message(Unavailable(message)) == FALLBACK_MESSAGE
    assert phrase.encode() not in dict(trailers(Unavailable(message), early=False))["grpc-status-details-bin"].lower()


def test_messages_are_one_short_line():
    assert safe_message(NexyError("a\nb")) == "a b"
    assert len(safe_message(NexyError("x" * 5000))) <= 200
    assert safe_message(NexyError(" ")) == FALLBACK_MESSAGE


def test_every_stop_reason_has_an_error_of_the_contract():
    kinds = {reason: reason.error().error_type for reason in StopReason}
    assert kinds[StopReason.INTERRUPTED] is ErrorType.CANCELLED_BY_USER
    assert kinds[StopReason.IDLE] is ErrorType.TIMEOUT
    assert kinds[StopReason.SHUTDOWN] is ErrorType.UNAVAILABLE
