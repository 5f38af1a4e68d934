"""What clients get: documents, artifacts, conditions and ranges."""

import base64
import json
import xml.etree.ElementTree as ET

import pytest
from nexy_updates.feedfile import verify_feed

NS = "{http://www.andymatuschak.org/xml-namespaces/sparkle}"


@pytest.fixture
async def site(world):
    world.publish("1.0", content=bytes(range(256)) * 8, notes="<b>& more")
    async with world.serving() as served:
        yield served


async def path_of(site):
    _, body = await site.get("/manifest.json")
    return "/" + json.loads(body)["artifact"]["url"].split("/", 3)[3]


async def test_feed_manifest_and_artifact_agree(site, world, sha256):
    response, feed = await site.get("/appcast.xml")
    assert response.status == 200
    assert response.content_type == "application/rss+xml"
    assert response.headers.getall("Cache-Control") == ["max-age=60"]
    item = ET.fromstring(verify_feed(feed, [world.key.public])).find("channel/item")
    enclosure = item.find("enclosure")
    response, content = await site.get("/" + enclosure.get("url").split("/", 3)[3])
    assert response.headers.getall("Cache-Control") == ["public, max-age=31536000, immutable"]
    assert "Content-Encoding" not in response.headers
    assert len(content) == int(enclosure.get("length")) == 2048
    assert world.key.public.accepts(base64.b64decode(enclosure.get(f"{NS}edSignature")), content)
    _, manifest = await site.get("/manifest.json")
    assert json.loads(manifest) == {
        "version": "1.0",
        "build": "1.0",
        "artifact": {
            "type": "dmg",
            "url": enclosure.get("url"),
            "size": 2048,
            "sha256": sha256(content),
            "ed25519": enclosure.get(f"{NS}edSignature"),
        },
    }


@pytest.mark.parametrize("name", ["/appcast.xml", "/manifest.json", "/updates/health", "artifact"])
async def test_head_has_the_headers_of_get_and_no_body(site, name):
    path = await path_of(site) if name == "artifact" else name
    response, _ = await site.get(path)
    async with site.client.head(path) as head:
        ignored = {"Date"}
        assert {k: v for k, v in head.headers.items() if k not in ignored} == {
            k: v for k, v in response.headers.items() if k not in ignored
        }
        assert await head.read() == b""


@pytest.mark.parametrize("name", ["/appcast.xml", "/manifest.json", "artifact"])
@pytest.mark.parametrize("form", ["{}", 'W/{}, "other"', "*"])
async def test_a_known_etag_is_not_sent_again(site, name, form):
    path = await path_of(site) if name == "artifact" else name
    response, _ = await site.get(path)
    etag = response.headers["ETag"]
    again, body = await site.get(path, **{"If-None-Match": form.format(etag)})
    assert (again.status, body, again.headers["ETag"]) == (304, b"", etag)
    assert again.headers.getall("Cache-Control") == response.headers.getall("Cache-Control")
    other, _ = await site.get(path, **{"If-None-Match": '"other"'})
    assert other.status == 200


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (206, 0, 1)),
        ("bytes=10-19", (206, 10, 10)),
        ("bytes=2047-", (206, 2047, 1)),
        ("bytes=0-999999", (206, 0, 2048)),
        ("bytes=-5", (206, 2043, 5)),
        ("bytes=-999999", (206, 0, 2048)),
        ("bytes=2048-", (416, 0, 0)),
        ("bytes=999999999999-", (416, 0, 0)),
        ("bytes=-0", (416, 0, 0)),
        ("bytes=5-4", (200, 0, 2048)),
        ("bytes=0-0,2-2", (200, 0, 2048)),
        ("bytes=" + ",".join(["0-"] * 500), (200, 0, 2048)),
        ("bytes=a-b", (200, 0, 2048)),
        ("bytes=--5", (200, 0, 2048)),
        ("bytes=" + "9" * 30 + "-", (200, 0, 2048)),
        ("lines=0-1", (200, 0, 2048)),
        ("bytes=\u0661-", (200, 0, 2048)),
    ],
)
async def test_ranges(site, header, expected):
    status, start, length = expected
    response, body = await site.get(await path_of(site), Range=header)
    assert response.status == status
    content = bytes(range(256)) * 8
    if status == 416:
        assert response.headers["Content-Range"] == "bytes */2048"
    else:
        assert body == content[start : start + length]
    if status == 206:
        assert response.headers["Content-Range"] == f"bytes {start}-{start + length - 1}/2048"


async def test_a_range_for_another_version_of_the_file_gets_the_whole_file(site):
    path = await path_of(site)
    response, _ = await site.get(path)
    etag = response.headers["ETag"]
    for condition in ('"other"', f"W/{etag}", "Sun, 22 Nov 2026 10:00:00 GMT"):
        response, body = await site.get(path, **{"Range": "bytes=0-1", "If-Range": condition})
        assert (response.status, len(body)) == (200, 2048)
    response, body = await site.get(path, **{"Range": "bytes=0-1", "If-Range": etag})
    assert (response.status, len(body)) == (206, 2)


async def test_if_match_for_another_file_fails(site):
    response, _ = await site.get(await path_of(site), **{"If-Match": '"other"'})
    assert response.status == 412


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(site, method):
    for path in ("/appcast.xml", await path_of(site)):
        async with site.client.request(method, path) as response:
            assert response.status == 405
            assert response.headers["Allow"] == "GET,HEAD"
            assert response.headers.getall("Cache-Control") == ["no-store"]


async def test_a_health_check_says_what_is_served(site):
    response, body = await site.get("/updates/health")
    state = json.loads(body)
    assert (response.status, state["status"], state["seq"]) == (200, "ok", 1)
    assert response.headers.getall("Cache-Control") == ["max-age=30"]


async def test_an_unknown_channel_is_not_an_empty_feed(site):
    response, _ = await site.get("/appcast.xml?channel=nightly")
    assert response.status == 404


async def test_refusals_are_short_and_never_cached(site):
    for path in ("/", "/appcast.xmlx", "/updates/", "/updates/downloads/", "/updates/downloads/0123456789abcdef/x"):
        response, body = await site.get(path)
        assert (response.status, body) == (404, b"not found\n")
        assert response.headers.getall("Cache-Control") == ["no-store"]
        assert "aiohttp" not in response.headers["Server"]
