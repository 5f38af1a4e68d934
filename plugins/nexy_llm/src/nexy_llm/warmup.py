"""litellm takes seconds to import and imports more on its first call: both in a thread, before the server is ready."""

import asyncio
import contextlib
import gc
import json
import logging
from collections.abc import AsyncIterator, Iterator
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


def load(gateway: Gateway, limits: Limits) -> None:
    """Import litellm and make a first call. Run it in a thread: the loop may be serving turns meanwhile."""
    with _collector_at_rest():
        gateway.load()
        asyncio.run(rehearse(gateway, limits))


async def call(gateway: Gateway, limits: Limits, supervisor: Supervisor) -> None:
    """One short answer from the embedded model."""
    async with _forgiving():
        await _ask(gateway, await supervisor.route(WARMUP_TIMEOUT_SECONDS), limits, direct=True)


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Without collections, each of which would stop all threads for longer the more is loaded.

    What is loaded stays for good, so later collections need not look at it either.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


async def rehearse(gateway: Gateway, limits: Limits) -> None:
    """One call to a stand-in on loopback (a real provider costs money), on a loop that ends with it."""
    async with _forgiving(), await asyncio.start_server(_stand_in, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await _ask(gateway, Route("openai/warm-up", f"http://127.0.0.1:{port}/v1"), limits)
    await gateway.close()


@contextlib.asynccontextmanager
async def _forgiving() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(WARMUP_TIMEOUT_SECONDS):
            yield
    except (NexyError, TimeoutError) as error:
        logger.warning("the warm-up call failed: %s", getattr(error, "reason", "timeout"))


async def _ask(gateway: Gateway, route: Route, limits: Limits, *, direct: bool = False) -> None:
    question = [{"role": "user", "content": "Hello!"}]
    stream = await gateway.open(route, question, attrs.evolve(limits, max_tokens=1), direct=direct)
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
