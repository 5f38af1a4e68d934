"""The composition root: builds the parts, opens the ports, and takes everything down again."""

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor

import attrs
import grpc

from nexy_core.backpressure import Admission
from nexy_core.config import Config, SettingsError
from nexy_core.decisions import Decision, DecisionLog
from nexy_core.errors import ConfigError
from nexy_core.flags import Flags
from nexy_core.host import Host
from nexy_core.http.site import HttpSite
from nexy_core.http.status import StatusSources
from nexy_core.metrics import Metrics, measure_lateness
from nexy_core.observation import Observation
from nexy_core.sessions import CollectBuffers, LiveTurns
from nexy_core.settings import LiveSettings
from nexy_core.shutdown import EXIT_DRAINED, EXIT_FORCED, Shutdown
from nexy_core.trace import TraceRing
from nexy_core.transport.desk import Desk
from nexy_core.transport.health import HealthBoard, enable_reflection
from nexy_core.transport.interceptors import Failures, LoggingInterceptor
from nexy_core.transport.options import exposed_ports, reloading_credentials, server_options, tls_files
from nexy_core.transport.service import Service
from nexy_core.turn import Stage
from nexy_core.workflows import Workflows

SCOPE = "server"
DRAIN_RESERVE_SECONDS = 1.5  # kept of the grace for cancelling, flushing and closing
CANCEL_SECONDS = 0.5
WATCH_SECONDS = 1.0


@attrs.frozen
class Listening:
    """Where the server can be reached."""

    grpc: str
    http: str


@attrs.define(eq=False)
class Server:
    """A whole server in this process. ``start`` returns when the ports are open, ``stop`` when all is down."""

    config: Config
    log: DecisionLog
    settings: LiveSettings = attrs.field(init=False)
    host: Host = attrs.field(init=False)
    observation: Observation = attrs.field(init=False)
    metrics: Metrics = attrs.field(init=False)
    traces: TraceRing = attrs.field(init=False)
    workflows: Workflows = attrs.field(init=False)
    desk: Desk = attrs.field(init=False)
    service: Service = attrs.field(init=False)
    board: HealthBoard = attrs.field(init=False)
    site: HttpSite = attrs.field(init=False)
    _grpc: grpc.aio.Server = attrs.field(init=False)
    _interceptor: LoggingInterceptor = attrs.field(init=False)
    _loopback_address: str = ""
    _tasks: list[asyncio.Task[None]] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.settings = self.config.live
        self.host = Host(self.config, self.log)
        self.observation = Observation(self.config, self.log)
        self.metrics = self.observation.metrics
        self.traces = TraceRing(self.settings.get("turn.trace_ring", int))

    async def start(self) -> Listening:
        """Load the plugins, warm them up, open the ports.

        Raises ``ConfigError`` for what the operator must mend; the plugins are down again then, no ``stop`` is due.
        """
        try:
            return await self._start()
        except ConfigError:
            await self.host.stop(self.settings.get("plugins.cleanup_timeout_seconds", float))
            raise

    async def _start(self) -> Listening:
        self._check_ports()
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(self.settings.get("grpc.max_workers", int), "nexy-blocking"))
        self.host.load()
        self.observation.hide_secrets()
        await self.host.start()
        self._build()
        grpc_address = await self._open_grpc()
        http_address = await self.site.start()
        await self.board.set_serving(self.host.ready())
        self._spawn(self.service.sweep())
        self._spawn(self._watch())
        self._spawn(self.observation.report())
        self._spawn(measure_lateness(self.metrics))
        return Listening(grpc_address, http_address)

    def _build(self) -> None:
        flags = Flags(self.settings)
        self.workflows = Workflows(
            Stage(self.settings, self.host, flags, self.log), self.traces, self.observation.turn_ended
        )
        failures = Failures(self.log, self.host.classify)
        self.desk = Desk(
            self.settings,
            self.workflows,
            Admission(self.settings, self.workflows.real_time_factor),
            LiveTurns(self.observation.turn_closed),
            CollectBuffers(),
            failures,
        )
        self._gauges()
        self.service = Service(self.desk)
        self._interceptor = LoggingInterceptor(self.log, self.metrics, failures)
        self._grpc = grpc.aio.server(interceptors=[self._interceptor], options=server_options(self.settings))
        self.board = HealthBoard(self._grpc)
        self._grpc.add_generic_rpc_handlers((self.service.handlers(),))
        if self.settings.get("grpc.reflection", bool):
            enable_reflection(self._grpc)
        sources = StatusSources(self.config, self.host, self.metrics, self.desk, self.traces, self.log)
        console = self.settings.get("http.console", bool) and tls_files(self.settings) is None
        self.site = HttpSite(sources, (lambda: self._loopback_address) if console else None)

    def _gauges(self) -> None:
        desk = self.desk
        self.observation.gauges(
            turns=("Turns running.", lambda: len(desk.turns)),
            slots=("Slots taken, of backpressure.max_concurrent_streams.", lambda: desk.admission.slots_used),
            streams=("Streams open.", lambda: len(desk.streams)),
            collect_buffers=("COLLECT buffers kept.", lambda: len(desk.collected)),
            speech_owed_seconds=("How long the speech owed takes to make.", self.workflows.speech_backlog_seconds),
            speech_waiting=("Pieces that wait for a voice.", self.workflows.speech_waiting),
            memories_waiting=("Turns on their way to memory.", self.workflows.memories_waiting),
            real_time_factor=("Seconds it takes to make a second of speech.", self.workflows.real_time_factor),
        )

    # --- ports ----------------------------------------------------------------------------------

    def _check_ports(self) -> None:
        """Say so before minutes of loading, not after them."""
        for name in ("grpc", "http"):
            host, port = self.settings.get(f"{name}.host", str), self.settings.get(f"{name}.port", int)
            check_port(name, host, port)
        if files := tls_files(self.settings):
            reloading_credentials(*files)
        for name in exposed_ports(self.settings):
            self.log.write(
                Decision.WARN,
                scope=SCOPE,
                level="WARNING",
                reason="listening_without_tls",
                setting=f"{name}.host",
                value=self.settings.get(f"{name}.host", str),
                remedy="listen on 127.0.0.1 behind nginx, or set tls.cert and tls.key",
            )

    async def _open_grpc(self) -> str:
        host, port = self.settings.get("grpc.host", str), self.settings.get("grpc.port", int)
        files = tls_files(self.settings)
        try:
            if files is None:
                bound = self._grpc.add_insecure_port(f"{host}:{port}")
            else:
                bound = self._grpc.add_secure_port(f"{host}:{port}", reloading_credentials(*files))
        except RuntimeError as error:
            raise ConfigError(f"grpc.port {port} on {host} cannot be opened: {error}") from None
        await self._grpc.start()
        self._loopback_address = f"127.0.0.1:{bound}"
        return f"{host}:{bound}"

    # --- while it runs --------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _watch(self) -> None:
        """Follow the settings files, and let health follow the plugins."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if await asyncio.to_thread(self.config.files_changed):
                self.reload()
            await self.board.set_serving(self.host.ready() and not self.desk.draining)

    def reload(self) -> None:
        """Apply what changed in the settings; a mistake keeps the old ones and is logged."""
        try:
            changes = self.config.reload()
        except SettingsError as error:
            problems = [problem.for_log() for problem in error.problems]
            self.log.write(Decision.ERROR, scope="config", level="ERROR", reason="bad_settings", problems=problems)
            return
        for change in changes:
            self.log.write(Decision.RELOAD, scope="config", **change.as_ctx())

    # --- the end --------------------------------------------------------------------------------

    async def stop(self) -> bool:
        """Drain and close everything; True when every turn ended, by itself or cancelled in order."""
        started = time.monotonic()
        grace = self.settings.get("shutdown.grace_seconds", float)
        self.log.write(Decision.DRAIN, scope=SCOPE, turns=len(self.desk.turns))
        await self.board.set_serving(False)
        await self.service.drain(max(grace - DRAIN_RESERVE_SECONDS, 0.0))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CANCEL_SECONDS):
                await self.desk.drained()
                await self.workflows.flush()
        drained = not self.desk.busy()
        await self._grpc.stop(CANCEL_SECONDS / 2)
        await self._interceptor.settled()
        await self.site.stop()
        for task in self._tasks:
            task.cancel()
        left = max(grace - (time.monotonic() - started), CANCEL_SECONDS)
        await self.host.stop(left)
        self.observation.write_metrics()
        self.log.write(Decision.STOP, scope=SCOPE, drained=drained, dur_ms=int((time.monotonic() - started) * 1000))
        return drained


def check_port(name: str, host: str, port: int) -> None:
    """Raises ``ConfigError`` when the port is taken or the address is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            raise ConfigError(
                f"{name}.port {port} on {name}.host {host} cannot be used: {error.strerror or error}. "
                f"Stop what uses it, or set others: NEXY_{name.upper()}__PORT=… NEXY_{name.upper()}__HOST=…"
            ) from None


async def _serve(config: Config, log: DecisionLog, announce: Callable[[Listening], None]) -> int:
    server = Server(config, log)
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    Shutdown(
        grace_seconds=lambda: server.settings.get("shutdown.grace_seconds", float),
        asked=lambda: loop.call_soon_threadsafe(asked.set),
        last_words=lambda: _last_words(server, log),
        reload=lambda: loop.call_soon_threadsafe(server.reload),
    ).install()
    announce(await server.start())
    await asked.wait()
    return EXIT_DRAINED if await server.stop() else EXIT_FORCED


def _last_words(server: Server, log: DecisionLog) -> None:
    server.observation.write_metrics()
    log.write(Decision.STOP, scope=SCOPE, level="ERROR", drained=False, reason="forced")
    log.close(CANCEL_SECONDS)


def run(config: Config, log: DecisionLog, announce: Callable[[Listening], None]) -> int:
    """Serve until a signal; returns the exit code. Raises ``ConfigError``."""
    loop = _new_loop()
    try:
        return loop.run_until_complete(_serve(config, log, announce))
    finally:
        log.close(CANCEL_SECONDS)


def _new_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
