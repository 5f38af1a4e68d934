"""Every RPC as released clients call it, with plain generated stubs."""

import contextlib
import queue
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from nexy_core.errors import ErrorType
from nexy_core.events import BYTES_PER_FRAME, SAMPLE_RATE_HZ
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.smoke.probe import Failure, Probe, Target

COLLECT_DEADLINE_SECONDS = 3.0
QUICK_DEADLINE_SECONDS = 10.0
BIG_CHARS = 5 * 1024 * 1024
HARDWARE_ID = str(uuid.UUID(int=0)).upper()
STATUS_DETAILS = "grpc-status-details-bin"
SERVICE = "/streaming.StreamingService/"


@contextlib.contextmanager
def channel(target: Target) -> Iterator[grpc.Channel]:
    """A channel of its own; what goes wrong on it becomes a ``Failure``."""
    address = f"{target.host}:{target.grpc_port}"
    opened = grpc.secure_channel(address, _credentials(target)) if target.entrance else grpc.insecure_channel(address)
    with opened:
        try:
            yield opened
        except grpc.RpcError as error:
            raise Failure(f"{error.code().name}: {error.details()}") from None


def _credentials(target: Target) -> grpc.ChannelCredentials:
    try:
        roots = Path(target.ca_file).read_bytes() if target.ca_file else None
    except OSError as error:
        raise Failure(f"the certificate {target.ca_file} cannot be read: {error.strerror}") from None
    return grpc.ssl_channel_credentials(roots)


def rpc(check: Callable[[Target, Any], None]) -> Probe:
    """A probe from a check that takes a stub."""

    def probe(target: Target) -> None:
        with channel(target) as opened:
            check(target, StreamingServiceStub(opened))

    return probe


def health(target: Target) -> None:
    """gRPC's own health service says that turns are taken."""
    with channel(target) as opened:
        stub = health_pb2_grpc.HealthStub(opened)
        answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=QUICK_DEADLINE_SECONDS)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        state = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        raise Failure(f"the server says {state}; http://127.0.0.1:8080/status on its machine says why")


def question(target: Target) -> pb.StreamRequest:
    return pb.StreamRequest(
        prompt=target.prompt,
        hardware_id=HARDWARE_ID,
        session_id=str(uuid.uuid4()),
        phase=pb.REQUEST_PHASE_COMMIT,
    )


def unary_style(target: Target, stub: Any) -> None:
    """One message, half-close: how released clients ask."""
    check_turn(stub.StreamAudio(iter([question(target)]), timeout=target.timeout_seconds))


def bidirectional(target: Target, stub: Any) -> None:
    """Two questions on one stream that stays open."""
    requests: queue.Queue[pb.StreamRequest | None] = queue.Queue()
    responses = stub.StreamAudio(iter(requests.get, None), timeout=target.timeout_seconds)
    try:
        for _ in range(2):
            requests.put(question(target))
            check_turn(_until_end(responses))
    finally:
        requests.put(None)
    if next(iter(responses), None) is not None:
        raise Failure("something followed the last turn's end")


def _until_end(responses: Iterable[pb.StreamResponse]) -> Iterator[pb.StreamResponse]:
    for response in responses:
        yield response
        if response.WhichOneof("content") in {"end_message", "error_message"}:
            return


def check_turn(responses: Iterable[pb.StreamResponse]) -> None:
    """Text before audio, playable audio, one terminal message and nothing after it."""
    kinds: list[str] = []
    for response in responses:
        if kinds and kinds[-1] == "end_message":
            raise Failure("something followed the turn's end")
        kinds.append(response.WhichOneof("content") or "nothing")
        if kinds[-1] == "error_message":
            raise Failure(f"the turn failed: {response.error_message}")
        if kinds[-1] == "audio_chunk":
            check_audio(response.audio_chunk)
    if not kinds or kinds[-1] != "end_message":
        raise Failure("the stream ended without an end_message")
    if "text_chunk" not in kinds:
        raise Failure("the turn had no text")
    if "audio_chunk" not in kinds:
        raise Failure("the turn had no speech: `nexy doctor` on the server's machine says what is missing")


def check_audio(chunk: pb.AudioChunk) -> None:
    """PCM as clients play it."""
    size = len(chunk.audio_data)
    if not size or size % BYTES_PER_FRAME:
        raise Failure(f"an audio chunk has {size} bytes")
    if (chunk.dtype, chunk.sample_rate, chunk.channels) != ("int16", SAMPLE_RATE_HZ, 1):
        raise Failure(f"audio is {chunk.dtype}, {chunk.sample_rate} Hz, {chunk.channels} channels")


def collect(_: Target, stub: Any) -> None:
    """A snapshot while the user speaks; with a screenshot that no default body limit lets through."""
    request = pb.StreamRequest(
        hardware_id=HARDWARE_ID,
        session_id=str(uuid.uuid4()),
        phase=pb.REQUEST_PHASE_COLLECT,
        chunk_seq=1,
        chunk_text="What is",
        screenshot="A" * BIG_CHARS,
    )
    answers = list(stub.StreamAudio(iter([request]), timeout=COLLECT_DEADLINE_SECONDS))
    if [answer.end_message for answer in answers] != ["COLLECT_ACCEPTED"]:
        raise Failure(f"answered by {len(answers)} messages instead of one COLLECT_ACCEPTED")


def interrupt(_: Target, stub: Any) -> None:
    """Nothing runs for this device, and that is a success."""
    answer = stub.InterruptSession(pb.InterruptRequest(hardware_id=HARDWARE_ID), timeout=QUICK_DEADLINE_SECONDS)
    if not answer.success:
        raise Failure(f"not a success: {answer.message}")


def welcome(target: Target, stub: Any) -> None:
    """Metadata first, then speech, then the end."""
    request = pb.WelcomeRequest(session_id="welcome_smoke", language="en")
    kinds = []
    for response in stub.GenerateWelcomeAudio(request, timeout=target.timeout_seconds):
        kinds.append(response.WhichOneof("content"))
        if kinds[-1] == "audio_chunk":
            check_audio(response.audio_chunk)
    if kinds[:1] != ["metadata"] or kinds[-1:] != ["end_message"] or "audio_chunk" not in kinds:
        raise Failure(f"it sent {', '.join(dict.fromkeys(map(str, kinds))) or 'nothing'}")


def usage(_: Target, stub: Any) -> None:
    """A report of nothing used is taken."""
    request = pb.UsageRequest(hardware_id=HARDWARE_ID, session_id=str(uuid.uuid4()), source="smoke", model="none")
    answer = stub.ReportUsage(request, timeout=QUICK_DEADLINE_SECONDS)
    if not answer.success:
        raise Failure(f"not a success: {answer.message}")


def refusal(_: Target, stub: Any) -> None:
    """A bad request is refused in the taxonomy's words."""
    try:
        list(stub.StreamAudio(iter([]), timeout=QUICK_DEADLINE_SECONDS))
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
            raise
        trailers: Any = error.trailing_metadata() or ()
        details = dict(trailers).get(STATUS_DETAILS, b"")
        if ErrorType.VALIDATION_FAILED.value.encode() not in details:
            raise Failure("the status has no ErrorInfo with validation_failed") from None
        return
    raise Failure("a stream without a message was not refused")


def unknown(target: Target) -> None:
    """An RPC that does not exist is UNIMPLEMENTED, not something else's page."""
    with channel(target) as opened:
        call: Any = opened.unary_unary(SERVICE + "NoSuchRpc")
        try:
            call(b"", timeout=QUICK_DEADLINE_SECONDS)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise
            return
    raise Failure("an RPC that does not exist was answered")


PROBES: dict[str, Probe] = {
    "gRPC health": health,
    "StreamAudio, unary-style": rpc(unary_style),
    "StreamAudio, bidirectional": rpc(bidirectional),
    "StreamAudio, COLLECT of 5 MB": rpc(collect),
    "StreamAudio, refusal": rpc(refusal),
    "InterruptSession": rpc(interrupt),
    "GenerateWelcomeAudio": rpc(welcome),
    "ReportUsage": rpc(usage),
    "an unknown RPC": unknown,
}
