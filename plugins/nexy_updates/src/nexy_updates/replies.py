"""The two kinds of short answer: a document from memory, and a refusal."""

import functools
from collections.abc import Mapping

from aiohttp import hdrs, web
from multidict import CIMultiDict

from nexy_updates.ranges import matches
from nexy_updates.snapshot import Document

NO_CACHE = "no-store"
NOTHING_FOR_OLDER = "no release for this client"
HEADERS_KEPT = 256
COMMON_HEADERS = {hdrs.SERVER: "nexy", "X-Content-Type-Options": "nosniff"}


def answer(request: web.Request, document: Document, content_type: str, cache: str) -> web.Response:
    """A document from memory, or 304."""
    tag = request.headers.get(hdrs.IF_NONE_MATCH)
    if tag is not None and matches(tag, document.etag):
        return web.Response(status=304, headers=_headers(document.etag, "", cache))
    return web.Response(body=document.body, headers=_headers(document.etag, content_type, cache))


@functools.lru_cache(maxsize=HEADERS_KEPT)
def _headers(etag: str, content_type: str, cache: str) -> CIMultiDict[str]:
    """Made once for a document: aiohttp copies them, which is cheaper than making them for each answer."""
    headers = {**COMMON_HEADERS, hdrs.CACHE_CONTROL: cache, hdrs.ETAG: etag}
    return CIMultiDict({**headers, hdrs.CONTENT_TYPE: content_type} if content_type else headers)


def refusal(status: int, text: str, *, retry_after: int = 0, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error: short, never cached."""
    every: dict[str, str] = {**COMMON_HEADERS, hdrs.CACHE_CONTROL: NO_CACHE, **(headers or {})}
    if retry_after:
        every[hdrs.RETRY_AFTER] = str(retry_after)
    return web.Response(status=status, text=text + "\n", headers=every)
