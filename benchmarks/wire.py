"""The transport alone, with everything on, against a bare grpc.aio generator that sends the same messages."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterator

from nexy_core.proto import streaming_pb2 as pb

from benchmarks._wire import Server, commit, cpu_per_message, percentile, run, server_process, stub
from benchmarks.harness import Comparison, Measure

TEXT = json.dumps([["text_chunk", 64, 2000]])
AUDIO = json.dumps([["audio_chunk", 8192, 2000]])
ONE_MESSAGE = json.dumps([["end_message", 16, 1]])
OPEN_CLOSE = 1000
IDLE_STREAMS = 10_000
CYCLE_STREAMS = 5000
STREAMS_A_CONNECTION = 500
PACED = json.dumps([["audio_chunk", 4096, 150, 0.02]])
PACED_STREAMS = 64
PACE_SECONDS = 0.02
PERCENT_95 = 0.95
KIB = 1024
BARE = "bare grpc.aio generator"


def comparisons() -> Iterator[Comparison]:
    with server_process("benchmarks._our_wire") as ours, server_process("benchmarks._bare_grpc") as bare:
        for name, script in (("text message of 64 bytes", TEXT), ("audio message of 8 KiB", AUDIO)):
            yield Comparison(name, "CPU µs/message", of(ours, script), of(bare, script), BARE, ratio_at_most=1.3)
        yield Comparison("open, one message, close", "CPU µs/call", calls(ours), calls(bare), BARE, ratio_at_most=1.35)
        yield Comparison(
            "64 paced streams, p95 lateness", "ms", run(ours, lateness), run(bare, lateness), BARE, 3, ratio_at_most=2
        )
    with server_process("benchmarks._our_wire") as ours, server_process("benchmarks._bare_grpc") as bare:
        yield Comparison("idle stream at 10,000", "KiB", run(ours, idle), run(bare, idle), BARE, 1, at_most=32)
        yield Comparison(
            "growth after three cycles of 5,000", "%", run(ours, cycles), run(bare, cycles), BARE, 1, at_most=10
        )


def of(server: Server, script: str) -> Measure:
    return lambda: cpu_per_message(server, script, 1)


def snapshot(session: str, number: int) -> pb.StreamRequest:
    """One message each way: COLLECT here, one end message there."""
    return pb.StreamRequest(
        prompt=ONE_MESSAGE, hardware_id="A", session_id=session, phase=pb.REQUEST_PHASE_COLLECT, chunk_seq=number
    )


def calls(server: Server) -> Measure:
    """Calls of one message each way."""

    def once() -> float:
        session = str(uuid.uuid4())
        before = server.cpu_us()
        for number in range(OPEN_CLOSE):
            list(server.stub.StreamAudio(iter([snapshot(session, number + 1)])))
        return (server.cpu_us() - before) / OPEN_CLOSE

    return once


async def lateness(server: Server) -> float:
    """p95 of how much later than its pace a chunk arrives (ms)."""
    channel, rpc = stub(server)
    late: list[float] = []

    async def listen() -> None:
        last = None
        async for message in rpc.StreamAudio(iter([commit(PACED)])):
            now = time.perf_counter()
            if last is not None and message.WhichOneof("content") == "audio_chunk":
                late.append(max(0.0, now - last - PACE_SECONDS) * 1000)
            last = now

    await asyncio.gather(*(listen() for _ in range(PACED_STREAMS)))
    await channel.close()
    return percentile(late, PERCENT_95)


async def idle(server: Server) -> float:
    """Memory of one open stream (KiB)."""
    await hold(server, 1000)
    before = server.process.memory_info().rss
    grown = await hold(server, IDLE_STREAMS, lambda: server.process.memory_info().rss - before)
    return grown / IDLE_STREAMS / KIB


async def cycles(server: Server) -> float:
    """Memory after three open and close cycles over that after the first (%)."""
    sizes = []
    for _ in range(3):
        await hold(server, CYCLE_STREAMS)
        sizes.append(server.process.memory_info().rss)
    return (sizes[-1] / sizes[0] - 1) * 100


async def hold(server: Server, count: int, look: Callable[[], float] = lambda: 0.0) -> float:
    """Open so many streams, look, close them."""
    pairs = [stub(server) for _ in range(max(1, count // STREAMS_A_CONNECTION))]
    opened = [rpc.StreamAudio() for _, rpc in pairs for _ in range(count // len(pairs))]
    for call in opened:
        await call.write(snapshot(str(uuid.uuid4()), 1))
    for call in opened:
        await call.read()
    seen = look()
    for call in opened:
        call.cancel()
    for channel, _ in pairs:
        await channel.close()
    await asyncio.sleep(1)
    return seen
