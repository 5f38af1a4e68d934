"""What nginx absorbs so that the server never sees it, and how its refusals read to a gRPC client."""

import concurrent.futures
import contextlib
import struct
import threading
import time

import grpc
import hpack
import pytest
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto import streaming_pb2_grpc as pb_grpc

from tests.ingress.kit import LIMIT_SECONDS, NAME, NGINX, Backends, Nginx, Open, texts

pytestmark = pytest.mark.skipif(NGINX is None, reason="needs nginx: apt-get install nginx")
MIB = 1024 * 1024
METHOD = "/streaming.StreamingService/StreamAudio"


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")


def test_too_many_requests_of_one_address_read_as_exhausted(tmp_path):
    slow = [("rate=100r/s", "rate=1r/s"), ("burst=200", "burst=2")]
    with Backends() as own, Nginx(tmp_path, own, slow) as front, front.channel() as channel:
        stub = pb_grpc.StreamingServiceStub(channel)
        codes = []
        for _ in range(6):
            try:
                list(stub.StreamAudio(iter([pb.StreamRequest(prompt="hi")]), timeout=10))
            except grpc.RpcError as error:
                codes.append(error.code())
        assert codes
        assert set(codes) == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert front.ask("GET", "/health")[0] == 429


def test_too_many_streams_of_one_address_read_as_exhausted(tmp_path):
    with Backends() as own, Nginx(tmp_path, own) as front, front.channel() as channel:
        stub = pb_grpc.StreamingServiceStub(channel)
        streams = [Open(stub) for _ in range(64)]
        assert {stream.say() for stream in streams} == {"0"}
        with pytest.raises(grpc.RpcError) as caught:
            Open(stub).say()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert caught.value.details() == "too many requests from this address"
        assert [stream.close() for stream in streams] == ["END"] * 64  # the others go on
        assert Open(stub).say() == "0"


def test_a_client_that_never_finishes_its_headers_is_closed(tmp_path):
    impatient = [("client_header_timeout 10s", "client_header_timeout 1s")]
    with Backends() as own, Nginx(tmp_path, own, impatient) as front, front.tls() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: ")
        assert connection.recv(1024) == b""
        assert front.ask("GET", "/health")[0] == 200


def test_a_flood_of_streams_opened_and_reset_is_absorbed(tmp_path):
    """3000 streams, each reset at once, at a pace that nginx itself still reads."""
    encoder = hpack.Encoder()
    head = [(":method", "POST"), (":scheme", "https"), (":path", METHOD), (":authority", NAME)]
    with Backends() as own, Nginx(tmp_path, own) as front:
        began, memory_before = time.monotonic(), front.memory_bytes()
        with front.tls("h2") as attacker, contextlib.suppress(OSError):
            attacker.sendall(PREFACE + frame(4, 1, 0, b""))
            for stream in range(1, 6000, 2):
                block = encoder.encode([*head, ("content-type", "application/grpc"), ("te", "trailers")])
                attacker.sendall(frame(1, 4, stream, block) + frame(3, 0, stream, struct.pack(">I", 8)))
                threading.Event().wait(0.01 if stream % 100 == 1 else 0)
        assert own.scripted.calls <= 200 + 100 * (time.monotonic() - began)
        assert front.memory_bytes() - memory_before < 8 * MIB
        wait_until(lambda: front.ask("GET", "/health")[0] == 200)


def wait_until(holds):
    deadline = time.monotonic() + LIMIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.1)


def test_a_flood_of_headers_is_absorbed(tmp_path):
    """20 MB of CONTINUATION frames: nginx keeps none of them, and goes on serving others meanwhile."""
    headers = frame(9, 0, 1, literal_header(b"x" * 4000))

    def flood(attacker):
        with contextlib.suppress(OSError):
            attacker.sendall(PREFACE + frame(1, 0, 1, b"\x82\x84\x87") + headers * 5000)

    with Backends() as own, Nginx(tmp_path, own) as front, front.channel() as channel:
        stub = pb_grpc.StreamingServiceStub(channel)
        memory_before = front.memory_bytes()
        with front.tls("h2") as attacker, concurrent.futures.ThreadPoolExecutor() as pool:
            flooding = pool.submit(flood, attacker)
            began = time.monotonic()
            assert texts(stub.StreamAudio(iter([pb.StreamRequest(prompt="hi")]), timeout=10)) == ["0"]
            assert time.monotonic() - began < 2
            flooding.result(LIMIT_SECONDS)
            assert front.memory_bytes() - memory_before < 8 * MIB


def literal_header(value):
    """A header that no table holds, HPACK-encoded without indexing; its length takes two bytes more."""
    length = len(value) - 127
    encoded = b"\x7f"
    while length >= 128:
        encoded += bytes([length % 128 + 128])
        length //= 128
    return b"\x00\x01x" + encoded + bytes([length]) + value
