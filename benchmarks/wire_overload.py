"""Ten times the streams and a hundred times the messages that a server takes: what admitted turns keep of theirs."""

import asyncio
import contextlib
import json
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import attrs
import grpc
from nexy_core.proto import streaming_pb2 as pb

from benchmarks._wire import Server, commit, percentile, run, server_process, stub
from benchmarks.harness import Comparison

SLOTS = 10
MESSAGES_A_SECOND = 10
SETTINGS = {
    "NEXY_BACKPRESSURE__MAX_CONCURRENT_STREAMS": str(SLOTS),
    "NEXY_BACKPRESSURE__MAX_MESSAGE_RATE_PER_SECOND": str(MESSAGES_A_SECOND),
    "NEXY_BACKPRESSURE__MAX_COLLECT_RATE_PER_SECOND": str(MESSAGES_A_SECOND),
}
CHUNKS = 250
PACED = json.dumps([["audio_chunk", 4096, CHUNKS, 0.02]])
SHORT = json.dumps([["text_chunk", 64, 1]])
CALLERS = 10 * SLOTS
CALL_AGAIN_SECONDS = 0.5
FLOOD_MESSAGES = 50
FLOOD_SECONDS = FLOOD_MESSAGES / (100 * MESSAGES_A_SECOND)
SAMPLE = 5
NORMAL = 1.5
GIVE_UP_SECONDS = 30
REFUSED = grpc.StatusCode.RESOURCE_EXHAUSTED


def comparisons() -> Iterator[Comparison]:
    with server_process("benchmarks._our_wire", **SETTINGS) as ours, server_process("benchmarks._bare_grpc") as bare:
        yield Comparison(
            "goodput of 10 admitted turns, 10x streams and 100x messages (more is better)",
            "chunks/s a turn",
            run(ours, overloaded),
            run(ours, undisturbed),
            "the same turns alone",
            3,
            ratio_at_least=0.95,
        )
        yield Comparison(
            "refusal under that load, p99",
            "ms",
            run(ours, refusal),
            run(bare, answer),
            "bare grpc.aio generator that answers them all",
            3,
            at_most=50,
        )
        yield Comparison("normal again after that load", "s", run(ours, recovery), rounds=3, at_most=5)


@attrs.define
class Load:
    """What the callers saw: how long they waited for an answer, and how many were refused."""

    waits_ms: list[float] = attrs.field(factory=list)
    refused: int = 0
    flooded: int = 0


async def undisturbed(server: Server) -> float:
    channel, rpc = stub(server)
    goodput = await admitted(rpc)
    await channel.close()
    return goodput


async def overloaded(server: Server) -> float:
    async with load(server) as (rpc, _):
        return await admitted(rpc)


async def refusal(server: Server) -> float:
    """p99 of what a refused caller waits for its answer (ms)."""
    async with load(server) as (rpc, seen):
        await admitted(rpc)
    assert seen.flooded
    assert seen.refused > CALLERS
    return percentile(seen.waits_ms, 0.99)


async def answer(server: Server) -> float:
    """p99 of what a caller waits for its answer from a server that refuses nobody (ms)."""
    async with load(server) as (rpc, seen):
        await admitted(rpc)
    return percentile(seen.waits_ms, 0.99)


async def recovery(server: Server) -> float:
    """From the end of the load until turns are as quick as before it (s)."""
    channel, rpc = stub(server)
    before = await short_turns_ms(rpc)
    async with load(server) as (loaded, _):
        await admitted(loaded)
    over = time.perf_counter()
    while (began := time.perf_counter()) - over < GIVE_UP_SECONDS:
        if await short_turns_ms(rpc) <= NORMAL * before:
            break
    await channel.close()
    return began - over


async def admitted(rpc: Any) -> float:
    """Chunks a second that each of as many turns as there are slots gets."""
    started = time.perf_counter()
    chunks = await asyncio.gather(*(turn(rpc, PACED) for _ in range(SLOTS)))
    return sum(chunks) / SLOTS / (time.perf_counter() - started)


async def turn(rpc: Any, script: str) -> int:
    """The chunks of a turn; refusals raise."""
    chunks = 0
    async for message in rpc.StreamAudio(iter([commit(script)])):
        chunks += message.WhichOneof("content") != "end_message"
    return chunks


async def short_turns_ms(rpc: Any) -> float:
    """The median of a few turns of one message; refused ones count as endless."""
    waits = []
    for _ in range(SAMPLE):
        started = time.perf_counter()
        try:
            await turn(rpc, SHORT)
            waits.append((time.perf_counter() - started) * 1000)
        except grpc.aio.AioRpcError:
            waits.append(float("inf"))
    return statistics.median(waits)


@contextlib.asynccontextmanager
async def load(server: Server) -> AsyncIterator[tuple[Any, Load]]:
    """A connection for the turns that are to be admitted, and, once they are, ten times as many beside them."""
    (channel, rpc), (other_channel, other) = stub(server), stub(server)
    seen = Load()
    work = [asyncio.create_task(call_again(other, number, seen)) for number in range(CALLERS)]
    work.append(asyncio.create_task(flood(other, seen)))
    try:
        yield rpc, seen
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await channel.close()
        await other_channel.close()


async def call_again(rpc: Any, number: int, seen: Load) -> None:
    """A device that asks again and again; where slots are limited it is refused."""
    await asyncio.sleep(CALL_AGAIN_SECONDS * (1 + number / CALLERS))  # not all at once, and after the admitted
    while True:
        asked = time.perf_counter()
        try:
            await turn(rpc, SHORT)
        except grpc.aio.AioRpcError as error:
            assert error.code() is REFUSED, error
            seen.refused += 1
        seen.waits_ms.append((time.perf_counter() - asked) * 1000)
        await asyncio.sleep(CALL_AGAIN_SECONDS)


async def flood(rpc: Any, seen: Load) -> None:
    """One device that sends a hundred times the messages it may."""
    session = str(uuid.uuid4())
    while True:
        messages = (
            pb.StreamRequest(
                prompt=SHORT,
                hardware_id="flood",
                session_id=session,
                phase=pb.REQUEST_PHASE_COLLECT,
                chunk_seq=seen.flooded + number,
            )
            for number in range(FLOOD_MESSAGES)
        )
        with contextlib.suppress(grpc.aio.AioRpcError):
            async for _ in rpc.StreamAudio(messages):
                pass
        seen.flooded += FLOOD_MESSAGES
        await asyncio.sleep(FLOOD_SECONDS)
