"""The console: a page of plain modules, and a WebSocket that speaks to the server through the client."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import Callable
from importlib import resources
from typing import Any

import attrs
from aiohttp import WSMsgType, web

from nexy_core.client import ActionRequest, Audio, Client, ClientError, End, RetryPolicy, Text
from nexy_core.streams import closing
from nexy_core.trace import TraceRing

ASSETS = {
    "index.html": "text/html",
    "console.css": "text/css",
    "icon.svg": "image/svg+xml",
    "app.js": "text/javascript",
    "audio.js": "text/javascript",
    "conversation.js": "text/javascript",
    "dom.js": "text/javascript",
    "now.js": "text/javascript",
    "views.js": "text/javascript",
    "words.js": "text/javascript",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
MAX_MESSAGE_BYTES = 64 * 1024
MAX_SOCKETS = 8
HEARTBEAT_SECONDS = 20.0
DEVICE_PREFIX = "console-"


@attrs.define(eq=False)
class Console:
    """Its routes. ``address`` is where this server's gRPC port listens; ``allowed`` lets a request in or raises."""

    address: Callable[[], str]
    traces: TraceRing
    mask: Callable[[str], str]
    allowed: Callable[[web.Request], None]
    _sockets: set[web.WebSocketResponse] = attrs.field(factory=set)

    def routes(self) -> list[web.RouteDef]:
        """For ``app.add_routes``."""
        return [
            web.get("/console", self._page),
            web.get("/console/socket", self._socket),
            web.get("/console/{name}", self._asset),
        ]

    async def close(self) -> None:
        """Close every socket."""
        for socket in tuple(self._sockets):
            await socket.close()

    async def _page(self, request: web.Request) -> web.Response:
        self.allowed(request)
        return _file("index.html")

    async def _asset(self, request: web.Request) -> web.Response:
        self.allowed(request)
        name = request.match_info["name"]
        if name not in ASSETS:
            raise web.HTTPNotFound
        return _file(name)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        self.allowed(request)
        # Browsers do not keep other sites from opening a WebSocket here.
        if request.headers.get("Origin") != f"{request.scheme}://{request.host}":
            raise web.HTTPForbidden(text="the console is for its own page")
        if len(self._sockets) >= MAX_SOCKETS:
            raise web.HTTPServiceUnavailable(text="too many consoles are open")
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=MAX_MESSAGE_BYTES)
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            device = DEVICE_PREFIX + str(uuid.uuid4())
            async with Client(self.address(), hardware_id=device, retry=RetryPolicy(attempts=1)) as client:
                await Conversation(socket, client, self.traces, self.mask).run()
        finally:
            self._sockets.discard(socket)
        return socket


@attrs.define(eq=False)
class Conversation:
    """One open page: at most one turn at a time; a new question supersedes the running one."""

    socket: web.WebSocketResponse
    client: Client
    traces: TraceRing
    mask: Callable[[str], str]
    _turn: asyncio.Task[None] | None = None
    _session: str = attrs.field(factory=lambda: str(uuid.uuid4()))

    async def run(self) -> None:
        """Until the page goes away."""
        try:
            async for message in self.socket:
                if message.type is WSMsgType.TEXT:
                    await self._take(message.data)
        finally:
            await self._stop()

    async def _take(self, data: str) -> None:
        try:
            message = json.loads(data)
            kind, prompt, turn = message["type"], str(message.get("prompt", "")), message.get("turn")
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        if kind == "interrupt":
            with contextlib.suppress(ClientError):
                await self.client.interrupt()
        elif kind == "ask":
            await self._stop()
            self._turn = asyncio.create_task(self._answer(prompt, turn))

    async def _stop(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
            await asyncio.wait([self._turn])

    async def _answer(self, prompt: str, turn: object) -> None:
        """Answer; what the page gets after ``begin`` belongs to this turn and to no earlier one."""
        try:
            await self._json(type="begin", turn=turn)
            async with closing(self.client.ask(prompt, session_id=self._session)) as events:
                async for event in events:
                    await self._send(event)
        except ClientError as error:
            await self._json(type="error", message=error.message, error_type=error.error_type.value)
        except ConnectionError:
            return  # the page has gone
        await self._end()

    async def _send(self, event: Text | Audio | ActionRequest | End) -> None:
        match event:
            case Text(text=text):
                await self._json(type="text", text=text)
            case Audio(data=data):
                await self.socket.send_bytes(data)
            case ActionRequest(command=command, args=args):
                await self._json(type="action", command=command, args=args)

    async def _end(self) -> None:
        session = self.mask(self._session)
        trace = next((trace for trace in self.traces.recent() if trace.session == session), None)
        with contextlib.suppress(ConnectionError):
            await self._json(type="end", trace=trace.as_dict() if trace else None)

    async def _json(self, **message: Any) -> None:
        await self.socket.send_json(message)


def _file(name: str) -> web.Response:
    body = resources.files("nexy_core.http").joinpath("console", name).read_bytes()
    return web.Response(body=body, content_type=ASSETS[name], charset="utf-8", headers=HEADERS)
