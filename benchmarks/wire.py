"""The transport alone, with everything on, against a bare grpc.aio generator that sends the same messages."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator

import grpc
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub

from benchmarks._wire import Server, cpu_per_message, server_process
from benchmarks.harness import Comparison, Measure

TEXT = json.dumps([["text_chunk", 64, 2000]])
AUDIO = json.dumps([["audio_chunk", 8192, 2000]])
OPEN_CLOSE = 1000
IDLE_STREAMS = 10_000
PACED = json.dumps([["audio_chunk", 4096, 150, 0.02]])
PACED_STREAMS = 64
PACE_SECONDS = 0.02
INTERRUPTED = 50
ENDLESS = json.dumps([["audio_chunk", 4096, 100_000, 0.02]])
PERCENT_95 = 0.95
PERCENT_99 = 0.99
ADMITTED = 10
KIB = 1024


def comparisons() -> Iterator[Comparison]:
    with server_process("benchmarks._our_wire") as ours, server_process("benchmarks._bare_grpc") as bare:
        for name, script in (("text message of 64 bytes", TEXT), ("audio message of 8 KiB", AUDIO)):
            yield Comparison(name, "CPU µs/message", of(ours, script), of(bare, script), "bare grpc.aio generator")
        yield Comparison("open, one message, close", "CPU µs/call", calls(ours), calls(bare), "bare grpc.aio generator")
        yield Comparison(
            "64 paced streams, p95 lateness",
            "ms",
            run(ours, lateness),
            run(bare, lateness),
            "bare grpc.aio generator",
            3,
        )
        yield Comparison("interrupt to silence, 50 streams, p99", "ms", run(ours, silence), rounds=5)
        under, alone = run(ours, overloaded), run(ours, admitted)
        yield Comparison("admitted turns' time, overloaded 10x", "s", under, alone, "the same turns alone", 3)
        yield Comparison("refusal under that load, p99", "ms", run(ours, refusal), rounds=3)
    with server_process("benchmarks._our_wire") as ours:
        yield Comparison("idle stream at 10,000", "KiB", run(ours, idle), rounds=1)
        yield Comparison("growth after three cycles of 5,000", "%", run(ours, cycles), rounds=1)


def of(server: Server, script: str) -> Measure:
    return lambda: cpu_per_message(server, script, 1)


def run(server: Server, work: Callable[[Server], Awaitable[float]]) -> Measure:
    async def go() -> float:
        return await work(server)

    return lambda: asyncio.run(go())


def calls(server: Server) -> Measure:
    """Calls of one message each way: COLLECT here, one end message there."""
    script = json.dumps([["end_message", 16, 1]])

    def once() -> float:
        session = str(uuid.uuid4())
        before = server.cpu_us()
        for number in range(OPEN_CLOSE):
            request = pb.StreamRequest(
                prompt=script, hardware_id="A", session_id=session, phase=pb.REQUEST_PHASE_COLLECT, chunk_seq=number + 1
            )
            list(server.stub.StreamAudio(iter([request])))
        return (server.cpu_us() - before) / OPEN_CLOSE

    return once


def commit(script: str, device: str) -> pb.StreamRequest:
    return pb.StreamRequest(prompt=script, hardware_id=device, session_id=str(uuid.uuid4()))


def stub(server: Server) -> tuple[grpc.aio.Channel, StreamingServiceStub]:
    channel = grpc.aio.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)])
    return channel, StreamingServiceStub(channel)


async def lateness(server: Server) -> float:
    """p95 of how much later than its pace a chunk arrives (ms)."""
    channel, rpc = stub(server)
    late: list[float] = []

    async def listen() -> None:
        call = rpc.StreamAudio(iter([commit(PACED, str(uuid.uuid4()))]))
        last = None
        async for message in call:
            now = time.perf_counter()
            if last is not None and message.WhichOneof("content") == "audio_chunk":
                late.append(max(0.0, now - last - PACE_SECONDS) * 1000)
            last = now

    await asyncio.gather(*(listen() for _ in range(PACED_STREAMS)))
    await channel.close()
    return sorted(late)[int(len(late) * PERCENT_95)]


async def silence(server: Server) -> float:
    """The longest of 50 interrupts, each to the last audio of its device; the other streams must lose nothing (ms)."""
    channel, rpc = stub(server)
    last: dict[str, float] = {}

    async def listen(device: str) -> None:
        try:
            async for _ in rpc.StreamAudio(iter([commit(ENDLESS, device)])):
                last[device] = time.perf_counter()
        except grpc.aio.AioRpcError:
            return

    devices = [str(number) for number in range(INTERRUPTED)]
    tasks = [asyncio.create_task(listen(device)) for device in devices]
    while len(last) < INTERRUPTED:
        await asyncio.sleep(0.01)
    waits = []
    for device, task in zip(devices, tasks, strict=True):
        asked = time.perf_counter()
        await rpc.InterruptSession(pb.InterruptRequest(hardware_id=device))
        await task
        waits.append(max(0.0, last[device] - asked) * 1000)
    await channel.close()
    return max(waits)


async def admitted(server: Server) -> float:
    """How long ten paced turns take (s)."""
    channel, rpc = stub(server)
    started = time.perf_counter()
    await asyncio.gather(*(turn(rpc, PACED, str(uuid.uuid4())) for _ in range(ADMITTED)))
    await channel.close()
    return time.perf_counter() - started


async def turn(rpc: StreamingServiceStub, script: str, device: str, session: str = "") -> bool:
    """One turn; False when it was refused."""
    request = commit(script, device)
    request.session_id = session or request.session_id
    try:
        async for _ in rpc.StreamAudio(iter([request])):
            pass
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        return False
    return True


async def overloaded(server: Server) -> float:
    """The same ten turns while ten times as many callers are refused again and again (s)."""
    return (await overload(server))[0]


async def refusal(server: Server) -> float:
    """p99 of what a refused caller waits for its answer (ms)."""
    waits = sorted((await overload(server))[1])
    return waits[int(len(waits) * PERCENT_99)]


async def overload(server: Server) -> tuple[float, list[float]]:
    """Callers whose session is taken are refused as those without a slot are: before any work."""
    channel, rpc = stub(server)
    sessions = [str(uuid.uuid4()) for _ in range(ADMITTED)]
    started = time.perf_counter()
    turns = [asyncio.create_task(turn(rpc, PACED, str(n), session)) for n, session in enumerate(sessions)]
    waits: list[float] = []

    async def call_again(number: int) -> None:
        await asyncio.sleep(number * 0.5 / (10 * ADMITTED))  # one after another, as devices do
        while not all(task.done() for task in turns):
            asked = time.perf_counter()
            if not await turn(rpc, PACED, str(number % ADMITTED), sessions[number % ADMITTED]):
                waits.append((time.perf_counter() - asked) * 1000)
            await asyncio.sleep(0.5)

    await asyncio.sleep(0.2)
    callers = [asyncio.create_task(call_again(number)) for number in range(10 * ADMITTED)]
    await asyncio.gather(*turns)
    took = time.perf_counter() - started
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    await channel.close()
    return took, waits


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
        await hold(server, 5000)
        sizes.append(server.process.memory_info().rss)
    return (sizes[-1] / sizes[0] - 1) * 100


async def hold(server: Server, count: int, look: Callable[[], float] = lambda: 0.0) -> float:
    """Open so many streams, look, close them."""
    pairs = [stub(server) for _ in range(max(1, count // 500))]
    opened = [rpc.StreamAudio() for _, rpc in pairs for _ in range(count // len(pairs))]
    for call in opened:
        await call.write(
            pb.StreamRequest(
                hardware_id=str(uuid.uuid4()),
                session_id=str(uuid.uuid4()),
                phase=pb.REQUEST_PHASE_COLLECT,
                chunk_seq=1,
            )
        )
    for call in opened:
        await call.read()
    seen = look()
    for call in opened:
        call.cancel()
    for channel, _ in pairs:
        await channel.close()
    await asyncio.sleep(1)
    return seen
