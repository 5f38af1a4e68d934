"""The update site against aiohttp alone: a large download, the feed, and building feeds out of many releases.

CPU time of the server process, user and system; the client is this process. A smaller download fits the same measure:
`NEXY_BENCH_ARTIFACT_MB=50`.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import attrs
from nexy_updates import operator as op
from nexy_updates.drafts import make_draft
from nexy_updates.keys import SigningKey
from nexy_updates.model import Artifact, Entry, Release
from nexy_updates.offers import FeedBuilder, Wording

from benchmarks._update_site import ARTIFACT, FEED, settings
from benchmarks.harness import Comparison, Measure

MB = 1_000_000
ARTIFACT_MB = int(os.environ.get("NEXY_BENCH_ARTIFACT_MB", "276"))
FEED_REQUESTS = 10_000
RELEASES = 5000


@attrs.frozen
class Server:
    """A site that runs."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """Of all threads, to the nanosecond: the process's own figures are in ticks of 10 ms."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


@contextmanager
def running(kind: str, loop: str, folder: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "benchmarks._update_site", kind, loop, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(process.pid, int(process.stdout.readline()))
        finally:
            process.kill()


def download(server: Server, path: str) -> Measure:
    """CPU milliseconds of the server for one whole artifact."""
    buffer = bytearray(MB)

    def run() -> float:
        before = server.cpu_seconds()
        received = 0
        with server.connect() as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            while count := connection.recv_into(buffer):
                received += count
        assert received > ARTIFACT_MB * MB
        return 1000 * (server.cpu_seconds() - before)

    return run


def feed(server: Server, size: int) -> Measure:
    """CPU microseconds of the server for one feed, on a connection that stays open."""

    def run() -> float:
        with server.connect() as connection, connection.makefile("rb") as answers:
            before = server.cpu_seconds()
            for _ in range(FEED_REQUESTS):
                connection.sendall(b"GET /appcast.xml HTTP/1.1\r\nHost: x\r\n\r\n")
                while answers.readline() != b"\r\n":
                    pass
                assert len(answers.read(size)) == size
            return 1e6 * (server.cpu_seconds() - before) / FEED_REQUESTS

    return run


def publish(folder: Path) -> tuple[str, bytes]:
    """A store with one large release; its download path and feed are returned."""
    key = SigningKey.generate()
    key.write(folder / "key")
    (folder / "public").write_text(key.public.text)
    file = folder / "Nexy.dmg"
    file.write_bytes(os.urandom(MB) * ARTIFACT_MB)
    publisher = op.publisher_of(settings(folder), [str(folder / "key")])
    release, seq = publisher.publish(make_draft(file, "1.0", None, ["stable"], 10_000, [], {"short_version": "1.0"}))
    file.rename(folder / ARTIFACT)
    feeds = sorted(publisher.layout.generation(seq).glob("*.xml"), key=lambda path: path.stat().st_size)
    shutil.copy(feeds[-1], folder / FEED)
    return release.artifact.path, (folder / FEED).read_bytes()


def build_feeds() -> float:
    """CPU milliseconds for every feed of a channel with many releases."""
    key = SigningKey.generate()
    when = datetime(2026, 1, 1, tzinfo=UTC)
    releases = [
        Release(
            f"1.{n}", f"1.{n}", "stable", when, Artifact(f"{n:064x}", MB, "Nexy.dmg", "A" * 88), notes="Better. " * 20
        )
        for n in range(RELEASES)
    ]
    entries = [Entry(r.version, f"{n:064x}", 10_000, False, r.artifacts) for n, r in enumerate(releases)]
    builder = FeedBuilder(
        Wording("Nexy", "https://x.example", ("stable",), 30), key, lambda name: releases[int(name, 16)]
    )
    start = time.process_time()
    builder.offers("stable", {"stable": entries}, {})
    return 1000 * (time.process_time() - start)


def comparisons() -> Iterator[Comparison]:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        path, body = publish(folder)
        servers = {
            (kind, loop): stack.enter_context(running(kind, loop, folder))
            for kind in ("ours", "bare")
            for loop in ("asyncio", "uvloop")
        }
        time.sleep(5 + ARTIFACT_MB / 100)  # our servers hash the artifact once, slowly, after they start
        for loop in ("asyncio", "uvloop"):
            ours, bare = servers["ours", loop], servers["bare", "asyncio"]
            label = f"{ARTIFACT_MB} MB download, {loop}"
            yield Comparison(
                label, "CPU ms", download(ours, path), download(bare, "/artifact"), "FileResponse on asyncio"
            )
        for loop in ("asyncio", "uvloop"):
            ours, bare = servers["ours", loop], servers["bare", loop]
            label = f"feed of {len(body)} bytes, {loop}"
            yield Comparison(label, "CPU µs", feed(ours, len(body)), feed(bare, len(body)), f"bare handler on {loop}")
    yield Comparison(f"feeds out of {RELEASES} releases", "CPU ms", build_feeds)
