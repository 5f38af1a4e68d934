"""Our transport twice in one process: with all that observes it, and with none of it.

Run as a process: `python -m benchmarks._observed_wire`; it prints both ports, the observed one first. Observed is what
`nexy serve` does: the interceptor, decision lines on a stream and in files, metrics, a turn's trace and its line, the
loop's lateness. One process, because two of the same kind differ by more than what is to be measured.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import Sequence
from typing import Any

import grpc
import uvloop
from nexy_core.backpressure import Admission
from nexy_core.config import Config
from nexy_core.decisions import DecisionLog
from nexy_core.errors import ErrorType
from nexy_core.metrics import measure_lateness
from nexy_core.observation import Observation
from nexy_core.ports import Commit, TurnOutput
from nexy_core.sessions import CollectBuffers, LiveTurns
from nexy_core.trace import TraceRing, TurnTrace
from nexy_core.transport.desk import Desk
from nexy_core.transport.interceptors import Failures, LoggingInterceptor
from nexy_core.transport.options import server_options
from nexy_core.transport.service import Service

from benchmarks._our_wire import LIMITS, Script

STAGES = ("recall", "first_token", "first_sentence")


class Unobserved(DecisionLog):
    """A log that hears nothing."""

    def write(self, *_: Any, **__: Any) -> None: ...


class Observed(Script):
    """A script whose turns are traced as the turn's pipeline does it."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._ring = TraceRing(200)

    async def turn(self, commit: Commit, output: TurnOutput) -> None:
        mask = self._observation.log.mask_id
        trace = TurnTrace(commit.turn_id, mask(commit.session_id), mask(commit.hardware_id))
        self._ring.add(trace)
        for stage in STAGES:
            trace.mark(stage)
        for kind, size, count in json.loads(commit.prompt):
            text, audio = "x" * size, b"\1" * size
            for _ in range(count):
                if kind == "text_chunk":
                    await output.text(text)
                    trace.mark("first_text")
                    trace.pieces += 1
                else:
                    await output.audio(audio)
                    trace.mark("first_audio")
                    trace.audio_bytes += size
        trace.end("complete")
        self._observation.turn_ended(trace)


async def serve() -> None:
    with tempfile.TemporaryDirectory() as folder, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w") as stream:
        os.chdir(folder)
        config = Config.load(environ=LIMITS)
        observation = Observation(config, DecisionLog.open(config.live, console=True, stream=stream))
        servers = [observed(observation), unobserved(config)]
        print(*(server.add_insecure_port("127.0.0.1:0") for server in servers), flush=True)
        for server in servers:
            await server.start()
        await measure_lateness(observation.metrics)


def observed(observation: Observation) -> grpc.aio.Server:
    failures = Failures(observation.log, lambda _: ErrorType.INTERNAL)
    interceptor = LoggingInterceptor(observation.log, observation.metrics, failures)
    turns = LiveTurns(observation.turn_closed)
    return build(observation.config, Observed(observation), turns, failures, [interceptor])


def unobserved(config: Config) -> grpc.aio.Server:
    failures = Failures(Unobserved.quiet(config.live), lambda _: ErrorType.INTERNAL)
    return build(config, Script(), LiveTurns(), failures, [])


def build(
    config: Config,
    script: Script,
    turns: LiveTurns,
    failures: Failures,
    interceptors: Sequence[grpc.aio.ServerInterceptor],
) -> grpc.aio.Server:
    live = config.live
    service = Service(Desk(live, script, Admission(live), turns, CollectBuffers(), failures))
    server = grpc.aio.server(interceptors=interceptors, options=server_options(live))
    server.add_generic_rpc_handlers((service.handlers(),))
    return server


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
