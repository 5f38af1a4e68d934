"""The guardrail at the front door: what a client gets from a public address, header by header."""

import hashlib
import json
import mmap
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from typing import IO, Any

import aiohttp
import attrs
from aiohttp import hdrs

from nexy_updates.appcast import NAMESPACE
from nexy_updates.errors import StoreError
from nexy_updates.feedfile import verify_feed
from nexy_updates.keys import PublicKey, accepted
from nexy_updates.layout import FEED_BYTES_MAX
from nexy_updates.replies import NO_CACHE, NOTHING_FOR_OLDER

TIMEOUT_SECONDS = 30.0
_CHUNK_BYTES = 256 * 1024
_OK, _PARTIAL, _NOT_FOUND = 200, 206, 404
_SPARKLE = f"{{{NAMESPACE}}}"


@attrs.frozen
class Page:
    """One expected answer of the site."""

    path: str
    content_type: str
    max_age: str


APPCAST = Page("/appcast.xml", "application/rss+xml", "max-age=60")
NEWEST = Page("/appcast.xml?manual=1", "application/rss+xml", "max-age=60")
"""What is being rolled out, too: the plain feed names it at 100 % only."""
MANIFEST = Page("/manifest.json", "application/json", "max-age=60")
HEALTH = Page("/updates/health", "application/json", "max-age=30")


@attrs.frozen
class Enclosure:
    """What the feed says about a file."""

    url: str
    length: int
    signature: str


@attrs.frozen
class Findings:
    """``problems`` is empty when all is well; ``passed`` says what was looked at."""

    passed: list[str] = attrs.field(factory=list)
    problems: list[str] = attrs.field(factory=list)


async def check_site(url: str, keys: Sequence[PublicKey], *, full: bool) -> Findings:
    """GET everything a client would, and compare. ``full`` downloads the newest artifact and checks its signature."""
    findings = Findings()
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT_SECONDS, sock_read=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
        visit = _Visit(session, url.rstrip("/"), keys, findings)
        await visit.page(HEALTH, visit.read_health)
        plain = await visit.page(APPCAST, visit.read_feed)
        enclosures = None if plain is None else await visit.page(NEWEST, visit.read_feed)
        await visit.page(MANIFEST, visit.read_manifest)
        if enclosures:
            await visit.guarded("newest artifact", visit.artifact(enclosures[0], full=full))
    return findings


@attrs.frozen
class _Visit:
    session: aiohttp.ClientSession
    url: str
    keys: Sequence[PublicKey]
    findings: Findings

    async def page(self, page: Page, read: Any) -> Any:
        return await self.guarded(page.path, self._page(page, read))

    async def guarded(self, name: str, work: Any) -> Any:
        try:
            result = await work
        except (StoreError, aiohttp.ClientError, TimeoutError) as error:
            self.findings.problems.append(f"{name}: {error or type(error).__name__}")
            return None
        self.findings.passed.append(name)
        return result

    async def _page(self, page: Page, read: Any) -> Any:
        plain = {hdrs.ACCEPT_ENCODING: "identity"}
        async with self.session.get(self.url + page.path, headers=plain, allow_redirects=False) as response:
            if page is MANIFEST and await _says_nothing_to_install(response):
                return None
            _check_headers(response, page)
            body = await _read_limited(response)
        return read(body)

    def read_health(self, body: bytes) -> None:
        state = _json(body)
        if state.get("status") != "ok":
            raise StoreError(f"status {state.get('status')}: {state.get('reason')}")

    def read_feed(self, body: bytes) -> list[Enclosure]:
        try:
            root = ET.fromstring(verify_feed(body, self.keys))  # noqa: S314  # its signature was checked first
        except ET.ParseError as error:
            raise StoreError("not well-formed XML") from error
        return list(_enclosures(root))

    def read_manifest(self, body: bytes) -> None:
        artifact = _json(body).get("artifact")
        if not isinstance(artifact, dict) or not artifact.get("ed25519"):
            raise StoreError("no signature for the artifact")

    async def artifact(self, enclosure: Enclosure, *, full: bool) -> None:
        if full:
            await self._download(enclosure)
            return
        headers = {hdrs.RANGE: "bytes=0-0"}
        async with self.session.get(enclosure.url, headers=headers, allow_redirects=False) as response:
            found = response.headers.get(hdrs.CONTENT_RANGE, "")
            if response.status != _PARTIAL or found != f"bytes 0-0/{enclosure.length}":
                raise StoreError(f"status {response.status}, range {found!r}: the feed says {enclosure.length} bytes")
            _check_one_cache_control(response, "immutable")

    async def _download(self, enclosure: Enclosure) -> None:
        with tempfile.TemporaryFile() as file:
            etag = await self._save(enclosure, file)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content, memoryview(content) as view:
                if not accepted(self.keys, enclosure.signature, view):
                    raise StoreError("its signature is not by a trusted key")
                if f'"{hashlib.sha256(view).hexdigest()}"' != etag:
                    raise StoreError("its ETag is not its hash: something between rewrites answers")

    async def _save(self, enclosure: Enclosure, file: IO[bytes]) -> str:
        """Download to ``file``; the ETag is returned."""
        size_bytes = 0
        async with self.session.get(enclosure.url, allow_redirects=False) as response:
            if response.status != _OK or hdrs.CONTENT_ENCODING in response.headers:
                raise StoreError(f"status {response.status}, or a content encoding, which would break the signature")
            _check_one_cache_control(response, "immutable")
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                size_bytes += len(chunk)
                if size_bytes > enclosure.length:
                    break
                file.write(chunk)
        file.flush()
        if size_bytes != enclosure.length:
            raise StoreError(f"{size_bytes} bytes or more, but the feed says {enclosure.length}")
        return response.headers.get(hdrs.ETAG, "")


async def _read_limited(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > FEED_BYTES_MAX:
            raise StoreError(f"longer than {FEED_BYTES_MAX} bytes")
    return bytes(body)


async def _says_nothing_to_install(response: aiohttp.ClientResponse) -> bool:
    """The site's own 404: no release is one that the older client can install. A proxy's 404 is another page."""
    said = (response.status, response.headers.get(hdrs.CACHE_CONTROL))
    return said == (_NOT_FOUND, NO_CACHE) and (await _read_limited(response)).strip() == NOTHING_FOR_OLDER.encode()


def _check_headers(response: aiohttp.ClientResponse, page: Page) -> None:
    if response.status != _OK:
        raise StoreError(f"status {response.status}, not 200")
    if response.content_type != page.content_type:
        raise StoreError(f"content type {response.content_type}, not {page.content_type}: the wrong server answered")
    _check_one_cache_control(response, page.max_age)


def _check_one_cache_control(response: aiohttp.ClientResponse, wanted: str) -> None:
    found = response.headers.getall(hdrs.CACHE_CONTROL, [])
    if len(found) != 1 or wanted not in [part.strip() for part in found[0].split(",")]:
        raise StoreError(f"Cache-Control {found}: want exactly one, with {wanted}")


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise StoreError("not JSON") from error
    if not isinstance(value, dict):
        raise StoreError("not a JSON object")
    return value


def _enclosures(root: ET.Element) -> Iterator[Enclosure]:
    for enclosure in root.iterfind("channel/item/enclosure"):
        signature = enclosure.get(f"{_SPARKLE}edSignature", "")
        length = enclosure.get("length", "")
        if not signature or not length.isdigit():
            raise StoreError("an enclosure without signature or length")
        yield Enclosure(enclosure.get("url", ""), int(length), signature)
