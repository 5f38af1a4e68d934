"""The update site: what it answers, and with which headers."""

import logging
import math
from collections.abc import Awaitable, Callable

import attrs
from aiohttp import hdrs, web

from nexy_core import LiveSettings
from nexy_updates.downloads import DownloadHandler
from nexy_updates.keeper import Keeper
from nexy_updates.limits import RateLimit
from nexy_updates.replies import COMMON_HEADERS, NOTHING_FOR_OLDER, answer, refusal
from nexy_updates.snapshot import Choice

FEED_CACHE = "max-age=60"
COHORT_CACHE = "private, max-age=60"
HEALTH_CACHE = "max-age=30"
APPCAST_TYPE = "application/rss+xml; charset=utf-8"
JSON_TYPE = "application/json; charset=utf-8"
RETRY_SECONDS = 60
HARDWARE_ID_CHARS_MAX = 128
ADDRESS_CHARS_MAX = 45
REQUEST_BYTES_MAX = 1024
READING = (hdrs.METH_GET, hdrs.METH_HEAD)
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
        """Without aiohttp's middlewares: they cost as much as a third of an answer."""
        app = web.Application(client_max_size=REQUEST_BYTES_MAX)
        pages = {
            "/appcast.xml": self.appcast,
            "/manifest.json": self.manifest,
            "/updates/health": self.health,
            _DOWNLOAD: self.download,
        }
        for path, handler in pages.items():
            resource = app.router.add_resource(path)
            for method in READING:
                resource.add_route(method, self.limited(handler))
            resource.add_route(hdrs.METH_ANY, self.limited(_wrong_method))
        app.router.add_route(hdrs.METH_ANY, "/{path:.*}", self.limited(_not_found))
        return app

    def limited(self, handler: Handler) -> Handler:
        """``handler`` for clients that keep to the rate limit."""

        async def limit(request: web.Request) -> web.StreamResponse:
            per_minute = self.settings.get("update.max_requests_per_minute", int)
            wait = self.rates.wait_seconds(self.client_of(request), per_minute)
            if wait:
                return refusal(429, "too many requests", retry_after=math.ceil(wait))
            return await handler(request)

        return limit

    def client_of(self, request: web.Request) -> str:
        """The client's address; behind a trusted proxy, the one the proxy saw."""
        peer = request.remote or ""
        if peer not in self.settings.get("update.trusted_proxies", list):
            return peer
        seen = request.headers.get("X-Forwarded-For")
        return seen.rpartition(",")[2].strip()[:ADDRESS_CHARS_MAX] if seen else peer

    async def appcast(self, request: web.Request) -> web.StreamResponse:
        choice, cache = self._choose(request)
        return answer(request, choice.appcast, APPCAST_TYPE, cache) if choice else self._nothing()

    async def manifest(self, request: web.Request) -> web.StreamResponse:
        choice, cache = self._choose(request)
        if choice is None:
            return self._nothing()
        if choice.manifest is None:
            return refusal(404, NOTHING_FOR_OLDER)
        return answer(request, choice.manifest, JSON_TYPE, cache)

    def _choose(self, request: web.Request) -> tuple[Choice | None, str]:
        """The offer, and how its answer may be cached: one that depends on the device, by that device alone."""
        if not request.rel_url.raw_query_string:
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


async def _wrong_method(_: web.Request) -> web.StreamResponse:
    return refusal(405, "method not allowed", headers={hdrs.ALLOW: ",".join(READING)})


async def _not_found(_: web.Request) -> web.StreamResponse:
    return refusal(404, "not found")
