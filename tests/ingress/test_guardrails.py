"""`nexy updates check` and `nexy guard` on the whole stack behind nginx with TLS: they pass, or name what is wrong."""

import json
import re
from types import SimpleNamespace

import pytest
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess
from nexy_core.testing.wire import ask

from tests.ingress.kit import NGINX, Nginx, free_port
from tests.ingress.test_smoke import nexy

pytestmark = pytest.mark.skipif(NGINX is None, reason="needs nginx: apt-get install nginx")
APPCAST = "location = /appcast.xml { proxy_pass http://nexy_updates; }"
MANIFEST = "location = /manifest.json { proxy_pass http://nexy_updates; }"
FAKES = json.dumps(modules("llm", "tts", "memory", "filter", "interrupt"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A server with a published release, whose links go to the entrance."""
    folder, updates, entrance = tmp_path_factory.mktemp("server"), free_port(), free_port()
    environ = {"NEXY_PLUGINS__MODULES": FAKES, "NEXY_UPDATE__PORT": str(updates)}
    key = re.search(r"[A-Za-z0-9+/]{43}=", nexy(folder, {}, "updates", "keygen", "private.key").stdout)[0]
    environ |= {
        "NEXY_UPDATE__PUBLIC_KEYS": json.dumps([key]),
        "NEXY_UPDATE__KEY_FILE": str(folder / "private.key"),
        "NEXY_UPDATE__BASE_URL": f"https://127.0.0.1:{entrance}",
    }
    (folder / "Nexy.dmg").write_bytes(bytes(range(256)) * 4096)
    published = nexy(folder, environ, "updates", "publish", "Nexy.dmg", "--version", "1.0", "--rollout", "100")
    assert published.returncode == 0, published.stderr
    with ServerProcess(folder, environ) as server:
        grpc_port, http_port = (int(address.rpartition(":")[2]) for address in (server.address, server.http))
        yield SimpleNamespace(
            grpc=grpc_port, http=http_port, updates=updates, entrance=entrance, folder=folder, environ=environ
        )


def check(stack, folder, edits=()):
    """What `nexy updates check --full` says of the entrance."""
    with Nginx(folder, stack, edits, stack.entrance):
        trusted = {**stack.environ, "SSL_CERT_FILE": str(folder / "fullchain.pem")}
        return nexy(stack.folder, trusted, "updates", "check", f"https://127.0.0.1:{stack.entrance}", "--full")


def test_the_update_site_is_well_through_the_entrance(stack, tmp_path):
    found = check(stack, tmp_path)
    assert found.returncode == 0, found.stderr
    paths = ["/updates/health", "/appcast.xml", "/appcast.xml?manual=1", "/manifest.json", "newest artifact"]
    assert found.stdout.splitlines() == [f"ok    {path}" for path in paths]


@pytest.mark.long
@pytest.mark.parametrize(
    ("edits", "says"),
    [
        ([(APPCAST, "")], "/appcast.xml: status 404"),
        ([(MANIFEST, MANIFEST.replace("nexy_updates", "nexy_http"))], "/manifest.json: status 404"),
        ([(APPCAST, "location = /appcast.xml { grpc_pass grpc://nexy_grpc; }")], "/appcast.xml: status 502"),
        ([(APPCAST, APPCAST.replace("{", "{ add_header Cache-Control no-cache;"))], "/appcast.xml: Cache-Control"),
        ([("location ^~ /updates/", "location ^~ /updates/health")], "newest artifact: status 404"),
        ([("proxy_buffering off;", "proxy_hide_header ETag;")], "newest artifact: its ETag is not its hash"),
    ],
)
def test_a_seeded_misconfiguration_of_the_update_site_is_named(stack, tmp_path, edits, says):
    found = check(stack, tmp_path, edits)
    assert found.returncode != 0
    assert says in found.stderr


def test_the_guard_keeps_a_good_server_and_names_what_breaks(tmp_path):
    """The very log the server writes, of calls that came through the entrance."""
    (tmp_path / "nginx").mkdir()
    generous = {"NEXY_BACKPRESSURE__MAX_MESSAGE_RATE_PER_SECOND": "1000", "NEXY_PLUGINS__BREAKER_FAILURES": "1000"}
    with ServerProcess(tmp_path, {"NEXY_PLUGINS__MODULES": FAKES, **generous}) as server:
        ports = SimpleNamespace(grpc=int(server.address.rpartition(":")[2]), http=1, updates=1)
        with Nginx(tmp_path / "nginx", ports) as front, front.channel() as channel:
            stub = StreamingServiceStub(channel)
            assert guard(tmp_path) == (3, set())
            for _ in range(40):
                assert ask(stub, "say Good.").text == "Good."
            assert guard(tmp_path) == (0, set())
            for _ in range(4):
                ask(stub, "say late [[llm.first.sleep.1200]]")
            assert guard(tmp_path) == (1, {"p95_latency_ms(StreamAudio)"})
            for _ in range(4):
                assert ask(stub, "say no [[llm.mid.raise.internal]]").error is not None
            assert guard(tmp_path) == (1, {"p95_latency_ms(StreamAudio)", "error_rate(StreamAudio)"})


def guard(folder):
    """The exit code of `nexy guard --window 15m`, and the objectives it names."""
    said = nexy(folder, {}, "guard", "--window", "15m")
    return said.returncode, {line.split()[0] for line in said.stdout.splitlines() if line.endswith(" BROKEN")}
