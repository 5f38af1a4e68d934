"""A real gRPC server around a scripted orchestrator."""

import asyncio
import contextlib

import attrs
import grpc
import pytest
from nexy_core.backpressure import Admission
from nexy_core.errors import ErrorType, NexyError, RateLimitExceeded
from nexy_core.events import UsageTotals
from nexy_core.ports import ActionOut, Recording
from nexy_core.sessions import CollectBuffers, LiveTurns
from nexy_core.settings import LiveSettings, Settings
from nexy_core.transport.desk import Desk
from nexy_core.transport.interceptors import Failures, LoggingInterceptor
from nexy_core.transport.service import Service

DEVICE = "0F3C9C1E-6D0B-5E1C-9C7B-7A3F0B9D2E11"
SETTINGS = {
    "backpressure.max_concurrent_streams": 4,
    "backpressure.max_message_rate_per_second": 100,
    "backpressure.max_collect_rate_per_second": 100,
    "backpressure.retry_after_seconds": 60.0,
    "backpressure.max_devices": 100,
    "backpressure.max_speech_backlog_seconds": 3.0,
    "backpressure.max_open_streams": 1000,
    "backpressure.speech_per_turn_seconds": 6.0,
    "backpressure.max_prompt_chars": 1000,
    "backpressure.max_id_chars": 128,
    "backpressure.max_screenshot_bytes": 10_000,
    "backpressure.max_screenshot_pixels": 1280 * 720,
    "backpressure.collect_ttl_seconds": 30.0,
    "backpressure.max_collect_buffers": 10,
    "backpressure.max_collect_bytes": 100_000,
    "backpressure.idle_timeout_seconds": 60,
    "backpressure.stall_timeout_seconds": 10.0,
    "backpressure.max_turn_seconds": 60.0,
    "session.require_session_id": True,
    "turn.action_transport": "mcp_text",
}


@attrs.define(eq=False)
class Script:
    """An orchestrator that does what the prompt says (see ``_act``), or echoes it."""

    commits: list = attrs.field(factory=list)
    usage: list = attrs.field(factory=list)
    expected: list = attrs.field(factory=list)
    ended: list = attrs.field(factory=list)
    hanging: asyncio.Event = attrs.field(factory=asyncio.Event)
    is_ready: bool = True
    backlog: float = 0.0
    pace: float = 0.0
    refusals: list = attrs.field(factory=list)

    def ready(self):
        return self.is_ready

    def speech_backlog_seconds(self):
        return self.backlog

    def expect(self, hardware_id, session_id, text):
        self.expected.append((hardware_id, session_id, text))

    def refused(self, hardware_id, session_id, error):
        self.refusals.append((hardware_id, session_id, error.reason))

    async def turn(self, commit, output):
        self.commits.append(commit)
        try:
            await self._act(commit, output)
        finally:
            self.ended.append(commit.prompt)

    async def _act(self, commit, output):
        match commit.prompt.split():
            case ["hang", *_]:
                await output.text("Wait. ")
                self.hanging.set()
                await asyncio.Event().wait()
            case ["raise", *_]:
                raise ValueError("secret internals /etc/passwd")
            case ["throttled", *_]:
                raise RateLimitExceeded("The model is busy.", retry_after_seconds=1)
            case ["fail", *_]:
                raise NexyError("No answer came.", reason="empty_answer")
            case ["flood", *_]:
                while True:
                    await output.audio(bytes(32_768))
            case ["act", *_]:
                await output.text("Opening. ")
                await output.action(ActionOut(commit.session_id, "open_app", '{"app_name": "Telegram"}'))
            case _:
                await output.text(f"You said {commit.prompt}. ")
                await output.audio(b"\1\0" * 100)

    async def interrupt(self, hardware_id, live):
        return [turn.turn_id for turn in live]

    async def greet(self, greeting):
        if greeting.text == "raise":
            raise ValueError("secret internals /etc/passwd")
        if greeting.text == "hang":
            await asyncio.Event().wait()
        if greeting.text == "long":
            return Recording((bytes(32_768),) * 1000, 341.3, "server")
        return Recording((b"\1\0" * 480, b"\2\0" * 480), 0.02, "server")

    async def report_usage(self, usage):
        self.usage.append(usage)

    async def usage_totals(self):
        return UsageTotals(0, 0, 0)


@attrs.define(eq=False)
class Running:
    address: str
    desk: Desk
    script: Script
    service: Service
    log: object
    values: dict


class ListLog:
    """A decision log that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def write(self, decision, *, scope, method="-", level="INFO", dur_ms=0, **ctx):
        self.lines.append((str(decision), method, ctx))


class NoMetrics:
    def observe(self, *_, **__):
        pass

    def refused(self, *_):
        pass


@pytest.fixture
def running():
    """``async with running(**settings) as server``."""
    return _running


@contextlib.asynccontextmanager
async def _running(**changes):
    values = {**SETTINGS, **changes}
    settings = LiveSettings(Settings("local", values, {}))
    log, script = ListLog(), Script()
    failures = Failures(log, lambda _: ErrorType.INTERNAL)
    desk = Desk(settings, script, Admission(settings, lambda: script.pace), LiveTurns(), CollectBuffers(), failures)
    service = Service(desk)
    interceptor = LoggingInterceptor(log, NoMetrics(), failures)
    server = grpc.aio.server(interceptors=[interceptor], options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((service.handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield Running(f"127.0.0.1:{port}", desk, script, service, log, values)
    finally:
        await server.stop(0)  # returns before the handlers have ended
        async with asyncio.timeout(10):
            while desk.streams:
                await asyncio.sleep(0.001)
        await interceptor.settled()
