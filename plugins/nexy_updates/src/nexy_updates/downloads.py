"""Artifacts: found by the index, opened by their hash, never by a path from the URL."""

import logging
import os

import attrs
from aiohttp import hdrs, web

from nexy_core import LiveSettings
from nexy_updates.errors import StoreError, words
from nexy_updates.files import open_regular
from nexy_updates.keeper import ROTTEN, Keeper
from nexy_updates.limits import Downloads
from nexy_updates.model import Artifact
from nexy_updates.ranges import Span, Unsatisfiable, matches, matches_strongly, span_of
from nexy_updates.replies import COMMON_HEADERS, refusal
from nexy_updates.transfer import Pace, Stalled, send_file

IMMUTABLE = "public, max-age=31536000, immutable"
ARTIFACT_TYPE = "application/octet-stream"
BUSY_RETRY_SECONDS = 30
_KIB = 1024
_OK, _PARTIAL, _NOT_MODIFIED = 200, 206, 304
logger = logging.getLogger(__name__)


@attrs.frozen
class DownloadHandler:
    """Serves artifacts, at most so many at once, to clients that keep reading."""

    settings: LiveSettings
    keeper: Keeper
    places: Downloads = attrs.field(factory=Downloads)

    @property
    def running(self) -> int:
        return self.places.running

    async def serve(self, request: web.Request, client: str) -> web.StreamResponse:
        snapshot = self.keeper.snapshot
        if snapshot is None:
            return refusal(503, "no update information right now", retry_after=BUSY_RETRY_SECONDS)
        address = (request.match_info["digest"], request.match_info["name"])
        artifact = snapshot.artifacts.get(address)
        if artifact is None:
            return refusal(410, "withdrawn") if address in snapshot.yanked else refusal(404, "not found")
        conditional = _conditional(request, artifact)
        return conditional or await self._counted(request, artifact, client)

    async def _counted(self, request: web.Request, artifact: Artifact, client: str) -> web.StreamResponse:
        most = self.settings.get("update.max_downloads", int)
        if not self.places.start(client, most, self.settings.get("update.max_downloads_per_client", int)):
            return refusal(503, "too many downloads", retry_after=BUSY_RETRY_SECONDS)
        try:
            return await self._opened(request, artifact)
        finally:
            self.places.end(client)

    async def _opened(self, request: web.Request, artifact: Artifact) -> web.StreamResponse:
        try:
            descriptor = await self.keeper.in_thread(self._open, artifact)
        except (OSError, StoreError) as error:
            self.keeper.artifact_trouble(artifact, words(error))
            return refusal(503, "not available right now", retry_after=BUSY_RETRY_SECONDS)
        self.keeper.artifact_trouble(artifact, "")
        try:
            return await self._send(request, artifact, descriptor)
        finally:
            os.close(descriptor)

    def _open(self, artifact: Artifact) -> int:
        if self.keeper.is_rotten(artifact):
            raise StoreError(ROTTEN)
        descriptor = open_regular(self.keeper.layout.object(artifact.sha256))
        if os.fstat(descriptor).st_size == artifact.size_bytes:
            return descriptor
        os.close(descriptor)
        raise StoreError("its size is not the one in the index")

    async def _send(self, request: web.Request, artifact: Artifact, descriptor: int) -> web.StreamResponse:
        span = _span(request, artifact)
        response = web.StreamResponse(status=_PARTIAL if span.partial else _OK, headers=_headers(artifact))
        response.content_type = ARTIFACT_TYPE
        response.content_length = span.length
        if span.partial:
            end = span.start + span.length - 1
            response.headers[hdrs.CONTENT_RANGE] = f"bytes {span.start}-{end}/{artifact.size_bytes}"
        await response.prepare(request)
        if request.method != hdrs.METH_HEAD:
            await self._stream(request, descriptor, span)
        return response

    async def _stream(self, request: web.Request, descriptor: int, span: Span) -> None:
        """Send the bytes, or abort the connection: a client must never take a part for the whole."""
        transport = request.transport
        if transport is None:
            return
        window = self.settings.get("update.stall_seconds", float)
        floor = self.settings.get("update.min_download_kib_per_second", int) * _KIB
        try:
            await send_file(transport, descriptor, span.start, span.length, Pace(window, int(window * floor)))
        except (Stalled, EOFError, OSError) as error:  # too slow, a file cut short, or the client has gone
            reason = {"reason": type(error).__name__.lower(), "size_bytes": span.length}
            logger.info("download ended early", extra={"decision": "abort", "ctx": reason})
            transport.abort()


def _headers(artifact: Artifact) -> dict[str, str]:
    return {
        **COMMON_HEADERS,
        hdrs.CACHE_CONTROL: IMMUTABLE,
        hdrs.ETAG: f'"{artifact.sha256}"',
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="{artifact.name}"',
    }


def _conditional(request: web.Request, artifact: Artifact) -> web.Response | None:
    """The answer when a precondition decides it, or when the range cannot be had."""
    etag = f'"{artifact.sha256}"'
    if_match = request.headers.get(hdrs.IF_MATCH)
    if if_match is not None and not matches_strongly(if_match, etag):
        return refusal(412, "precondition failed")
    if_none = request.headers.get(hdrs.IF_NONE_MATCH)
    if if_none is not None and matches(if_none, etag):
        return web.Response(status=_NOT_MODIFIED, headers=_headers(artifact))
    try:
        _span(request, artifact)
    except Unsatisfiable:
        return refusal(416, "range not satisfiable", headers={hdrs.CONTENT_RANGE: f"bytes */{artifact.size_bytes}"})
    return None


def _span(request: web.Request, artifact: Artifact) -> Span:
    """Ranges are defined for GET alone."""
    ranged = request.headers.get(hdrs.RANGE) if request.method == hdrs.METH_GET else None
    return span_of(ranged, request.headers.get(hdrs.IF_RANGE), f'"{artifact.sha256}"', artifact.size_bytes)
