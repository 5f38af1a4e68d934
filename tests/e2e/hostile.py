"""Hostile clients, one function each, and a polite one beside them."""

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import struct
import threading
import time
import urllib.request
import uuid

import grpc
import h2.config
import h2.connection
import h2.exceptions
import h2.settings
import psutil
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.wire import question, receive

METHOD = "/streaming.StreamingService/StreamAudio"
WELCOME = "/streaming.StreamingService/GenerateWelcomeAudio"
SETTLE_SECONDS = 60
POLITE_SECONDS = 30
PAUSE_SECONDS = 0.02
BOMB_BYTES = 200 * 1024 * 1024
GARBAGE = (
    b"\x00" * 1000,
    b"GET / HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100,
    b"\x16\x03\x01",
)
SIZES = (0, 1, 1024, 1024 * 1024, 16 * 1024 * 1024, 64 * 1024 * 1024)


class Polite:
    """Asks one short question after another, from ever new devices, and must be answered each time."""

    def __init__(self, server):
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answered = 0
        self.problems = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        assert not self.problems
        assert self.answered

    def _run(self):
        with grpc.insecure_channel(self._server.address) as channel:
            stub = StreamingServiceStub(channel)
            while not self._over.is_set() and not self.problems:
                request = question("say Hi.", hardware_id=str(uuid.uuid4()))
                received = receive(stub.StreamAudio(iter([request]), timeout=POLITE_SECONDS))
                if received.error or received.text != "Hi.":
                    self.problems.append((received.error and received.error.message, received.text))
                self.answered += 1
                self._over.wait(PAUSE_SECONDS)


def status(server):
    """The limits as /status shows them."""
    with urllib.request.urlopen(server.http + "/status") as response:
        return json.load(response)["limits"]


def settled(server):
    """The limits once nothing runs."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        limits = status(server)
        if not limits["turns"] and not limits["slots_used"] and not limits["streams"]:
            return limits
        assert time.monotonic() < deadline, limits
        time.sleep(0.05)


def memory(server):
    return psutil.Process(server.process.pid).memory_info().rss


def address(server):
    host, _, port = server.address.rpartition(":")
    return host, int(port)


class RawClient:
    """HTTP/2 by hand."""

    def __init__(self, server, window=65_535):
        self.socket = socket.create_connection(address(server), timeout=10)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
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

    def answer_pings_until(self, done):
        """Be alive as a connection, whatever the streams do. Returns False when the server hung up first."""
        self.socket.settimeout(0.05)
        while not done():
            with contextlib.suppress(TimeoutError):
                data = self.socket.recv(65_536)
                if not data:
                    return False
                self.h2.receive_data(data)
            self.flush()
        return True

    def close(self):
        self.socket.close()


def framed(message, compressed=0):
    return struct.pack(">BI", compressed, len(message)) + message


# --- attacks ------------------------------------------------------------------------------------


def messages_of_any_size(server, sizes=SIZES):
    for size in sizes:
        with grpc.insecure_channel(server.address, options=[("grpc.max_send_message_length", -1)]) as channel:
            try:
                list(channel.stream_stream(METHOD)(iter([b"\x0a" * size])))
            except grpc.RpcError as error:
                assert error.code() in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED}
                assert "parse" not in error.details().lower()
            else:
                raise AssertionError(f"{size} bytes were answered")


def garbage(server, kinds=GARBAGE):
    for kind in kinds:
        for _ in range(20):
            with socket.create_connection(address(server), timeout=10) as raw:
                raw.sendall(kind)


def tls_hello(server):
    context = ssl.create_default_context()
    with socket.create_connection(address(server), timeout=10) as raw:
        try:
            context.wrap_socket(raw, server_hostname="x")
        except ssl.SSLError:
            return
    raise AssertionError("TLS on the plain port")


def rapid_resets(server):
    for _ in range(5):
        client = RawClient(server)
        for _ in range(100):
            stream = client.open(question("count 3").SerializeToString())
            client.h2.reset_stream(stream)
        with contextlib.suppress(OSError):
            client.flush()
        client.close()


def dead_peers(server):
    for _ in range(20):
        client = RawClient(server)
        client.open(question("count 50").SerializeToString()[:10])
        client.flush()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()  # a reset, not a close


def gzip_bomb(server):
    client = RawClient(server)
    stream = client.open(grpc_encoding="gzip")
    client.h2.increment_flow_control_window(1024 * 1024)
    body = framed(gzip.compress(bytes(BOMB_BYTES)), compressed=1)
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


def tiny_messages(server, count=2000):
    """Send so many from one device, on ever new streams because each is refused; returns how many were accepted."""
    device, sent, accepted = str(uuid.uuid4()), 0, 0

    def snapshots():
        nonlocal sent
        session = str(uuid.uuid4())
        for number in range(count - sent):
            sent += 1
            yield pb.StreamRequest(
                hardware_id=device, session_id=session, phase=pb.REQUEST_PHASE_COLLECT, chunk_seq=number + 1
            )

    with grpc.insecure_channel(server.address) as channel:
        while sent < count:
            try:
                for message in StreamingServiceStub(channel).StreamAudio(snapshots()):
                    accepted += message.end_message == "COLLECT_ACCEPTED"
            except grpc.RpcError as error:
                assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, error
    return accepted


def many_streams(server, count=1000):
    asyncio.run(_streams(server, count))


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


def image_bombs(server, images):
    with grpc.insecure_channel(server.address) as channel:
        stub = StreamingServiceStub(channel)
        for image in images:
            received = receive(stub.StreamAudio(iter([question("say Hi.", screenshot=image)])))
            assert received.error is not None, image[:40]
