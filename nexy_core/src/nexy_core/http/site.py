"""The HTTP site: health and status for operators and nginx, turns and metrics for loopback only."""

from collections.abc import Callable

from aiohttp import web

from nexy_core.errors import ConfigError
from nexy_core.http.console_site import Console
from nexy_core.http.status import StatusSources
from nexy_core.metrics import expose

LOOPBACK_PEERS = frozenset({"127.0.0.1", "::1"})
LOOPBACK_NAMES = LOOPBACK_PEERS | {"localhost"}
SHOWN_TURNS = 100


class HttpSite:
    """One aiohttp site on ``http.host``:``http.port``."""

    def __init__(self, sources: StatusSources, grpc_address: Callable[[], str] | None = None) -> None:
        """With ``grpc_address`` the site has the console, which talks to that port of this server."""
        self._sources = sources
        self._console = None
        app = web.Application()
        if grpc_address is not None:
            self._console = Console(grpc_address, sources.traces, sources.log.mask_id, _require_direct)
            app.add_routes(self._console.routes())
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/health/live", self._live),
                web.get("/status", self._status),
                web.get("/metrics", self._metrics),
                web.get("/turns", self._turns),
                web.get("/turns/{turn_id}", self._turn),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)

    async def start(self) -> str:
        """Open the port. Raises ``ConfigError`` when it is taken."""
        settings = self._sources.config.live
        host, port = settings.get("http.host", str), settings.get("http.port", int)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise ConfigError(f"http.port {port} on {host} cannot be opened: {error.strerror}") from None
        return f"{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close the port and its connections."""
        if self._console is not None:
            await self._console.close()
        await self._runner.cleanup()

    def _health_headers(self) -> dict[str, str]:
        seconds = self._sources.config.live.get("http.max_age_seconds", float)
        return {"Cache-Control": f"max-age={seconds:.0f}"}

    async def _health(self, _: web.Request) -> web.Response:
        ready = self._sources.ready()
        body = {"state": self._sources.state(), "live": True, "ready": ready}
        status = web.HTTPOk.status_code if ready else web.HTTPServiceUnavailable.status_code
        return web.json_response(body, status=status, headers=self._health_headers())

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True}, headers=self._health_headers())

    async def _status(self, request: web.Request) -> web.Response:
        headers = {"Cache-Control": "no-store"}
        if not _direct(request):
            return web.json_response({"state": self._sources.state()}, headers=headers)
        return web.json_response(await self._sources.status(), headers=headers)

    async def _metrics(self, request: web.Request) -> web.Response:
        _require_direct(request)
        body = expose(self._sources.metrics)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _turns(self, request: web.Request) -> web.Response:
        _require_direct(request)
        recent = self._sources.traces.recent()[:SHOWN_TURNS]
        return web.json_response([trace.as_dict() for trace in recent], headers={"Cache-Control": "no-store"})

    async def _turn(self, request: web.Request) -> web.Response:
        _require_direct(request)
        trace = self._sources.traces.find(request.match_info["turn_id"])
        if trace is None:
            raise web.HTTPNotFound(text="no such turn: it may have left the ring (turn.trace_ring)")
        return web.json_response(trace.as_dict(), headers={"Cache-Control": "no-store"})


def _direct(request: web.Request) -> bool:
    """From this machine, by its own name (a page elsewhere may point a name of its own here), and through no proxy."""
    proxied = {"X-Forwarded-For", "X-Real-IP", "Forwarded"} & set(request.headers)
    return request.remote in LOOPBACK_PEERS and request.url.host in LOOPBACK_NAMES and not proxied


def _require_direct(request: web.Request) -> None:
    if not _direct(request):
        raise web.HTTPNotFound
