"""Interrupts under load: how soon there is silence, and whether the other 49 streams notice."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import attrs
import grpc
from nexy_core.proto import streaming_pb2 as pb

from benchmarks._wire import Server, commit, percentile, run, server_process, stub
from benchmarks.harness import Comparison

OTHERS = 49
CHUNKS = 400
PACE_SECONDS = 0.02
VICTIM = "victim"
HEARD = 3
ROUNDS = 3
SPOKEN = json.dumps([["audio_chunk", 4096, CHUNKS, PACE_SECONDS]])
ENDLESS = json.dumps([["audio_chunk", 4096, 100_000, PACE_SECONDS]])
ALONE = "the same 49 streams, nobody interrupted"


@attrs.define
class Seen:
    """What the clients of one run saw: ``silences`` and ``late`` in ms."""

    silences: list[float] = attrs.field(factory=list)
    late: list[float] = attrs.field(factory=list)
    chunks: int = 0
    ends: int = 0


def comparisons() -> Iterator[Comparison]:
    with server_process("benchmarks._our_wire") as ours:
        yield Comparison("interrupt to silence, 50 streams, p99", "ms", run(ours, silence), rounds=ROUNDS, at_most=100)
        yield Comparison("chunks and ends the other 49 lost", "count", run(ours, lost), rounds=1, at_most=0)
        yield Comparison("p95 lateness of the other 49", "ms", run(ours, disturbed), run(ours, alone), ALONE, ROUNDS)


async def silence(server: Server) -> float:
    """p99 from the request to the last message of the interrupted stream (ms)."""
    return percentile((await listen_to(server, interrupting=True)).silences, 0.99)


async def lost(server: Server) -> float:
    """What was missing at the end of the streams that nobody interrupted."""
    seen = await listen_to(server, interrupting=True)
    return float(OTHERS * CHUNKS - seen.chunks + OTHERS - seen.ends)


async def disturbed(server: Server) -> float:
    return percentile((await listen_to(server, interrupting=True)).late, 0.95)


async def alone(server: Server) -> float:
    return percentile((await listen_to(server, interrupting=False)).late, 0.95)


async def listen_to(server: Server, *, interrupting: bool) -> Seen:
    """49 streams from their first to their last chunk, and a fiftieth that is interrupted again and again."""
    channel, rpc = stub(server)
    seen = Seen()
    others = asyncio.gather(*(_listen(rpc, seen) for _ in range(OTHERS)))
    while interrupting and not others.done():
        await _interrupt(rpc, seen)
    await others
    await channel.close()
    return seen


async def _listen(rpc: Any, seen: Seen) -> None:
    last = None
    async for message in rpc.StreamAudio(iter([commit(SPOKEN)])):
        now = time.perf_counter()
        if message.WhichOneof("content") == "audio_chunk":
            seen.chunks += 1
            if last is not None:
                seen.late.append(max(0.0, now - last - PACE_SECONDS) * 1000)
            last = now
        else:
            seen.ends += message.end_message == "COMPLETED"


async def _interrupt(rpc: Any, seen: Seen) -> None:
    heard, asked, last = 0, 0.0, 0.0
    answer: asyncio.Future[Any] | None = None
    try:
        async for message in rpc.StreamAudio(iter([commit(ENDLESS, VICTIM)])):
            heard += message.WhichOneof("content") == "audio_chunk"
            last = time.perf_counter()
            if answer is None and heard == HEARD:
                asked = last
                answer = asyncio.ensure_future(rpc.InterruptSession(pb.InterruptRequest(hardware_id=VICTIM)))
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.CANCELLED
    assert answer is not None
    assert len((await answer).interrupted_sessions) == 1
    seen.silences.append((last - asked) * 1000)
