"""The update site: what it answers, and with which headers."""

import ipaddress
import logging
import math
from collections.abc import Awaitable, Callable

import attrs
from aiohttp import hdrs, web

from nexy_core import LiveSettings
from nexy_updates.downloads import DownloadHandler
from nexy_updates.keeper import Keeper
from nexy_updates.limits import RateLimit
from nexy_updates.replies import COMMON_HEADERS, answer, refusal
from nexy_updates.snapshot import Choice

FEED_CACHE = "max-age=60"
COHORT_CACHE = "private, max-age=60"
HEALTH_CACHE = "max-age=30"
APPCAST_TYPE = "application/rss+xml; charset=utf-8"
JSON_TYPE = "application/json; charset=utf-8"
RETRY_SECONDS = 60
HARDWARE_ID_CHARS_MAX = 128
REQUEST_BYTES_MAX = 1024
_DOWNLOAD = "/updates/downloads/{digest:[0-9a-f]{16}}/{name:[^/]+}"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
logger = logging.getLogger(__name__)


@attrs.frozen
class Site:
    """The handlers. They read what ``keeper`` holds and touch no file; only downloads do, by way of the index."""

    settings: LiveSettings
    keeper: Keeper
    downloads: DownloadHandler
    rates: RateLimit = attrs.field(factory=RateLimit)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self.guard], client_max_size=REQUEST_BYTES_MAX)
        app.router.add_get("/appcast.xml", self.appcast)
        app.router.add_get("/manifest.json", self.manifest)
        app.router.add_get("/updates/health", self.health)
        app.router.add_get(_DOWNLOAD, self.download)
        return app

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The rate limit, and for every refusal one ``Cache-Control`` and no word about the inside."""
        wait = self.rates.wait_seconds(
            self.client_of(request), self.settings.get("update.max_requests_per_minute", int)
        )
        if wait:
            return refusal(429, "too many requests", retry_after=math.ceil(wait))
        try:
            return await handler(request)
        except web.HTTPException as error:
            allow = error.headers.get(hdrs.ALLOW)
            return refusal(error.status, error.reason.lower(), headers={hdrs.ALLOW: allow} if allow else {})

    def client_of(self, request: web.Request) -> str:
        """The client's address; behind a trusted proxy, the one the proxy saw."""
        peer = request.remote or ""
        if peer not in self.settings.get("update.trusted_proxies", list):
            return peer
        seen = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        try:
            return ipaddress.ip_address(seen).compressed
        except ValueError:
            return peer

    async def appcast(self, request: web.Request) -> web.StreamResponse:
        choice, cache = self._choose(request)
        return answer(request, choice.appcast, APPCAST_TYPE, cache) if choice else self._nothing()

    async def manifest(self, request: web.Request) -> web.StreamResponse:
        choice, cache = self._choose(request)
        if choice is None:
            return self._nothing()
        if choice.manifest is None:
            return refusal(404, "no release for this client")
        return answer(request, choice.manifest, JSON_TYPE, cache)

    def _choose(self, request: web.Request) -> tuple[Choice | None, str]:
        """The offer, and how its answer may be cached: one that depends on the device, by that device alone."""
        if not request.query_string:
            return self.keeper.choose(), FEED_CACHE
        query = request.query
        hardware_id = query.get("hardware_id", "")[:HARDWARE_ID_CHARS_MAX]
        manual = query.get("manual") == "1"
        choice = self.keeper.choose(query.get("channel", ""), hardware_id, manual=manual)
        return choice, COHORT_CACHE if hardware_id or manual else FEED_CACHE

    def _nothing(self) -> web.Response:
        if self.keeper.snapshot is None:
            return refusal(503, "no update information right now", retry_after=RETRY_SECONDS)
        return refusal(404, "no such channel")

    async def health(self, _: web.Request) -> web.Response:
        """How the site is: 503 only when it has nothing to serve, so that a stale store is seen and not retried."""
        snapshot, problem = self.keeper.snapshot, self.keeper.problem()
        state = {
            "status": "degraded" if problem else "ok",
            "reason": problem,
            "seq": snapshot.seq if snapshot else 0,
            "expires": snapshot.expires.isoformat() if snapshot else "",
            "downloads": self.downloads.running,
        }
        headers = {**COMMON_HEADERS, hdrs.CACHE_CONTROL: HEALTH_CACHE} | (
            {} if snapshot else {hdrs.RETRY_AFTER: str(RETRY_SECONDS)}
        )
        return web.json_response(state, status=200 if snapshot else 503, headers=headers)

    async def download(self, request: web.Request) -> web.StreamResponse:
        return await self.downloads.serve(request, self.client_of(request))
