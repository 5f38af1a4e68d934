"""Requests nobody should send, over bare sockets so that no client tidies them up, directly and through nginx."""

import asyncio
import contextlib
import os
import re
import shutil
import socket
from pathlib import Path

import psutil
import pytest
from nexy_updates.limits import CLIENTS_MAX, Downloads, RateLimit

NGINX_CONF = Path(__file__).parents[3] / "deploy" / "nginx" / "nexy.conf"
STEPS = ["..", "%2e%2e", "%2E%2E", ".%2e", "..%00", "%252e%252e", "..;", "%c0%ae%c0%ae", "..%5c", "\\..", "．．"]
SLASHES = ["/", "%2f", "%2F", "%252f", "\\", "%5c", "//", "%c0%af"]
TARGETS = [
    "keys/signing.key",
    "signing.key",
    "audit.jsonl",
    "current",
    "objects",
    "generations/00000001/stable.index.json",
]


def traversals(digest):
    for prefix in ("/updates/downloads/", f"/updates/downloads/{digest}/", "/updates/", "/", "/appcast.xml/"):
        for step in STEPS:
            for slash in SLASHES:
                for depth in (1, 2, 3):
                    yield f"{prefix}{(step + slash) * depth}{TARGETS[depth % len(TARGETS)]}"
    for target in TARGETS:
        yield from (f"/updates/downloads/{target}", f"/updates/downloads/{digest}/{target}", f"/updates/{target}")
    yield from (
        f"/updates/downloads/{digest}/.hidden",
        f"/updates/downloads/{digest}/",
        f"/updates/downloads/{digest}/Nexy-1.0.dmg/",
        f"/updates/downloads/{digest}/Nexy-1.0.dmg%00",
        f"/updates/downloads/{digest}/Nexy-1.0.dmg%00.txt",
        f"/updates/downloads/{digest}//Nexy-1.0.dmg/..",
        f"/updates/downloads/{digest.upper()}/Nexy-1.0.dmgx",
        f"/updates/downloads/{digest[:-1]}/Nexy-1.0.dmg",
        f"/updates/downloads/{digest}0/Nexy-1.0.dmg",
        "/updates/downloads/../../signing.key",
        "http://127.0.0.1/../signing.key",
        "//etc/passwd",
        "file:///etc/passwd",
        "*",
    )


async def raw(port, request, *, limit=65536):
    """One request on a connection of its own; everything that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(10):
            writer.write(request)
            await writer.drain()
            return await reader.read(limit)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def walk(world, port, digest):
    secrets = [world.key_file.read_text().strip().encode(), b'"prev"', b'"audit"', b"root:"]
    walked = 0
    for path in dict.fromkeys(traversals(digest)):
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        answer = await raw(port, request)
        status = int(answer[9:12]) if answer else 400
        assert 400 <= status < 500, (path, answer)
        assert not any(secret in answer for secret in secrets), path
        assert len(answer) < 2000, path
        walked += 1
    return walked


async def test_no_path_leads_out_of_the_index(world):
    release = world.publish("1.0")
    (world.layout.root / "keys").mkdir()
    shutil.copy(world.key_file, world.layout.root / "keys" / "signing.key")
    async with world.serving() as site:
        assert await walk(world, site.capability.port, release.artifact.sha256[:16]) > 1000
        assert (await site.get(release.artifact.path))[0].status == 200


@contextlib.asynccontextmanager
async def nginx(tmp_path, port):
    """The shipped configuration, on a free port and without TLS."""
    if not shutil.which("nginx"):
        pytest.skip("nginx is missing: apt-get install nginx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        front = free.getsockname()[1]
    server = NGINX_CONF.read_text().replace("listen 443 ssl http2;", f"listen 127.0.0.1:{front};")
    server = re.sub(r"^\s*ssl_.*$", "", server, flags=re.MULTILINE).replace(":8081;", f":{port};")
    server = re.sub(r"^.*limit_(req|conn).*$", "", server, flags=re.MULTILINE)
    conf = tmp_path / "nginx.conf"
    conf.write_text(
        f"pid {tmp_path}/nginx.pid; daemon off; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;\n"
        f"fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n{server}\n}}\n"
    )
    command = ["nginx", "-p", str(tmp_path), "-c", str(conf)]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(10):
            while not await answers(front):
                if process.returncode is not None:
                    pytest.fail((await process.stderr.read()).decode())
        yield front
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


async def answers(port):
    try:
        return bool(await raw(port, b"GET /updates/health HTTP/1.0\r\n\r\n"))
    except OSError:
        await asyncio.sleep(0.02)
        return False


async def test_no_path_leads_out_through_nginx_either(world, tmp_path):
    release = world.publish("1.0")
    async with world.serving() as site, nginx(tmp_path, site.capability.port) as front:
        assert await walk(world, front, release.artifact.sha256[:16]) > 1000
        path = release.artifact.path
        answer = await raw(front, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.lower().count(b"cache-control:") == 1
        answer = await raw(front, b"GET /appcast.xml HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.lower().count(b"cache-control: max-age=60\r\n") == 1


async def test_the_guardrail_passes_through_nginx(world, tmp_path):
    async with contextlib.AsyncExitStack() as stack:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            world.set(port=free.getsockname()[1])
        front = await stack.enter_async_context(nginx(tmp_path, world.settings.get("update.port", int)))
        world.set(base_url=f"http://127.0.0.1:{front}")
        world.publish("1.0", content=os.urandom(300_000))
        await stack.enter_async_context(world.serving())
        result = await asyncio.to_thread(world.run, "check", f"http://127.0.0.1:{front}", "--full")
        assert result.exit_code == 0, result.exception
        assert [" ".join(line.split()) for line in result.output.splitlines()] == [
            f"ok {checked}"
            for checked in (
                "/updates/health",
                "/appcast.xml",
                "/appcast.xml?manual=1",
                "/manifest.json",
                "newest artifact",
            )
        ]
        result = await asyncio.to_thread(world.run, "check", f"http://127.0.0.1:{front}/elsewhere")
        assert "status 404" in str(result.exception)


@pytest.mark.parametrize("kind", ["symlink", "directory", "fifo"])
async def test_an_object_that_is_no_plain_file_is_not_opened(world, kind):
    release = world.publish("1.0")
    async with world.serving() as site:
        path = world.layout.object(release.artifact.sha256)
        path.unlink()
        world.key_file.write_bytes(world.key_file.read_bytes().ljust(release.artifact.size_bytes))
        make = {"symlink": lambda: path.symlink_to(world.key_file), "directory": path.mkdir}
        make.get(kind, lambda: os.mkfifo(path))()
        async with asyncio.timeout(5):
            response, body = await site.get(release.artifact.path)
        assert response.status == 503
        assert body == b"not available right now\n"
        assert str(world.tmp) not in site.capability.status().reason


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x00\xa5\x01\x00" + b"\x00" * 100,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /appcast.xml HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /appcast.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n",
        b"GET /appcast.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /appcast.xml?" + b"hardware_id=x&" * 400 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /appcast.xml?hardware_id=%ff%fe%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /appcast.xml?channel=../../x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /appcast.xml HTTP/1.1\r\nHost: x\r\nIf-None-Match: " + b'"' * 8000 + b"\r\nConnection: close\r\n\r\n",
        b"GET /appcast.xml HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: \xff, <script>\r\nConnection: close\r\n\r\n",
    ],
)
async def test_garbage_gets_a_short_answer_and_the_site_lives(world, request_bytes):
    world.publish("1.0")
    async with world.serving() as site:
        answer = await raw(site.capability.port, request_bytes)
        assert b"Traceback" not in answer
        assert str(world.tmp).encode() not in answer
        assert await site.offered() == "1.0"


async def test_two_hundred_clients_that_do_not_read(world):
    """They hold no more than the places there are, cost little memory, disturb nobody, and are cut."""
    release = world.publish("1.0", content=bytes(24_000_000))
    world.set(max_downloads=100, max_downloads_per_client=200, stall_seconds=1.0)
    async with world.serving() as site, contextlib.AsyncExitStack() as stack:
        process = psutil.Process()
        before = process.memory_info().rss
        request = f"GET {release.artifact.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        for _ in range(200):
            _, writer = await asyncio.open_connection("127.0.0.1", site.capability.port, limit=1)
            stack.callback(writer.close)
            writer.transport.pause_reading()
            writer.write(request)
        async with asyncio.timeout(10):
            while site.capability.status().figures["downloads"] < 100:
                await asyncio.sleep(0.01)
        async with asyncio.timeout(1):
            assert await site.offered() == "1.0"
            response, _ = await site.get(release.artifact.path)
        assert response.status == 503
        assert response.headers["Retry-After"]
        assert site.capability.status().figures["downloads"] == 100
        assert process.memory_info().rss - before < 60 * 1024 * 1024
        async with asyncio.timeout(20):
            while site.capability.status().figures["downloads"]:
                await asyncio.sleep(0.05)
        response, body = await site.get(release.artifact.path)
        assert (response.status, len(body)) == (200, 24_000_000)


async def test_a_trickling_client_is_cut_and_a_slow_one_is_not(world, caplog):
    release = world.publish("1.0", content=bytes(40_000_000))
    world.set(stall_seconds=0.5, min_download_kib_per_second=2000)
    request = f"GET {release.artifact.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()

    async def read_at(port, chunk, pause):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(request)
        received = 0
        with contextlib.closing(writer):
            while data := await reader.read(chunk):
                received += len(data)
                await asyncio.sleep(pause)
        return received

    async with world.serving() as site, asyncio.timeout(30):
        trickle = asyncio.create_task(read_at(site.capability.port, 2048, 0.02))
        for wanted in (1, 0):
            while site.capability.status().figures["downloads"] != wanted:
                await asyncio.sleep(0.01)
        assert not trickle.done()
        trickle.cancel()
        assert await read_at(site.capability.port, 200_000, 0.001) >= 40_000_000
    assert "Traceback" not in caplog.text


async def test_a_client_that_leaves_is_no_error(world, caplog):
    release = world.publish("1.0", content=bytes(24_000_000))
    request = f"GET {release.artifact.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    async with world.serving() as site, asyncio.timeout(10):
        await raw(site.capability.port, request, limit=1000)
        while site.capability.status().figures["downloads"]:
            await asyncio.sleep(0.01)
        assert await site.offered() == "1.0"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_flood_is_refused_and_others_are_served(world):
    world.publish("1.0")
    world.set(max_requests_per_minute=20)
    async with world.serving() as site:
        results = [(await site.get("/appcast.xml"))[0] for _ in range(25)]
        assert [response.status for response in results] == [200] * 20 + [429] * 5
        assert int(results[-1].headers["Retry-After"]) >= 1
        assert results[-1].headers.getall("Cache-Control") == ["no-store"]
        other, _ = await site.get("/appcast.xml", **{"X-Forwarded-For": "6.6.6.6, 203.0.113.7"})
        assert other.status == 200
        world.set(trusted_proxies=[])
        pretender, _ = await site.get("/appcast.xml", **{"X-Forwarded-For": "203.0.113.8"})
        assert pretender.status == 429


async def test_one_client_has_so_many_downloads(world):
    release = world.publish("1.0", content=bytes(24_000_000))
    world.set(max_downloads_per_client=1)
    async with world.serving() as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.capability.port, limit=1)
        writer.write(f"GET {release.artifact.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        async with asyncio.timeout(10):
            await reader.read(1)
        assert (await site.get(release.artifact.path))[0].status == 503
        other, _ = await site.get(release.artifact.path, **{"X-Forwarded-For": "203.0.113.7"})
        assert other.status == 200
        writer.close()


def test_the_rate_limit_forgets_the_longest_unseen_client_at_its_cap():
    now = 0.0
    limit = RateLimit(clock=lambda: now)
    assert limit.wait_seconds("first", 1) == 0
    assert limit.wait_seconds("first", 1) == pytest.approx(60)
    for number in range(CLIENTS_MAX):
        limit.wait_seconds(str(number), 1)
    assert len(limit._buckets) == CLIENTS_MAX
    assert limit.wait_seconds("first", 1) == 0
    now = 60.0
    assert limit.wait_seconds(str(CLIENTS_MAX - 1), 1) == 0
    assert limit.wait_seconds("x", 0) == 0


def test_places_come_back():
    places = Downloads()
    assert [places.start("a", 3, 2) for _ in range(3)] == [True, True, False]
    assert [places.start("b", 3, 2) for _ in range(2)] == [True, False]
    for client in ("a", "b", "a"):
        places.end(client)
    assert places.running == 0
    assert not places._by_client
