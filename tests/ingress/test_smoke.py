"""The whole stack behind nginx with TLS: `nexy smoke` passes against it, and names each seeded misconfiguration."""

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from nexy_core.smoke import Target, run_all
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess

from tests.ingress.kit import NGINX, Nginx, free_port

pytestmark = pytest.mark.skipif(NGINX is None, reason="needs nginx: apt-get install nginx")
HEALTH = "location = /health { proxy_pass http://nexy_http; }"
ONLY_GRPC = "if ($nexy_is_grpc = 0) { return 404; }"


def nexy(folder, environ, *arguments):
    command = [sys.executable, "-m", "nexy_core", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder, updates = tmp_path_factory.mktemp("server"), free_port()
    environ = {
        "NEXY_PLUGINS__MODULES": json.dumps(modules("llm", "tts", "memory", "filter", "interrupt")),
        "NEXY_UPDATE__PORT": str(updates),
        "NEXY_BACKPRESSURE__MAX_MESSAGE_RATE_PER_SECOND": "1000",
    }
    made = nexy(folder, {}, "updates", "keygen", "private.key").stdout
    key = re.search(r"[A-Za-z0-9+/]{43}=", made)[0]
    environ |= {"NEXY_UPDATE__PUBLIC_KEYS": json.dumps([key]), "NEXY_UPDATE__KEY_FILE": str(folder / "private.key")}
    (folder / "Nexy.zip").write_bytes(b"an application")
    published = nexy(folder, environ, "updates", "publish", "Nexy.zip", "--version", "1.0", "--rollout", "100")
    assert published.returncode == 0, published.stderr
    with ServerProcess(folder, environ) as server:
        yield SimpleNamespace(
            grpc=int(server.address.rpartition(":")[2]), http=int(server.http.rpartition(":")[2]), updates=updates
        )


def entrance(nginx):
    return Target("127.0.0.1", nginx.port, 0, 0, entrance=True, ca_file=str(nginx.folder / "fullchain.pem"))


def problems(target):
    return {outcome.name: outcome.problem for outcome in run_all(target) if outcome.problem}


def test_the_server_itself_is_well(stack):
    assert problems(Target("127.0.0.1", stack.grpc, stack.http, stack.updates)) == {}


def test_the_shipped_entrance_is_well(stack, tmp_path):
    with Nginx(tmp_path, stack) as nginx:
        assert problems(entrance(nginx)) == {}


UNMARKED = ("X-Forwarded-For $remote_addr;\n    proxy_set_header X-Forwarded-Proto", "X-Other")
SEEDED = [
    ([(HEALTH, "")], "GET and HEAD /health", "has no location"),
    ([(HEALTH, ""), (ONLY_GRPC, "")], "GET and HEAD /health", "landed in the gRPC proxy"),
    (
        [(HEALTH, "location /health { proxy_pass http://nexy_http; } location ~ ^/he { grpc_pass nexy_grpc; }")],
        "GET and HEAD /health",
        "landed in the gRPC proxy",
    ),
    (
        [UNMARKED, ("location = /status", "location /metrics { proxy_pass http://nexy_http; } location = /status")],
        "private pages",
        "/metrics answers HTTP 200",
    ),
    ([(ONLY_GRPC, "")], "private pages", "landed in the gRPC proxy"),
    ([UNMARKED], "/status, state only", "more than the state"),
    ([("server_tokens off;", "add_header Cache-Control max-age=5 always;")], "GET and HEAD /health", "not exactly"),
    ([("client_max_body_size 0;", "")], "StreamAudio, COLLECT of 5 MB", ""),
    ([("location ^~ /updates/", "location ^~ /elsewhere/")], "/updates/health", "has no location"),
]


@pytest.mark.parametrize(("edits", "probe", "says"), SEEDED)
def test_a_seeded_misconfiguration_is_named(stack, tmp_path, edits, probe, says):
    with Nginx(tmp_path, stack, edits) as nginx:
        found = problems(entrance(nginx))
    assert probe in found
    assert says in found[probe]


def test_an_entrance_that_reaches_nothing_is_named(stack, tmp_path):
    gone = SimpleNamespace(grpc=stack.grpc, http=free_port(), updates=stack.updates)
    with Nginx(tmp_path, gone) as nginx:
        assert "does not reach the server" in problems(entrance(nginx))["GET and HEAD /health"]


def test_the_command_says_what_it_found_and_its_exit_code_tells_a_script(stack, tmp_path):
    ports = ("--port", stack.grpc, "--http-port", stack.http, "--updates-port", stack.updates)
    well = nexy(tmp_path, {}, "smoke", *ports)
    assert (well.returncode, well.stdout.splitlines()[-1]) == (0, "all is well")
    assert "ok      StreamAudio, unary-style" in well.stdout
    ill = nexy(tmp_path, {}, "smoke", *ports, "--expect-version", "9.9.9")
    assert ill.returncode == 1
    assert "not 9.9.9: was it restarted after the upgrade?" in ill.stdout
    assert ill.stdout.splitlines()[-1] == "1 failed"


def test_nobody_there_is_a_message_and_not_a_traceback(tmp_path):
    nobody = nexy(tmp_path, {}, "smoke", "--port", free_port(), "--http-port", free_port(), "--no-updates")
    assert nobody.returncode == 1
    assert "does not answer" in nobody.stdout
    assert "Traceback" not in nobody.stdout + nobody.stderr
