"""Driving a server process from outside and reading what it cost."""

import asyncio
import contextlib
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import grpc
import psutil
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto import streaming_pb2_grpc as pb_grpc

MICROSECONDS = 1_000_000
NANOSECONDS_A_MICROSECOND = 1000
HARDWARE_ID = str(uuid.uuid4()).upper()
CHANNEL = (("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1))


@attrs.frozen
class Server:
    """A running server: its process, and a stub on a channel of its own."""

    process: psutil.Process
    stub: Any
    address: str

    def cpu_us(self) -> float:
        """CPU time of the process so far; Linux tells it exactly, others in steps of 10 ms."""
        tasks = list(Path(f"/proc/{self.process.pid}/task").glob("*/schedstat"))
        if tasks:
            return sum(int(task.read_text().split()[0]) for task in tasks) / NANOSECONDS_A_MICROSECOND
        times = self.process.cpu_times()
        return MICROSECONDS * (times.user + times.system)

    def turn(self, prompt: str) -> list[pb.StreamResponse]:
        """One turn as released clients make it: one message, then half-close."""
        request = pb.StreamRequest(prompt=prompt, hardware_id=HARDWARE_ID, session_id=str(uuid.uuid4()))
        return list(self.stub.StreamAudio(iter([request])))


@contextlib.contextmanager
def server_process(module: str, **environ: str) -> Iterator[Server]:
    """A server in a process of its own: ``python -m MODULE``, which prints its port."""
    with server_ports(module, **environ) as (server,):
        yield server


@contextlib.contextmanager
def server_ports(module: str, **environ: str) -> Iterator[list[Server]]:
    """A process that prints the ports of several servers on one line."""
    command = [sys.executable, "-m", module]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environ}) as process,
        contextlib.ExitStack() as stack,
    ):
        assert process.stdout is not None
        stack.callback(process.terminate)
        ports = [int(port) for port in process.stdout.readline().split()]
        yield [stack.enter_context(connect(process.pid, port)) for port in ports]


def bare_server() -> contextlib.AbstractContextManager[Server]:
    """The baseline, in a process of its own."""
    return server_process("benchmarks._bare_grpc")


@contextlib.contextmanager
def connect(pid: int, port: int) -> Iterator[Server]:
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL) as channel:
        grpc.channel_ready_future(channel).result(timeout=30)
        yield Server(psutil.Process(pid), pb_grpc.StreamingServiceStub(channel), f"127.0.0.1:{port}")


def script_of(answer: list[pb.StreamResponse]) -> list[tuple[str, int, int]]:
    """What a turn sent, as the rows the bare server takes: kind, size and count."""
    return [(kind, size, count) for (kind, size), count in Counter(map(_shape, answer)).items()]


def _shape(response: pb.StreamResponse) -> tuple[str, int]:
    kind = response.WhichOneof("content") or ""
    content = getattr(response, kind)
    return kind, len(content.audio_data) if kind == "audio_chunk" else len(content)


def cpu_per_message(server: Server, prompt: str, turns: int) -> float:
    """CPU µs of the server a message, over whole turns."""
    server.turn(prompt)
    before = server.cpu_us()
    sent = sum(len(server.turn(prompt)) for _ in range(turns))
    return (server.cpu_us() - before) / sent


def commit(script: str, device: str = "") -> pb.StreamRequest:
    """A question that has the script played."""
    return pb.StreamRequest(prompt=script, hardware_id=device or str(uuid.uuid4()), session_id=str(uuid.uuid4()))


def stub(server: Server) -> tuple[grpc.aio.Channel, Any]:
    """An aio client on a connection of its own."""
    channel = grpc.aio.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)])
    return channel, pb_grpc.StreamingServiceStub(channel)


def run(server: Server, work: Callable[[Server], Awaitable[float]]) -> Callable[[], float]:
    """A measure of an async one."""

    async def go() -> float:
        return await work(server)

    return lambda: asyncio.run(go())


def percentile(values: list[float], part: float) -> float:
    """The value below which ``part`` of them are."""
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]
