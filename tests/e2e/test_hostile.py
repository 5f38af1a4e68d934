"""A server that hostile clients cannot hurt: after each attack a polite client is answered and nothing has leaked."""

import asyncio
import base64
import contextlib
import gzip
import json
import socket
import ssl
import struct
import time
import urllib.request
import uuid

import grpc
import h2.config
import h2.connection
import psutil
import pytest
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.wire import ask, question, receive

# 34 bytes that say 16384 x 16384 pixels.
WEBP_16K = base64.b64encode(b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f" + struct.pack("<I", 0x0FFFFFFF) + bytes(9)).decode()
METHOD = "/streaming.StreamingService/StreamAudio"
SETTLE_SECONDS = 30


@pytest.fixture
def stub(scripted_stub, scripted):
    """A polite client; afterwards it must be answered and every slot and stream must be free."""
    assert ask(scripted_stub, "say Hi.").text == "Hi."
    yield scripted_stub
    assert ask(scripted_stub, "say Still here.").text == "Still here."
    limits = settled(scripted)
    assert (limits["turns"], limits["slots_used"]) == (0, 0)
    assert not [line for line in scripted.lines if "Traceback" in line]


def settled(server):
    """The limits as /status shows them once nothing runs."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        with urllib.request.urlopen(server.http + "/status") as response:
            limits = json.load(response)["limits"]
        if not limits["turns"] and not limits["slots_used"] and not limits["streams"]:
            return limits
        assert time.monotonic() < deadline, limits
        time.sleep(0.05)


def address(server):
    host, _, port = server.address.rpartition(":")
    return host, int(port)


class RawClient:
    """HTTP/2 by hand."""

    def __init__(self, server, window=65_535):
        self.socket = socket.create_connection(address(server), timeout=10)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.h2.local_settings.initial_window_size = window
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def open(self, message=None, end=False, method=METHOD, **extra):
        stream = self.h2.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method),
            (":authority", "x"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            *((key.replace("_", "-"), value) for key, value in extra.items()),
        ]
        self.h2.send_headers(stream, headers)
        if message is not None:
            self.h2.send_data(stream, framed(message), end_stream=end)
        return stream

    def close(self):
        self.socket.close()


def framed(message, compressed=0):
    return struct.pack(">BI", compressed, len(message)) + message


@pytest.mark.parametrize("size", [0, 1, 1024, 1024 * 1024, 16 * 1024 * 1024, 64 * 1024 * 1024])
def test_messages_of_any_size(stub, scripted, size):
    with grpc.insecure_channel(scripted.address, options=[("grpc.max_send_message_length", -1)]) as channel:
        raw = channel.stream_stream(METHOD)
        with pytest.raises(grpc.RpcError) as ended:
            list(raw(iter([b"\x0a" * size])))
    assert ended.value.code() in {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
    assert "parse" not in ended.value.details().lower()


@pytest.mark.parametrize(
    "garbage",
    [b"\x00" * 1000, b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100, b"\x16\x03\x01"],
)
def test_garbage_on_the_port(stub, scripted, garbage):
    for _ in range(20):
        with socket.create_connection(address(scripted), timeout=10) as raw:
            raw.sendall(garbage)


def test_a_tls_hello_to_the_plain_port(stub, scripted):
    context = ssl.create_default_context()
    with socket.create_connection(address(scripted), timeout=10) as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw, server_hostname="x")


def test_silent_sockets_do_not_stay(stub, scripted):
    silent = [socket.create_connection(address(scripted), timeout=30) for _ in range(50)]
    for raw in silent:
        with contextlib.suppress(OSError):
            while raw.recv(1000):  # its SETTINGS frame, then the end after the handshake timeout
                pass
        raw.close()


def test_rapid_resets(stub, scripted):
    for _ in range(5):
        client = RawClient(scripted)
        for _ in range(100):
            stream = client.open(question("count 3").SerializeToString())
            client.h2.reset_stream(stream)
        with contextlib.suppress(OSError):
            client.flush()
        client.close()


def test_a_client_with_a_zero_window_holds_one_turn_at_most(stub, scripted):
    client = RawClient(scripted, window=0)
    client.open(question("count 50", hardware_id="Z").SerializeToString(), end=True)
    client.flush()
    assert ask(stub, "say Meanwhile.").text == "Meanwhile."
    client.close()


def test_peers_that_die_in_the_middle(stub, scripted):
    for _ in range(20):
        client = RawClient(scripted)
        client.open(question("count 50").SerializeToString()[:10])
        client.flush()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()  # a reset, not a close


def test_a_gzip_bomb_is_refused_by_its_decompressed_size(stub, scripted):
    bomb = gzip.compress(bytes(200 * 1024 * 1024))
    before = memory(scripted)
    client = RawClient(scripted)
    stream = client.open(grpc_encoding="gzip")
    client.h2.increment_flow_control_window(1024 * 1024)
    body = framed(bomb, compressed=1)
    with contextlib.suppress(OSError, h2.exceptions.ProtocolError):
        while body:
            allowed = min(client.h2.local_flow_control_window(stream), client.h2.max_outbound_frame_size, len(body))
            if not allowed:
                client.flush()
                data = client.socket.recv(65_536)
                if not data:
                    break
                client.h2.receive_data(data)
                continue
            client.h2.send_data(stream, body[:allowed])
            body = body[allowed:]
        client.flush()
    client.close()
    assert memory(scripted) < before + 150 * 1024 * 1024


def memory(server):
    return psutil.Process(server.process.pid).memory_info().rss


@pytest.mark.parametrize("image", ["", WEBP_16K, "R0lGODlhAQABAAAAACw=", "A" * 100_000])
def test_image_bombs(stub, image):
    received = receive(stub.StreamAudio(iter([question("say Hi.", screenshot=image)])))
    assert received.text == "Hi." if not image else received.error is not None


def test_a_thousand_streams_at_once(stub, scripted):
    asyncio.run(_streams(scripted, 1000))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_ten_thousand_streams_and_the_memory_comes_back(start_scripted):
    server = start_scripted(NEXY_BACKPRESSURE__IDLE_TIMEOUT_SECONDS="600")
    asyncio.run(_streams(server, 10_000))
    settled(server)
    before = memory(server)
    for _ in range(2):
        asyncio.run(_streams(server, 10_000))
        settled(server)
    assert memory(server) < before * 1.2


async def _streams(server, count):
    channels = [
        grpc.aio.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(count // 500)
    ]
    calls = [StreamingServiceStub(channel).StreamAudio() for channel in channels for _ in range(500)]
    for call in calls:
        message = question("", hardware_id=str(uuid.uuid4()))
        message.phase, message.chunk_seq = pb.REQUEST_PHASE_COLLECT, 1
        await call.write(message)
    for call in calls:
        assert (await call.read()).end_message == "COLLECT_ACCEPTED"
    for call in calls:
        call.cancel()
    for channel in channels:
        await channel.close()


def test_a_flood_of_tiny_messages_is_limited_and_the_others_are_served(stub, scripted):
    flood(stub, 2000)


@pytest.mark.long
def test_a_hundred_thousand_tiny_messages(stub, scripted):
    flood(stub, 100_000)


def flood(stub, count):
    session = str(uuid.uuid4())
    snapshots = (
        pb.StreamRequest(hardware_id="F", session_id=session, phase=pb.REQUEST_PHASE_COLLECT, chunk_seq=number)
        for number in range(count)
    )
    received = []
    with pytest.raises(grpc.RpcError) as ended:
        received.extend(stub.StreamAudio(snapshots))
    assert ended.value.code() in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL}
    assert ask(stub, "say Served.", hardware_id="G").text == "Served."
