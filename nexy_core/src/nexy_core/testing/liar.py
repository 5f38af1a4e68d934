"""A server for tests of clients: it answers any RPC with the messages and the status that it was told, true or not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import attrs
import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from nexy_core.client import Client, ClientError, Event, RetryPolicy
from nexy_core.errors import ErrorType
from nexy_core.transport.taxonomy import TAXONOMY

HANG = "hang"
"""Among the messages: wait for ever."""
Status = tuple[grpc.StatusCode, str, tuple[tuple[str, str | bytes], ...]]
Play = tuple[Sequence[Message | bytes | str], Status | None]
"""The messages of one call, raw bytes among them, and the status it ends with; ``None``: OK."""


def refused(
    kind: ErrorType, *, retry_seconds: int | None = None, pushback: str | None = None, error_type: str = ""
) -> Status:
    """A status as a server of the taxonomy makes it; ``pushback`` and ``error_type`` may be anything."""
    details: list[Message] = [error_details_pb2.ErrorInfo(metadata={"error_type": error_type or kind.value})]
    if retry_seconds is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=retry_seconds)))
    packed = [any_pb2.Any() for _ in details]
    for one, detail in zip(packed, details, strict=True):
        one.Pack(detail)
    trailers: list[tuple[str, str | bytes]] = [
        ("grpc-status-details-bin", status_pb2.Status(details=packed).SerializeToString())
    ]
    if pushback is not None:
        trailers.append(("grpc-retry-pushback-ms", pushback))
    return TAXONOMY[kind].code, "No.", tuple(trailers)


@attrs.define(eq=False)
class Liar(grpc.GenericRpcHandler):
    """Plays one ``Play`` a call, the last one again and again; ``calls`` are the deadlines that it was given."""

    plays: Sequence[Play]
    calls: list[float | None] = attrs.field(factory=list)
    cancelled: asyncio.Event = attrs.field(factory=asyncio.Event)
    server: grpc.aio.Server = attrs.field(factory=lambda: grpc.aio.server(options=[("grpc.so_reuseport", 0)]))

    def service(self, _: grpc.HandlerCallDetails) -> Any:
        """Every RPC is the same to it."""
        return grpc.stream_stream_rpc_method_handler(self._play)

    async def _play(self, _: Any, context: Any) -> None:
        self.calls.append(context.time_remaining())
        messages, status = self.plays[min(len(self.calls), len(self.plays)) - 1]
        try:
            for message in messages:
                await self._send(context, message)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if status:
            await context.abort(*status)

    async def _send(self, context: Any, message: Message | bytes | str) -> None:
        if isinstance(message, str):
            await asyncio.Event().wait()
        else:
            await context.write(message if isinstance(message, bytes) else message.SerializeToString())


@contextlib.asynccontextmanager
async def lying(*plays: Play) -> AsyncIterator[tuple[Liar, Client]]:
    """A running one, and a client of it that waits for five seconds at most."""
    liar = Liar(plays)
    liar.server.add_generic_rpc_handlers((liar,))
    port = liar.server.add_insecure_port("127.0.0.1:0")
    await liar.server.start()
    try:
        async with Client(f"127.0.0.1:{port}", retry=RetryPolicy(max_wait_seconds=5)) as client:
            yield liar, client
    finally:
        await liar.server.stop(0)


async def answer(client: Client, **how: Any) -> tuple[list[Event], ClientError | None]:
    """The events of a turn, and the error that ended it."""
    events: list[Event] = []
    try:
        async for event in client.ask("hello", **how):
            events.append(event)  # noqa: PERF401  # what came before the error is kept
    except ClientError as error:
        return events, error
    return events, None
