"""The two kinds of short answer: a document from memory, and a refusal."""

from collections.abc import Mapping

from aiohttp import hdrs, web

from nexy_updates.ranges import matches
from nexy_updates.snapshot import Document

NO_CACHE = "no-store"
COMMON_HEADERS = {hdrs.SERVER: "nexy", "X-Content-Type-Options": "nosniff"}


def answer(request: web.Request, document: Document, content_type: str, cache: str) -> web.Response:
    """A document from memory, or 304."""
    headers: dict[str, str] = {**COMMON_HEADERS, hdrs.CACHE_CONTROL: cache, hdrs.ETAG: document.etag}
    tag = request.headers.get(hdrs.IF_NONE_MATCH)
    if tag is not None and matches(tag, document.etag):
        return web.Response(status=304, headers=headers)
    headers[hdrs.CONTENT_TYPE] = content_type
    return web.Response(body=document.body, headers=headers)


def refusal(status: int, text: str, *, retry_after: int = 0, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error: short, never cached."""
    every: dict[str, str] = {**COMMON_HEADERS, hdrs.CACHE_CONTROL: NO_CACHE, **(headers or {})}
    if retry_after:
        every[hdrs.RETRY_AFTER] = str(retry_after)
    return web.Response(status=status, text=text + "\n", headers=every)
