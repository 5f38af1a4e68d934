"""The client: one device's connection to a server."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self, TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from nexy_core.client import requests
from nexy_core.client.conversation import Conversation
from nexy_core.client.errors import broken, client_error, readable
from nexy_core.client.events import End, Event, GreetingEvent, Metadata, greeting_event, turn_event
from nexy_core.client.retry import Deadline, RetryPolicy, retried
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.streams import closing

MAX_MESSAGE_BYTES = 50 * 1024 * 1024
KEEPALIVE_MS = 10_000
KEEPALIVE_TIMEOUT_MS = 5_000
ANSWER_DEADLINE_SECONDS = 600.0
COLLECT_DEADLINE_SECONDS = 3.0
WELCOME_DEADLINE_SECONDS = 30.0
QUICK_DEADLINE_SECONDS = 10.0
COLLECT_ACCEPTED = "COLLECT_ACCEPTED"
OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),  # a server that is gone without a word is noticed
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_MS),  # of gRPC's own pings, which a keepalive waits for
    ("grpc.http2.max_pings_without_data", 0),  # else gRPC asks once and never again while an answer is awaited
)
ResultT = TypeVar("ResultT")


class Client:
    """One device's connection. Every call has a deadline, tries included, and raises ``ClientError``."""

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
        if self._tls:
            credentials = grpc.ssl_channel_credentials(self._roots)
            self._channel = grpc.aio.secure_channel(self._address, credentials, options=OPTIONS)
        else:
            self._channel = grpc.aio.insecure_channel(self._address, options=OPTIONS)
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
        timeout_seconds: float | None = ANSWER_DEADLINE_SECONDS,
    ) -> AsyncIterator[Event]:
        """One turn. A blank prompt commits what ``collect`` gathered. Closing the iterator cancels the turn."""
        request = requests.commit(self.hardware_id, session_id or str(uuid.uuid4()), prompt, screenshot)
        deadline = Deadline.after(timeout_seconds)

        def once() -> AsyncIterator[Event | None]:
            return _turn(self._stub.StreamAudio(iter([request]), timeout=deadline.left_seconds()))

        async with closing(retried(self._retry, deadline, once)) as events:
            async for event in events:
                if event is not None:
                    yield event

    async def collect(self, text: str, chunk_seq: int, session_id: str, screenshot: bytes | None = None) -> None:
        """Send what the user has said so far. Not tried again: the next snapshot holds it all."""
        request = requests.snapshot(self.hardware_id, session_id, text, chunk_seq, screenshot)
        call = self._stub.StreamAudio(iter([request]), timeout=COLLECT_DEADLINE_SECONDS)
        answers = [message.end_message async for message in _messages(call)]
        if answers != [COLLECT_ACCEPTED]:
            raise broken(f"it answered a snapshot by {len(answers)} messages instead of one {COLLECT_ACCEPTED}")

    def conversation(
        self, session_id: str = "", *, timeout_seconds: float | None = ANSWER_DEADLINE_SECONDS
    ) -> Conversation:
        """One stream for several questions."""
        call = self._stub.StreamAudio(timeout=timeout_seconds)
        return Conversation(call, self.hardware_id, session_id or str(uuid.uuid4()))

    async def interrupt(self) -> list[str]:
        """Stop this device's turns; the session ids that were stopped."""
        request = pb.InterruptRequest(hardware_id=self.hardware_id)
        response = await self._unary(lambda seconds: self._stub.InterruptSession(request, timeout=seconds))
        if not response.success:
            raise broken(f"the interrupt was not a success: {response.message}")
        return list(response.interrupted_sessions)

    # --- the other calls ------------------------------------------------------------------------

    async def greet(
        self,
        text: str = "",
        *,
        voice: str = "",
        language: str = "",
        timeout_seconds: float | None = WELCOME_DEADLINE_SECONDS,
    ) -> AsyncIterator[GreetingEvent]:
        """Have a text spoken; blank: the server's greeting."""
        request = pb.WelcomeRequest(text=text, session_id=str(uuid.uuid4()), voice=voice, language=language)
        deadline = Deadline.after(timeout_seconds)

        def once() -> AsyncIterator[GreetingEvent]:
            return _greeting(self._stub.GenerateWelcomeAudio(request, timeout=deadline.left_seconds()))

        async with closing(retried(self._retry, deadline, once)) as events:
            async for event in events:
                yield event

    async def report_usage(self, model: str, input_tokens: int, output_tokens: int, *, source: str = "client") -> None:
        """Report token counts; they are counted at least once."""
        request = pb.UsageRequest(
            hardware_id=self.hardware_id,
            session_id=str(uuid.uuid4()),
            source=source,
            model=model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )
        response = await self._unary(lambda seconds: self._stub.ReportUsage(request, timeout=seconds))
        if not response.success:
            raise broken(f"the report was not a success: {response.message}")

    async def health(self, service: str = "") -> str:
        """``SERVING``, ``NOT_SERVING`` …: of the whole server, or of a service by its full name."""
        check = health_pb2_grpc.HealthStub(self._channel).Check
        request = health_pb2.HealthCheckRequest(service=service)
        answer = await self._unary(lambda seconds: check(request, timeout=seconds))
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    async def call(self, method: str, request: bytes = b"") -> bytes:
        """Any unary RPC by its full name, serialized: for those that this client does not know."""
        rpc: Any = self._channel.unary_unary(method)
        return await self._unary(lambda seconds: rpc(request, timeout=seconds))

    async def _unary(self, call: Callable[[float | None], Awaitable[ResultT]]) -> ResultT:
        deadline = Deadline.after(QUICK_DEADLINE_SECONDS)

        async def once() -> AsyncIterator[ResultT]:
            try:
                answer = readable(await call(deadline.left_seconds()))
            except grpc.aio.AioRpcError as error:
                raise client_error(error) from None
            yield answer

        async with closing(retried(self._retry, deadline, once)) as answers:
            return await anext(answers)


async def _messages(call: Any) -> AsyncIterator[Any]:
    try:
        async for message in call:
            yield readable(message)
    except grpc.aio.AioRpcError as error:
        raise client_error(error) from None
    finally:
        call.cancel()


async def _turn(call: Any) -> AsyncIterator[Event | None]:
    """A unary-style turn, held to its contract. An ``error_message`` is no output: the status says more."""
    ended, failure = False, ""
    async with closing(_messages(call)) as messages:
        async for message in messages:
            if ended:
                raise broken("something followed the turn's end")
            if message.WhichOneof("content") == "error_message":
                failure = message.error_message
                continue
            event = turn_event(message)
            ended = isinstance(event, End)
            yield event
    if not ended:
        raise broken(f"the stream ended without the turn's end ({failure or 'no reason given'})")


async def _greeting(call: Any) -> AsyncIterator[GreetingEvent]:
    """A greeting, held to its contract: metadata, audio, the end."""
    described = ended = False
    async with closing(_messages(call)) as messages:
        async for message in messages:
            event = greeting_event(message)
            if event is None:
                continue
            if ended or described == isinstance(event, Metadata):
                raise broken(f"{type(event).__name__.lower()} came out of its order")
            described, ended = True, isinstance(event, End)
            yield event
    if not ended:
        raise broken("the stream ended without the greeting's end")
