"""Our transport, whole (interceptor, admission, log with files, metrics), around an orchestrator that sends a script.

Run as a process: `python -m benchmarks._our_wire`; it prints its port. A prompt is what `_bare_grpc` takes.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence

import grpc
import uvloop
from nexy_core.backpressure import Admission
from nexy_core.config import Config
from nexy_core.decisions import DecisionLog
from nexy_core.errors import ErrorType, NexyError
from nexy_core.events import LiveTurn, StoreUsage, UsageTotals
from nexy_core.metrics import Metrics
from nexy_core.ports import Commit, Greeting, Recording, TurnOutput
from nexy_core.sessions import CollectBuffers, LiveTurns
from nexy_core.transport.desk import Desk
from nexy_core.transport.interceptors import Failures, LoggingInterceptor
from nexy_core.transport.options import server_options
from nexy_core.transport.service import Service

LIMITS = {
    "NEXY_BACKPRESSURE__MAX_CONCURRENT_STREAMS": "1000",
    "NEXY_BACKPRESSURE__MAX_MESSAGE_RATE_PER_SECOND": "100000",
    "NEXY_BACKPRESSURE__MAX_COLLECT_RATE_PER_SECOND": "100000",
    "NEXY_BACKPRESSURE__IDLE_TIMEOUT_SECONDS": "3600",
}
NEXY = {key: value for key, value in os.environ.items() if key.startswith("NEXY_")}


class Script:
    """Implements ``ports.Orchestrator``: sends what the prompt says, at the given pace."""

    def ready(self) -> bool:
        return True

    def speech_backlog_seconds(self) -> float:
        return 0.0

    def expect(self, hardware_id: str, session_id: str, text: str) -> None:
        """Nothing to get ready."""

    async def turn(self, commit: Commit, output: TurnOutput) -> None:
        for kind, size, count, *pace in json.loads(commit.prompt):
            text, audio = "x" * size, b"\1" * size
            for _ in range(count):
                await (output.text(text) if kind == "text_chunk" else output.audio(audio))
                if pace:
                    await asyncio.sleep(pace[0])

    def refused(self, hardware_id: str, session_id: str, error: NexyError) -> None:
        """Nobody asks."""

    async def interrupt(self, hardware_id: str, live: Sequence[LiveTurn]) -> Sequence[str]:  # noqa: ARG002
        return [turn.turn_id for turn in live]

    async def greet(self, greeting: Greeting) -> Recording:
        raise NotImplementedError

    async def report_usage(self, usage: StoreUsage) -> None:
        raise NotImplementedError

    async def usage_totals(self) -> UsageTotals:
        return UsageTotals(0, 0, 0)


async def serve() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        config = Config.load(environ={**LIMITS, **NEXY})
        log = DecisionLog.open(config.live, console=False)
        metrics = Metrics()
        log.observe = metrics.decisions.add
        failures = Failures(log, lambda _: ErrorType.INTERNAL)
        desk = Desk(config.live, Script(), Admission(config.live), LiveTurns(), CollectBuffers(), failures)
        service = Service(desk)
        server = grpc.aio.server(
            interceptors=[LoggingInterceptor(log, metrics, failures)],
            options=server_options(config.live),
        )
        server.add_generic_rpc_handlers((service.handlers(),))
        print(server.add_insecure_port("127.0.0.1:0"), flush=True)
        await server.start()
        sweep = asyncio.create_task(service.sweep())
        await server.wait_for_termination()
        sweep.cancel()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
