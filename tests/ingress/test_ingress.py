"""The shipped nginx configuration does what docs/deployment.md says, in a real nginx with TLS."""

import concurrent.futures
import threading

import grpc
import pytest
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto import streaming_pb2_grpc as pb_grpc

from tests.ingress.kit import LIMIT_SECONDS, NGINX, Backends, Nginx, Open, texts

pytestmark = pytest.mark.skipif(NGINX is None, reason="needs nginx: apt-get install nginx")
MIB = 1024 * 1024
METHOD = "/streaming.StreamingService/StreamAudio"
PUBLIC = ("/health", "/status", "/appcast.xml", "/manifest.json", "/updates/health")


TRAVERSALS = (
    "/updates/../metrics",
    "/updates/%2e%2e/metrics",
    "/updates/..%2fx/../../metrics",
    "/updates/../../../../etc/passwd",
    "/updates/%00/../../metrics",
    "/health/../turns",
    "//metrics",
    "/./metrics",
    "/%6detrics",
)


@pytest.fixture(scope="module")
def backends():
    with Backends() as running:
        yield running


@pytest.fixture(scope="module")
def nginx(tmp_path_factory, backends):
    with Nginx(tmp_path_factory.mktemp("nginx"), backends, [("burst=200", "burst=100000")]) as running:
        yield running


@pytest.fixture
def stub(nginx):
    with nginx.channel() as channel:
        yield pb_grpc.StreamingServiceStub(channel)


def test_a_turn_of_a_released_client_goes_through(stub):
    assert texts(stub.StreamAudio(iter([pb.StreamRequest(prompt="hi", screenshot="1234")]), timeout=10)) == ["4"]


def test_an_answer_is_not_held_back_until_the_stream_ends(stub):
    stream = Open(stub)
    assert stream.say("12") == "2"  # the server has not ended: it waits for the next message
    assert stream.say("123") == "3"
    assert stream.close() == "END"


def test_large_messages_pass_one_after_the_other_on_one_stream(stub):
    stream = Open(stub)
    assert [stream.say("x" * 5 * MIB) for _ in range(3)] == [str(5 * MIB)] * 3
    assert stream.close() == "END"


@pytest.mark.long
@pytest.mark.timeout(200)
def test_a_stream_that_is_silent_for_longer_than_a_minute_lives(stub):
    stream = Open(stub)
    stream.say()
    silence = threading.Event()
    silence.wait(75)  # nginx's own limits are 60 s; there is nothing else to wait for
    assert stream.say("1") == "1"


@pytest.mark.parametrize(
    "path", ["/", "/nope", "/metrics", "/turns", "/console", "/health/x", "/statusx", "/favicon.ico"]
)
def test_what_is_not_public_is_not_found(nginx, backends, path):
    before = len(backends.seen)
    assert nginx.ask("GET", path)[0] == 404
    assert len(backends.seen) == before


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_traversal_leads_to_what_is_not_public(nginx, backends, path):
    before = len(backends.seen)
    assert nginx.ask("GET", path)[0] in {400, 404}
    assert len(backends.seen) == before


@pytest.mark.parametrize("path", PUBLIC)
def test_head_and_get_agree_and_are_cached_as_the_server_says(nginx, path):
    got, head = nginx.ask("GET", path), nginx.ask("HEAD", path)
    assert got[0] == head[0] == 200
    for _, headers, _ in (got, head):
        assert len([value for name, value in headers if name == "cache-control"]) == 1
        assert ("content-type", "application/json; charset=utf-8") in headers
    assert head[2] == b""


def test_the_server_is_told_that_the_request_came_through_a_proxy(nginx):
    _, _, body = nginx.ask("GET", "/status", "X-Forwarded-For: 127.0.0.1\r\n")
    assert b'"for": "127.0.0.1"' in body  # the address nginx saw, not the one the client claims
    _, _, body = nginx.ask("GET", "/status", "X-Forwarded-For: 10.9.8.7\r\n")
    assert b"10.9.8.7" not in body


def test_health_asked_for_as_grpc_is_still_not_grpc(nginx):
    status, headers, _ = nginx.ask("GET", "/health", "Content-Type: application/grpc\r\n")
    assert status == 200
    assert "grpc-status" not in dict(headers)


def test_an_unknown_rpc_is_unimplemented(nginx):
    with nginx.channel() as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/streaming.StreamingService/Nope")(b"", timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_turns_go_on_through_reloads(nginx, stub):
    failures, stop = [], threading.Event()

    def keep_asking():
        while not stop.is_set():
            try:
                list(stub.StreamAudio(iter([pb.StreamRequest(prompt="hi")]), timeout=10))
            except grpc.RpcError as error:
                failures.append(error)

    long_stream = Open(stub)
    long_stream.say()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asking = pool.submit(keep_asking)
        for _ in range(3):
            nginx.reload()
            list(stub.StreamAudio(iter([pb.StreamRequest(prompt="hi")]), timeout=10))
        assert long_stream.say("12") == "2"
        stop.set()
        asking.result(LIMIT_SECONDS)
    assert not failures


def test_a_server_that_is_down_reads_as_unavailable(tmp_path):
    with Backends() as own, Nginx(tmp_path, own) as front, front.channel() as channel:
        own.stop_grpc()
        with pytest.raises(grpc.RpcError) as caught:
            list(pb_grpc.StreamingServiceStub(channel).StreamAudio(iter([pb.StreamRequest(prompt="hi")]), timeout=10))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert caught.value.details() == "the server is not reachable"
        assert front.ask("GET", "/health")[0] == 200


def test_a_server_that_dies_under_a_stream_reads_as_unavailable(tmp_path):
    with Backends() as own, Nginx(tmp_path, own) as front, front.channel() as channel:
        stream = Open(pb_grpc.StreamingServiceStub(channel))
        assert stream.say() == "0"
        own.stop_grpc()
        with pytest.raises(grpc.RpcError) as caught:
            stream.close()
        assert caught.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
