"""One bidirectional call that stays open for question after question."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Self

import grpc

from nexy_core.client import requests
from nexy_core.client.errors import broken, client_error, readable
from nexy_core.client.events import End, Event, turn_event
from nexy_core.proto import streaming_pb2 as pb


class Conversation:
    """Questions of one session on one stream, one at a time; nothing here is tried again.

    A question that is asked before the last one's answer was read to its end supersedes it. A turn that fails or is
    interrupted ends the stream: what comes next raises its ``ClientError``.
    """

    def __init__(self, call: Any, hardware_id: str, session_id: str) -> None:
        self._call = call
        self._hardware_id = hardware_id
        self._session_id = session_id
        self._unread_turns = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._call.cancel()

    async def ask(self, prompt: str, *, screenshot: bytes | None = None) -> AsyncIterator[Event]:
        """One turn, to its ``End``. Raises ``ClientError``."""
        await self._send(self._call.write(requests.commit(self._hardware_id, self._session_id, prompt, screenshot)))
        superseded, self._unread_turns = self._unread_turns, self._unread_turns + 1
        while self._unread_turns:
            message = await self._read()
            if message is None:
                raise broken("the stream ended without the turn's end")
            event = turn_event(message)
            if isinstance(event, End):
                self._unread_turns -= 1
            if superseded:
                superseded -= isinstance(event, End)
            elif event is not None:
                yield event

    async def finish(self) -> None:
        """Half-close and wait for the server's end. Raises ``ClientError``, also for what nobody asked for."""
        await self._send(self._call.done_writing())
        if await self._read() is not None:
            await self._read()
            raise broken("something followed the last turn's end")

    async def _send(self, sending: Awaitable[None]) -> None:
        """What cannot be sent because the call is over is not an error here: reading says why it ended."""
        with contextlib.suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError, grpc.aio.BaseError):
            await sending

    async def _read(self) -> pb.StreamResponse | None:
        try:
            message = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise client_error(error) from None
        return None if message is grpc.aio.EOF else readable(message)
