"""Downloads against a real HTTP server that truncates, lies and stalls."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from nexy_tts.download import Source, download, fetch_bytes

from nexy_core import Unavailable

BODY = bytes(range(256)) * 1000
TIMEOUT_SECONDS = 0.5


class Server(ThreadingHTTPServer):
    """Serves BODY in the way ``manners`` says, one manner a request, the last one for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.manners = ["honest"]
        self.ranges: list[str] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/voice.onnx"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        self.server.ranges.append(asked)
        manner = self.server.manners.pop(0) if len(self.server.manners) > 1 else self.server.manners[0]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        getattr(self, manner)(start)

    def _answer(self, start: int, body: bytes, length: int | None = None, claimed: int | None = None) -> None:
        self.send_response(206 if start else 200)
        if start:
            self.send_header(
                "Content-Range", f"bytes {start if claimed is None else claimed}-{len(BODY) - 1}/{len(BODY)}"
            )
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def honest(self, start: int) -> None:
        self._answer(start, BODY[start:])

    def truncates(self, start: int) -> None:
        self._answer(start, BODY[start : start + 100_000], len(BODY) - start)
        self.close_connection = True

    def ignores_ranges(self, _start: int) -> None:
        self._answer(0, BODY)

    def wrong_part(self, start: int) -> None:
        self._answer(start, BODY[: len(BODY) - start], claimed=0)

    def lies(self, start: int) -> None:
        self._answer(start, bytes(len(BODY) - start))

    def too_much(self, start: int) -> None:
        self._answer(start, BODY[start:] + bytes(100_000))

    def stalls(self, start: int) -> None:
        self._answer(start, BODY[start : start + 1000], len(BODY) - start)
        self.server.released.wait(10)

    def drips(self, start: int) -> None:
        self._answer(start, b"", len(BODY) - start)
        while not self.server.released.wait(0.02):
            self.wfile.write(b"x")

    def fails(self, _start: int) -> None:
        self.send_error(503)

    def bad_range(self, _start: int) -> None:
        self.send_error(416)

    def redirects_to_a_file(self, _start: int) -> None:
        self.send_response(302)
        self.send_header("Location", "file:///etc/hostname")
        self.end_headers()


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "voices" / "voice.onnx"


def source(server: Server, **changes: object) -> Source:
    facts = {"url": server.url, "size_bytes": len(BODY), "algorithm": "md5", "digest": hashlib.md5(BODY).hexdigest()}
    return Source(**facts | changes)


def bring(server: Server, target, **changes: object) -> list[int]:
    seen: list[int] = []
    download(source(server, **changes), target, TIMEOUT_SECONDS, seen.append)
    return seen


def test_an_honest_server(server, target) -> None:
    seen = bring(server, target)
    assert target.read_bytes() == BODY
    assert seen == sorted(seen)
    assert seen[-1] == len(BODY)
    assert [path.name for path in target.parent.iterdir()] == ["voice.onnx"]


@pytest.mark.parametrize(
    ("manners", "ranges"),
    [
        (["truncates", "honest"], ["", "bytes=100000-"]),
        (["truncates", "truncates", "honest"], ["", "bytes=100000-", "bytes=200000-"]),
        (["stalls", "honest"], ["", "bytes=1000-"]),
        (["truncates", "ignores_ranges"], ["", "bytes=100000-"]),
        (["truncates", "wrong_part", "honest"], ["", "bytes=100000-", ""]),
        (["truncates", "bad_range", "honest"], ["", "bytes=100000-", ""]),
        (["lies", "honest"], ["", ""]),
        (["too_much", "honest"], ["", ""]),
        (["truncates", "lies", "honest"], ["", "bytes=100000-", ""]),
        (["fails", "honest"], ["", ""]),
    ],
)
def test_a_bad_server_that_gets_better(server, target, manners, ranges) -> None:
    server.manners = manners
    bring(server, target)
    assert target.read_bytes() == BODY
    assert server.ranges == ranges


@pytest.mark.parametrize(
    ("manner", "why"),
    [
        ("lies", "the checksum is wrong"),
        ("too_much", "sent too much"),
        ("stalls", "timed out"),
        ("drips", "too slow"),
        ("fails", "answered 503"),
    ],
)
def test_a_bad_server_that_stays_bad_leaves_no_voice(server, target, manner, why) -> None:
    server.manners = [manner]
    with pytest.raises(Unavailable, match=rf"voice\.onnx was not downloaded: .*{why}"):
        bring(server, target)
    assert not target.exists()
    assert len(server.ranges) <= 8


def test_a_later_run_goes_on_where_an_earlier_one_stopped(server, target) -> None:
    target.parent.mkdir()
    target.with_name("voice.onnx.part").write_bytes(BODY[:70_000])
    bring(server, target)
    assert server.ranges == ["bytes=70000-"]
    assert target.read_bytes() == BODY


def test_a_complete_part_needs_no_server(server, target) -> None:
    target.parent.mkdir()
    target.with_name("voice.onnx.part").write_bytes(BODY)
    bring(server, target)
    assert server.ranges == []


def test_a_rotten_part_is_thrown_away(server, target) -> None:
    target.parent.mkdir()
    target.with_name("voice.onnx.part").write_bytes(bytes(70_000))
    bring(server, target)
    assert target.read_bytes() == BODY


def test_sha256_is_checked(server, target) -> None:
    bring(server, target, algorithm="sha256", digest=hashlib.sha256(BODY).hexdigest())
    with pytest.raises(Unavailable, match="checksum"):
        bring(server, target, algorithm="sha256", digest="0" * 64)


@pytest.mark.parametrize("size", [0, -1, 2**40])
def test_absurd_sizes_are_refused_before_asking(server, target, size) -> None:
    with pytest.raises(Unavailable, match="makes no sense"):
        bring(server, target, size_bytes=size)
    assert server.ranges == []


def test_two_downloads_of_one_file_do_not_mix(server, target) -> None:
    server.manners = ["stalls"]
    started, finished = threading.Event(), threading.Event()

    def first() -> None:
        download(source(server), target, 10, lambda _: started.set())
        finished.set()

    thread = threading.Thread(target=first)
    thread.start()
    assert started.wait(5)
    with pytest.raises(Unavailable, match="another download"):
        bring(server, target)
    server.manners = ["honest"]
    server.released.set()
    thread.join(10)
    assert finished.is_set()
    assert target.read_bytes() == BODY


def test_a_folder_that_cannot_be_made(server, tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="was not downloaded"):
        bring(server, tmp_path / "file" / "voice.onnx")


def test_nothing_but_http(server, target, tmp_path) -> None:
    server.manners = ["redirects_to_a_file"]
    with pytest.raises(Unavailable):
        fetch_bytes(server.url, 1000, TIMEOUT_SECONDS)
    with pytest.raises(Unavailable, match="only http"):
        fetch_bytes((tmp_path / "x").as_uri(), 1000, TIMEOUT_SECONDS)


def test_a_list_has_a_largest_size(server) -> None:
    assert fetch_bytes(server.url, len(BODY), TIMEOUT_SECONDS) == BODY
    with pytest.raises(Unavailable, match="larger"):
        fetch_bytes(server.url, len(BODY) - 1, TIMEOUT_SECONDS)


def test_a_list_that_drips_is_given_up(server) -> None:
    server.manners = ["drips"]
    with pytest.raises(Unavailable, match="too slow"):
        fetch_bytes(server.url, len(BODY), TIMEOUT_SECONDS)


def test_nobody_listens(target) -> None:
    with pytest.raises(Unavailable, match="connection failed"):
        download(Source("http://127.0.0.1:9/voice.onnx", 10, "md5", "0"), target, TIMEOUT_SECONDS, lambda _: None)
