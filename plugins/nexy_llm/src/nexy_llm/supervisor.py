"""Keeps the embedded model's process running: starts it, notices its death, starts it again."""

import asyncio
import contextlib
import json
import logging
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import attrs

from nexy_core import Unavailable
from nexy_llm.settings import EMBEDDED, Route

logger = logging.getLogger(__name__)

LOAD_TIMEOUT_SECONDS = 60.0
RESTART_FIRST_SECONDS = 0.2
RESTART_MAX_SECONDS = 30.0
STABLE_SECONDS = 60.0
END_TIMEOUT_SECONDS = 2.0
NOTICE_SECONDS = 0.5
HEALTH_TIMEOUT_SECONDS = 10.0
KEY_BYTES = 24
STDERR_CHUNK_BYTES = 4096
LINE_MAX_CHARS = 200
HEALTH_REQUEST = b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n"
HEALTH_ANSWER = b"HTTP/1.1 200"


@attrs.frozen
class Engine:
    """What the child is told about the model."""

    path: Path
    threads: int
    streams: int
    stream_tokens: int


@attrs.define(eq=False)
class Supervisor:
    """One embedded model process. ``route()`` is how to reach it now; ``restarts`` counts its deaths."""

    engine: Engine
    restarts: int = 0
    _process: Process | None = None
    _route: Route | None = None
    _ready: asyncio.Event = attrs.field(factory=asyncio.Event)
    _lost: asyncio.Event = attrs.field(factory=asyncio.Event)
    _keeper: asyncio.Task[None] | None = None
    _suspicion: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the child and wait until it serves. Raises ``Unavailable`` when it cannot load the model."""
        started = asyncio.get_running_loop().time()
        process = await self._launch()
        self._keeper = asyncio.create_task(self._keep(process, started), name="nexy-llm-embedded")

    async def route(self, timeout_seconds: float) -> Route:
        """Where the running child listens; waits for a restart under way. Raises ``Unavailable``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._ready.wait()
        if self._route is None:
            raise Unavailable("The language model is restarting.", reason="model_died", retry_after_seconds=1)
        return self._route

    def serves(self) -> bool:
        """Whether the child is up right now."""
        return self._ready.is_set()

    async def lost(self, route: Route) -> bool:
        """Whether the child that ``route`` led to is gone; its end is noticed a moment after its connections break."""
        if self._route == route:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(NOTICE_SECONDS):
                    await self._lost.wait()
        return self._route != route

    def suspect(self) -> None:
        """An answer did not come: if the child does not answer a health check either, end it, and so restart it."""
        if self._suspicion is None or self._suspicion.done():
            self._suspicion = asyncio.create_task(self._examine(), name="nexy-llm-health")

    async def stop(self) -> None:
        """End the child. Harmless when it never started or has ended."""
        for task in (self._keeper, self._suspicion):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._keeper = self._suspicion = None
        process, self._process = self._process, None
        self._down()
        if process is not None:
            await _end(process)

    async def _keep(self, process: Process, started: float) -> None:
        loop = asyncio.get_running_loop()
        delay_seconds = RESTART_FIRST_SECONDS
        while True:
            await self._follow(process)
            if loop.time() - started > STABLE_SECONDS:
                delay_seconds = RESTART_FIRST_SECONDS
            self.restarts += 1
            logger.error("the embedded model's process ended (status %s); restarting", process.returncode)
            process, delay_seconds = await self._relaunch(delay_seconds)
            started = loop.time()

    async def _relaunch(self, delay_seconds: float) -> tuple[Process, float]:
        while True:
            await asyncio.sleep(delay_seconds)
            delay_seconds = min(delay_seconds * 2, RESTART_MAX_SECONDS)
            try:
                return await self._launch(), delay_seconds
            except (Unavailable, OSError) as error:
                logger.error("the embedded model does not start: %s", error)  # noqa: TRY400  # no traceback

    async def _launch(self) -> Process:
        key = secrets.token_urlsafe(KEY_BYTES)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "nexy_llm.embedded"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,  # Ctrl-C must reach the server alone, which then drains its turns
        )
        self._process = process
        try:
            async with asyncio.timeout(LOAD_TIMEOUT_SECONDS):
                address = await self._handshake(process, key)
        except TimeoutError:
            await _end(process)
            raise Unavailable("The embedded model did not load in time.", reason="model_load_timeout") from None
        except asyncio.CancelledError:
            process.kill()
            raise
        self._route = Route(f"openai/{EMBEDDED}", f"{address}/v1", key)
        self._lost.clear()
        self._ready.set()
        return process

    async def _handshake(self, process: Process, key: str) -> str:
        assert process.stdin is not None
        assert process.stdout is not None
        config = {**attrs.asdict(self.engine), "path": str(self.engine.path), "api_key": key}
        with contextlib.suppress(ConnectionError):
            process.stdin.write(json.dumps(config).encode() + b"\n")
            await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            await self._follow(process)
            raise Unavailable("The embedded model could not be loaded: see the log.", reason="model_load_failed")
        return str(json.loads(line)["address"])

    async def _follow(self, process: Process) -> None:
        """Read what the child writes to stderr until it ends."""
        assert process.stderr is not None
        while chunk := await process.stderr.read(STDERR_CHUNK_BYTES):
            for line in chunk.decode(errors="replace").splitlines():
                logger.debug("embedded model: %s", line[:LINE_MAX_CHARS])
        await _end(process)
        self._down()

    def _down(self) -> None:
        self._ready.clear()
        self._lost.set()
        self._route = None

    async def _examine(self) -> None:
        route, process = self._route, self._process
        if route is None or process is None:
            return
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT_SECONDS):
                healthy = await _healthy(route)
        except (TimeoutError, OSError):
            healthy = False
        if not healthy and process.returncode is None:
            logger.error("the embedded model's process does not answer; ending it")
            self._down()
            process.kill()


async def _healthy(route: Route) -> bool:
    host, _, port = route.api_base.removeprefix("http://").removesuffix("/v1").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(HEALTH_REQUEST)
        return (await reader.readline()).startswith(HEALTH_ANSWER)
    finally:
        writer.close()


async def _end(process: Process) -> None:
    """Close its input, which is its signal to end; kill it if it does not."""
    if process.stdin is not None:
        process.stdin.close()
    if not await _ended(process):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await _ended(process)


async def _ended(process: Process) -> bool:
    """Whether it ends in time. Not every end is heard of, so no wait is endless."""
    try:
        async with asyncio.timeout(END_TIMEOUT_SECONDS):
            await process.wait()
    except TimeoutError:
        return False
    return True
