"""The guardrail finds what a proxy in front can do to answers; each case is one misconfiguration."""

import gzip
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from nexy_updates.check import check_site
from nexy_updates.keys import SigningKey
from nexy_updates.layout import FEED_BYTES_MAX


@asynccontextmanager
async def proxy(site, spoil):
    """Forwards to ``site``; ``spoil(path, status, headers, body)`` returns what the client gets instead."""

    async def forward(request):
        asked = {"Range": request.headers["Range"]} if "Range" in request.headers else {}
        response, body = await site.get(str(request.rel_url), **asked)
        kept = [(name, value) for name, value in response.headers.items() if name not in {"Content-Length", "Date"}]
        status, headers, body = spoil(request.path, response.status, kept, body)
        answer = web.Response(status=status, body=body)
        answer.headers.clear()
        for name, value in headers:
            answer.headers.add(name, value)
        return answer

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def findings(world, spoil, *, full=True, key=None, suffix=".dmg", rollout="100"):
    """``update.base_url`` is the proxy, so that the feed's links go through it too."""
    world.publish("1.0", rollout, content=bytes(range(256)) * 400, suffix=suffix)
    async with world.serving() as site, proxy(site, spoil) as port:
        world.set(base_url=f"http://127.0.0.1:{port}")
        assert world.run("renew").exit_code == 0
        await site.refresh()
        found = await check_site(f"http://127.0.0.1:{port}", [key or world.key.public], full=full)
    return found.problems


def only(path, change):
    def spoil(found, status, headers, body):
        return change(status, headers, body) if found.startswith(path) else (status, headers, body)

    return spoil


def header(name, value):
    """With ``name`` replaced (``None``: taken away)."""

    def change(status, headers, body):
        rest = [(key, old) for key, old in headers if key.lower() != name.lower()]
        return status, rest if value is None else [*rest, (name, value)], body

    return change


DOWNLOADS = "/updates/downloads/"
CASES = {
    "a second Cache-Control": (
        only("/appcast.xml", lambda s, h, b: (s, [*h, ("Cache-Control", "no-cache")], b)),
        "exactly one",
    ),
    "no Cache-Control": (only("/updates/health", header("Cache-Control", None)), "exactly one"),
    "a long Cache-Control": (only("/appcast.xml", header("Cache-Control", "max-age=6000")), "max-age=60"),
    "an HTML page": (only("/appcast.xml", header("Content-Type", "text/html")), "wrong server"),
    "the gRPC proxy": (only("/updates/health", header("Content-Type", "application/grpc")), "wrong server"),
    "a redirect": (only("/manifest.json", lambda _, h, b: (302, [*h, ("Location", "/")], b)), "status 302"),
    "bad gateway": (only("/appcast.xml", lambda _, h, b: (502, h, b)), "status 502"),
    "a changed feed": (only("/appcast.xml", lambda s, h, b: (s, h, b.replace(b"1.0", b"6.6"))), "changed after"),
    "a cut feed": (only("/appcast.xml", lambda s, h, b: (s, h, b[:-20])), "sparkle-signatures"),
    "an endless feed": (only("/appcast.xml", lambda s, h, b: (s, h, b + b" " * FEED_BYTES_MAX)), "longer"),
    "a degraded site": (only("/updates/health", lambda s, h, _: (s, h, b'{"status":"degraded"}')), "degraded"),
    "health that is no JSON": (only("/updates/health", lambda s, h, _: (s, h, b"ok")), "not JSON"),
    "health that is no object": (only("/updates/health", lambda s, h, _: (s, h, b"[]")), "not a JSON object"),
    "an empty signature": (
        only("/manifest.json", lambda s, h, b: (s, h, json.dumps({"artifact": {"ed25519": ""}}).encode())),
        "no signature",
    ),
    "a compressed archive": (
        only(DOWNLOADS, lambda s, h, b: (s, [*h, ("Content-Encoding", "gzip")], gzip.compress(b))),
        "content encoding",
    ),
    "a short archive": (only(DOWNLOADS, lambda s, h, b: (s, h, b[:-1])), "bytes or more"),
    "a long archive": (only(DOWNLOADS, lambda s, h, b: (s, h, b + b"x")), "bytes or more"),
    "another archive": (only(DOWNLOADS, lambda s, h, b: (s, h, b[:-1] + b"!")), "signature"),
    "an archive's ETag rewritten": (only(DOWNLOADS, header("ETag", 'W/"x"')), "ETag"),
    "an archive that may change": (only(DOWNLOADS, header("Cache-Control", "max-age=60")), "immutable"),
    "a missing archive": (only(DOWNLOADS, lambda _, h, b: (404, h, b)), "status 404"),
}


@pytest.mark.parametrize("name", CASES)
async def test_every_misconfiguration_is_named(world, name):
    spoil, words = CASES[name]
    problems = await findings(world, spoil)
    assert len(problems) == 1
    assert words in problems[0]


async def test_ranges_that_a_proxy_swallows_are_named_without_the_whole_download(world):
    problems = await findings(world, only(DOWNLOADS, lambda _, h, b: (200, h, b)), full=False)
    assert ["status 200" in problem for problem in problems] == [True]


async def test_nothing_spoilt_is_no_problem(world):
    assert await findings(world, lambda _, *answer: answer, full=False) == []


async def test_a_site_without_a_release_for_the_older_client_is_well(world):
    assert await findings(world, lambda _, *answer: answer, suffix=".zip") == []


async def test_what_is_being_rolled_out_is_looked_at_too(world):
    spoil, words = CASES["a missing archive"]
    (problem,) = await findings(world, spoil, rollout="1")
    assert words in problem


async def test_another_page_in_the_place_of_that_answer_is_a_problem(world):
    found = await findings(world, only("/manifest.json", lambda s, h, _: (s, h, b"not here")), suffix=".zip")
    assert found == ["/manifest.json: status 404, not 200"]


async def test_another_key_is_a_problem(world):
    problems = await findings(world, lambda _, *answer: answer, key=SigningKey.generate().public)
    assert any("trusted key" in problem for problem in problems)


def test_nobody_there(world):
    result = world.run("check", "http://127.0.0.1:1")
    assert result.exit_code != 0
    assert "Cannot connect" in str(result.exception)
