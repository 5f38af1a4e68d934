"""An async client for Nexy Server: typed events, the taxonomy's retry rules, deadlines.

async with Client("127.0.0.1:50051", hardware_id="…") as client:
    async for event in client.ask("What is the capital of France?"):
        …
"""

import asyncio
import base64
import json
import random
import uuid
from collections.abc import AsyncIterator
from typing import Any, Self

import attrs
import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from nexy_core.errors import ErrorType
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub

MAX_MESSAGE_BYTES = 50 * 1024 * 1024
COLLECT_DEADLINE_SECONDS = 3.0
WELCOME_DEADLINE_SECONDS = 30.0
USAGE_DEADLINE_SECONDS = 10.0
FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 30.0
MCP_PREFIX = "__MCP__"


@attrs.frozen
class Text:
    """A piece of the answer to show."""

    text: str


@attrs.frozen
class Audio:
    """``[frames] int16`` PCM."""

    data: bytes = attrs.field(repr=False)
    sample_rate: int
    channels: int


@attrs.frozen
class ActionRequest:
    """A command to carry out."""

    session_id: str
    command: str
    args: dict[str, Any]


@attrs.frozen
class End:
    """The turn is over: ``COMPLETED``, ``INTERRUPTED`` or ``SUPERSEDED``."""

    message: str


Event = Text | Audio | ActionRequest | End


class ClientError(Exception):
    """The server's refusal or failure: ``error_type`` of the taxonomy, a message for a person."""

    def __init__(self, error_type: ErrorType, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.retry_after_seconds = retry_after_seconds


@attrs.frozen
class RetryPolicy:
    """How often to try again, before any output has come; never after."""

    attempts: int = 3
    wait_stream_limit: bool = False
    """Whether to sit out the 60 s of a stream limit, instead of raising."""

    def delay_seconds(self, error: ClientError, attempt: int) -> float | None:
        """Full jitter, or what the server asked for; ``None``: do not retry."""
        match error.error_type:
            case ErrorType.VALIDATION_FAILED | ErrorType.CANCELLED_BY_USER:
                return None
            case ErrorType.STREAM_LIMIT_EXCEEDED if not self.wait_stream_limit:
                return None
            case ErrorType.INTERNAL if attempt > 1:
                return None
        if attempt >= self.attempts:
            return None
        if error.retry_after_seconds is not None:
            return error.retry_after_seconds
        return random.uniform(0, min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**attempt))  # noqa: S311


class Client:
    """One device's connection to a server."""

    def __init__(
        self,
        address: str,
        *,
        hardware_id: str = "",
        root_certificates: bytes | None = None,
        tls: bool = False,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.hardware_id = hardware_id or str(uuid.uuid4()).upper()
        self._address = address
        self._tls = tls or root_certificates is not None
        self._roots = root_certificates
        self._retry = retry or RetryPolicy()

    async def __aenter__(self) -> Self:
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ]
        if self._tls:
            credentials = grpc.ssl_channel_credentials(self._roots)
            self._channel = grpc.aio.secure_channel(self._address, credentials, options=options)
        else:
            self._channel = grpc.aio.insecure_channel(self._address, options=options)
        self._stub: Any = StreamingServiceStub(self._channel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    # --- turns ----------------------------------------------------------------------------------

    async def ask(
        self,
        prompt: str,
        *,
        session_id: str = "",
        screenshot: bytes | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncIterator[Event]:
        """One turn. Raises ``ClientError``; closing the iterator cancels the turn."""
        request = pb.StreamRequest(
            prompt=prompt,
            hardware_id=self.hardware_id,
            session_id=session_id or str(uuid.uuid4()),
            phase=pb.REQUEST_PHASE_COMMIT,
            screenshot=base64.b64encode(screenshot).decode() if screenshot else "",
        )
        attempt = 0
        while True:
            attempt += 1
            begun = False
            try:
                async for event in self._turn(request, timeout_seconds):
                    begun = True
                    yield event
            except ClientError as error:
                delay = None if begun else self._retry.delay_seconds(error, attempt)
                if delay is None:
                    raise
                await asyncio.sleep(delay)
            else:
                return

    async def _turn(self, request: pb.StreamRequest, timeout_seconds: float | None) -> AsyncIterator[Event]:
        call = self._stub.StreamAudio(iter([request]), timeout=timeout_seconds)
        try:
            async for response in call:
                event = _event(response)
                if event is not None:
                    yield event
        except grpc.aio.AioRpcError as error:
            raise client_error(error) from None
        finally:
            call.cancel()

    async def collect(self, text: str, chunk_seq: int, session_id: str, screenshot: bytes | None = None) -> None:
        """Send what the user has said so far. Raises ``ClientError``."""
        request = pb.StreamRequest(
            hardware_id=self.hardware_id,
            session_id=session_id,
            phase=pb.REQUEST_PHASE_COLLECT,
            chunk_seq=chunk_seq,
            chunk_text=text,
            screenshot=base64.b64encode(screenshot).decode() if screenshot else "",
        )
        call = self._stub.StreamAudio(iter([request]), timeout=COLLECT_DEADLINE_SECONDS)
        try:
            async for _ in call:
                pass
        except grpc.aio.AioRpcError as error:
            raise client_error(error) from None

    async def interrupt(self) -> list[str]:
        """Stop this device's turns; the session ids that were stopped. Raises ``ClientError``."""
        try:
            response = await self._stub.InterruptSession(pb.InterruptRequest(hardware_id=self.hardware_id))
        except grpc.aio.AioRpcError as error:
            raise client_error(error) from None
        return list(response.interrupted_sessions)

    async def greet(self, text: str = "", *, voice: str = "", language: str = "") -> AsyncIterator[Event]:
        """Have a text spoken. Raises ``ClientError``."""
        request = pb.WelcomeRequest(text=text, session_id=str(uuid.uuid4()), voice=voice, language=language)
        call = self._stub.GenerateWelcomeAudio(request, timeout=WELCOME_DEADLINE_SECONDS)
        try:
            async for response in call:
                match response.WhichOneof("content"):
                    case "audio_chunk":
                        yield _audio(response.audio_chunk)
                    case "end_message":
                        yield End(response.end_message)
        except grpc.aio.AioRpcError as error:
            raise client_error(error) from None
        finally:
            call.cancel()

    async def report_usage(self, model: str, input_tokens: int, output_tokens: int, *, source: str = "client") -> None:
        """Report token counts. Raises ``ClientError``."""
        request = pb.UsageRequest(
            hardware_id=self.hardware_id,
            session_id=str(uuid.uuid4()),
            source=source,
            model=model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )
        try:
            await self._stub.ReportUsage(request, timeout=USAGE_DEADLINE_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise client_error(error) from None


def _event(response: pb.StreamResponse) -> Event | None:
    match response.WhichOneof("content"):
        case "text_chunk":
            return _text_or_action(response.text_chunk)
        case "audio_chunk":
            return _audio(response.audio_chunk)
        case "action_message":
            return _action(json.loads(response.action_message.action_json))
        case "end_message":
            return End(response.end_message)
    return None  # error_message: the status that follows says more


def _text_or_action(text: str) -> Event:
    if text.startswith(MCP_PREFIX):
        return _action(json.loads(text.removeprefix(MCP_PREFIX))["payload"])
    return Text(text)


def _action(payload: dict[str, Any]) -> ActionRequest:
    return ActionRequest(payload["session_id"], payload["command"], payload["args"])


def _audio(chunk: pb.AudioChunk) -> Audio:
    return Audio(chunk.audio_data, chunk.sample_rate, chunk.channels)


def client_error(error: Any) -> ClientError:
    """From an ``RpcError`` (sync or aio) to the taxonomy, by its details where it has them."""
    error_type, retry_after_seconds = _BY_CODE.get(error.code(), ErrorType.INTERNAL), None
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            error_type, retry_after_seconds = _details(value, error_type)
    return ClientError(error_type, error.details() or str(error.code()), retry_after_seconds)


_BY_CODE = {
    grpc.StatusCode.DEADLINE_EXCEEDED: ErrorType.TIMEOUT,
    grpc.StatusCode.UNAVAILABLE: ErrorType.UNAVAILABLE,
    grpc.StatusCode.CANCELLED: ErrorType.CANCELLED_BY_USER,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ErrorType.STREAM_LIMIT_EXCEEDED,
    grpc.StatusCode.INVALID_ARGUMENT: ErrorType.VALIDATION_FAILED,
}


def _details(value: bytes, default: ErrorType) -> tuple[ErrorType, float | None]:
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    seconds = None
    try:
        for detail in status_pb2.Status.FromString(value).details:
            if detail.Unpack(info):
                default = ErrorType(info.metadata["error_type"])
            elif detail.Unpack(retry):
                seconds = retry.retry_delay.ToMilliseconds() / 1000
    except (DecodeError, ValueError):
        return default, None
    return default, seconds
