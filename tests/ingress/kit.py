"""A real nginx with the shipped configuration, in front of scripted backends."""

import asyncio
import contextlib
import os
import queue
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import grpc
import psutil
from aiohttp import web
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto import streaming_pb2_grpc as pb_grpc

ROOT = Path(__file__).parents[2]
NAME = "nexy.example.org"
LIMIT_SECONDS = 10
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
BIG = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

MAIN = """
user {user};
worker_processes 1;
worker_shutdown_timeout 60s;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/nexy.conf;
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certificate(folder):
    subject = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},DNS:*.example.com,IP:127.0.0.1"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    out = ["-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"]
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", *curve, *subject, *out]
    subprocess.run(command, check=True, capture_output=True)


class Nginx:
    """The shipped nexy.conf with the test's ports, certificate and edits put in."""

    def __init__(self, folder, backends, edits=(), port=0):
        self.folder = folder
        self.port = port or free_port()
        self._write(backends, edits)

    def _write(self, backends, edits):
        conf = (ROOT / "deploy" / "nginx" / "nexy.conf").read_text(encoding="utf-8")
        changes = [
            ("listen 443 ssl http2", f"listen 127.0.0.1:{self.port} ssl http2"),
            ("/etc/ssl/nexy", str(self.folder)),
            ("127.0.0.1:50051", f"127.0.0.1:{backends.grpc}"),
            ("127.0.0.1:8080", f"127.0.0.1:{backends.http}"),
            ("127.0.0.1:8081", f"127.0.0.1:{backends.updates}"),
            *edits,
        ]
        for old, new in changes:
            assert old in conf, f"nexy.conf has no {old!r}"
            conf = conf.replace(old, new)
        (self.folder / "nexy.conf").write_text(conf, encoding="utf-8")
        user = "root" if os.geteuid() == 0 else "nobody"  # its own folders must be writable
        (self.folder / "nginx.conf").write_text(MAIN.format(folder=self.folder, user=user), encoding="utf-8")
        certificate(self.folder)

    def __enter__(self):
        self.process = subprocess.Popen(
            [NGINX, "-c", self.folder / "nginx.conf", "-p", self.folder], stderr=subprocess.PIPE
        )
        self.wait_for_port()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(LIMIT_SECONDS)
        self.process.stderr.close()

    def wait_for_port(self):
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if self.process.poll() is not None:
                break
            threading.Event().wait(0.02)
        raise AssertionError((self.folder / "error.log").read_text() if self.process.poll() is None else "nginx ended")

    def reload(self):
        subprocess.run([NGINX, "-c", self.folder / "nginx.conf", "-p", self.folder, "-s", "reload"], check=True)

    def memory_bytes(self):
        return sum(worker.memory_info().rss for worker in psutil.Process(self.process.pid).children())

    def channel(self):
        credentials = grpc.ssl_channel_credentials((self.folder / "fullchain.pem").read_bytes())
        options = [("grpc.ssl_target_name_override", NAME), ("grpc.use_local_subchannel_pool", 1), *BIG]
        return grpc.secure_channel(f"127.0.0.1:{self.port}", credentials, options)

    def tls(self, alpn="http/1.1"):
        context = ssl.create_default_context(cafile=self.folder / "fullchain.pem")
        context.set_alpn_protocols([alpn])
        plain = socket.create_connection(("127.0.0.1", self.port), LIMIT_SECONDS)
        return context.wrap_socket(plain, server_hostname=NAME)

    def ask(self, method, path, headers=""):
        """One HTTP/1.1 request, its path sent as it is: status, headers (lower case, in order) and body."""
        with self.tls() as connection:
            request = f"{method} {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n{headers}\r\n"
            connection.sendall(request.encode())
            data = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = data.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        return int(status.split()[1]), [(name.lower(), value) for name, value in pairs], body


def texts(responses):
    return [response.text_chunk for response in responses if response.text_chunk]


class Open:
    """A stream whose messages are sent one by one."""

    def __init__(self, stub):
        self._requests = queue.Queue()
        self.responses = stub.StreamAudio(iter(self._requests.get, None))

    def say(self, screenshot=""):
        self._requests.put(pb.StreamRequest(prompt="hi", screenshot=screenshot))
        return next(self.responses).text_chunk

    def close(self):
        self._requests.put(None)
        return next(self.responses).end_message


class Scripted(pb_grpc.StreamingServiceServicer):
    """Answers each message with the size of its screenshot; counts its calls."""

    calls = 0

    async def StreamAudio(self, request_iterator, context):  # noqa: N802  # the wire's name
        self.calls += 1
        async for request in request_iterator:
            yield pb.StreamResponse(text_chunk=str(len(request.screenshot)))
        yield pb.StreamResponse(end_message="END")


class Backends:
    """The three ports behind nginx, served by a loop in a thread of its own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.seen = []
        self.scripted = Scripted()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        self.grpc, self.http, self.updates = self.call(self._start())
        return self

    def __exit__(self, *_):
        self.call(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(LIMIT_SECONDS)
        self.loop.close()

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(LIMIT_SECONDS)

    def stop_grpc(self):
        self.call(self._server.stop(0))

    async def _start(self):
        self._server = grpc.aio.server(options=BIG)
        pb_grpc.add_StreamingServiceServicer_to_server(self.scripted, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        self._runners = []
        return port, await self._site("max-age=30"), await self._site("max-age=60")

    async def _site(self, cache_control):
        async def answer(request):
            self.seen.append(request.raw_path)
            body = {"path": request.path, "for": request.headers.get("X-Forwarded-For", "")}
            return web.json_response(body, headers={"Cache-Control": cache_control})

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runners.append(runner)
        return runner.addresses[0][1]

    async def _stop(self):
        await self._server.stop(0)
        for runner in self._runners:
            await runner.cleanup()
