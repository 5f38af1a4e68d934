"""The first call through litellm imports more of it and takes seconds: make it before the server is ready."""

import asyncio
import json
import logging
from typing import Any

import attrs

from nexy_core import NexyError
from nexy_llm.gateway import Gateway
from nexy_llm.settings import Limits, Route
from nexy_llm.supervisor import Supervisor

logger = logging.getLogger(__name__)

WARMUP_TIMEOUT_SECONDS = 60.0
HEAD_END = b"\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


async def call(gateway: Gateway, limits: Limits, supervisor: Supervisor | None) -> None:
    """One short answer from the embedded model, or from a stand-in on loopback: a real provider costs money."""
    limits = attrs.evolve(limits, max_tokens=1)
    try:
        async with asyncio.timeout(WARMUP_TIMEOUT_SECONDS):
            await _call(gateway, limits, supervisor)
    except (NexyError, TimeoutError) as error:
        logger.warning("the warm-up call failed: %s", getattr(error, "reason", "timeout"))


async def _call(gateway: Gateway, limits: Limits, supervisor: Supervisor | None) -> None:
    if supervisor is not None:
        await _ask(gateway, await supervisor.route(WARMUP_TIMEOUT_SECONDS), limits, direct=True)
        return
    server = await asyncio.start_server(_stand_in, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await _ask(gateway, Route("openai/warm-up", f"http://127.0.0.1:{port}/v1"), limits)


async def _ask(gateway: Gateway, route: Route, limits: Limits, *, direct: bool = False) -> None:
    stream = await gateway.open(route, [{"role": "user", "content": "Hello!"}], limits, direct=direct)
    try:
        while await stream.text():
            pass
    finally:
        await stream.aclose()


async def _stand_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(HEAD_END)
    events = (
        json.dumps(_chunk({"role": "assistant", "content": "Hi"}, None)),
        json.dumps(_chunk({}, "stop")),
        "[DONE]",
    )
    writer.write(HEAD + b"".join(f"data: {event}\n\n".encode() for event in events))
    await writer.drain()
    writer.close()


def _chunk(delta: dict[str, str], finish_reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "0", "object": "chat.completion.chunk", "created": 0, "model": "warm-up", "choices": [choice]}
