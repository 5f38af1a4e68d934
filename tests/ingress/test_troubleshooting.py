"""Each row of docs/troubleshooting-502.md, reproduced: what the server and a real nginx say when that is the cause."""

import json
import os
import re
import signal
import urllib.error
import urllib.request
from types import SimpleNamespace

import grpc
import pytest
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto import streaming_pb2_grpc as pb_grpc
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess

from tests.ingress.kit import LIMIT_SECONDS, NGINX, ROOT, Backends, Nginx, Open, free_port

pytestmark = pytest.mark.skipif(NGINX is None, reason="needs nginx: apt-get install nginx")
PAGE = (ROOT / "docs" / "troubleshooting-502.md").read_text(encoding="utf-8")
HEALTH = "location = /health { proxy_pass http://nexy_http; }"
TAKES_ALL = ("if ($nexy_is_grpc = 0) { return 404; }", "")
REGEX = "location /health { proxy_pass http://nexy_http; } location ~ ^/he { grpc_pass nexy_grpc; }"
GONE = "nothing"


def rows():
    """Cause to what the page says of the server's own answer and of nginx's."""
    table = PAGE.split("| --- | --- | --- | --- |\n", 1)[1].split("\n\n", 1)[0]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    return {cause: (first, second) for first, second, cause, _ in cells}


def ask(url):
    """The status the server itself answers with, or that it does not."""
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except OSError:
        return GONE


def ports(server):
    grpc_port, http_port = (int(address.rpartition(":")[2]) for address in (server.address, server.http))
    return SimpleNamespace(grpc=grpc_port, http=http_port, updates=free_port())


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    def started(**environ):
        folder = tmp_path_factory.mktemp("server")
        return ServerProcess(folder, {"NEXY_PLUGINS__MODULES": json.dumps(modules()), **environ})

    return started


@pytest.fixture(scope="module")
def server(start):
    with start() as running:
        yield running


def observed(http_port, folder, backends, edits=()):
    with Nginx(folder, backends, edits) as nginx:
        status, headers, _ = nginx.ask("GET", "/health")
        said = f"{status} {dict(headers)['content-type']} {(folder / 'error.log').read_text(encoding='utf-8')}"
        return ask(f"http://127.0.0.1:{http_port}/health"), said


def matches(cause, found):
    first, second = rows()[cause]
    server, nginx = found
    assert first.startswith(server)
    assert nginx.startswith(second[:3])
    assert [word for word in re.findall(r"`([^`]+)`", second) if word not in nginx] == []


SEEDED = {
    "a regex location wins and hands the path to gRPC": [(HEALTH, REGEX)],
    "no location for the path and `location /` takes all; without `error_page` it is a 502": [(HEALTH, ""), TAKES_ALL],
    "no location for the path": [(HEALTH, "")],
}


@pytest.mark.parametrize("cause", SEEDED)
def test_a_wrong_location(server, tmp_path, cause):
    backends = ports(server)
    matches(cause, observed(backends.http, tmp_path, backends, SEEDED[cause]))


def test_without_error_page_the_request_in_the_grpc_proxy_is_a_502(server, tmp_path):
    backends = ports(server)
    edits = [(HEALTH, ""), TAKES_ALL, ("error_page 502 503 504 = @grpc_unavailable;", "")]
    assert observed(backends.http, tmp_path, backends, edits)[1].startswith("502")


def test_another_port(server, tmp_path):
    backends = ports(server)
    asks_another = SimpleNamespace(grpc=backends.grpc, http=free_port(), updates=backends.updates)
    cause = "nginx asks another address or port than the server listens on"
    matches(cause, observed(backends.http, tmp_path, asks_another))


def test_a_server_that_is_down(tmp_path):
    nobody = SimpleNamespace(grpc=free_port(), http=free_port(), updates=free_port())
    matches("the server is down, or still loading the model", observed(nobody.http, tmp_path, nobody))


def test_a_server_that_is_not_ready(start, tmp_path):
    with start(NEXY_PLUGINS__REQUIRED='["llm", "absent"]') as server:
        backends = ports(server)
        matches("not ready: a required plugin does not serve", observed(backends.http, tmp_path, backends))


def test_a_server_that_is_stuck(start, tmp_path):
    with start() as server:
        backends = ports(server)
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            found = observed(backends.http, tmp_path, backends, [("proxy_read_timeout 30s", "proxy_read_timeout 1s")])
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
    matches("the process is stopped or stuck", found)


def test_every_row_is_one_of_these():
    assert len(rows()) == len(SEEDED) + 4


@pytest.mark.parametrize("limit", ["client_body_timeout", "grpc_read_timeout"])
def test_silence_beyond_either_limit_breaks_a_stream(tmp_path, limit):
    with (
        Backends() as own,
        Nginx(tmp_path, own, [(f"{limit} 900s", f"{limit} 4s")]) as front,
        front.channel() as channel,
    ):
        stream = Open(pb_grpc.StreamingServiceStub(channel))
        stream.say()
        with pytest.raises(grpc.RpcError):
            next(stream.responses)


def test_more_than_a_mebibyte_in_total_breaks_a_stream_without_the_line(tmp_path):
    usual = [("client_max_body_size 0;", "client_max_body_size 1m;")]
    messages = [pb.StreamRequest(prompt="hi", screenshot="x" * 600_000)] * 2
    with Backends() as own, Nginx(tmp_path, own, usual) as front, front.channel() as channel:
        stub = pb_grpc.StreamingServiceStub(channel)
        with pytest.raises(grpc.RpcError):
            list(stub.StreamAudio(iter(messages), timeout=LIMIT_SECONDS))
