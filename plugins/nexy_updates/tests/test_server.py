"""In the real server process: whatever happens to the update site, calls go on, and it comes back by itself."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess

RECOVERY_SECONDS = 15


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def updates_state(server):
    _, status = get(f"{server.http}/status")
    (state,) = [plugin for plugin in status["plugins"] if plugin["name"] == "updates"]
    return state


def nexy(server, *arguments):
    environ = {**os.environ, **server._environ}
    command = [sys.executable, "-m", "nexy_core", *map(str, arguments)]
    return subprocess.run(command, cwd=server.folder, env=environ, capture_output=True, text=True, timeout=60)


def wait_until(condition):
    deadline = time.monotonic() + RECOVERY_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def busy_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


def test_a_busy_port_and_a_missing_folder_disturb_nobody_and_are_mended_without_a_restart(tmp_path, busy_port):
    port = busy_port.getsockname()[1]
    environ = {
        "NEXY_PLUGINS__MODULES": json.dumps(modules("llm", "tts", "memory", "filter", "interrupt")),
        "NEXY_UPDATE__PORT": str(port),
    }
    made = subprocess.run(
        [sys.executable, "-m", "nexy_core", "updates", "keygen", "key"], cwd=tmp_path, capture_output=True, text=True
    )
    public = re.search(r"public key: (\S+)", made.stdout)[1]
    with ServerProcess(tmp_path, {**environ, "NEXY_UPDATE__PUBLIC_KEYS": json.dumps([public])}) as server:
        assert updates_state(server)["health"] == "degraded"
        assert "cannot listen" in updates_state(server)["detail"]
        assert get(f"{server.http}/health")[0] == 200
        ports = ("--port", server.address.rpartition(":")[2], "--http-port", server.http.rpartition(":")[2])
        smoke = nexy(server, "smoke", *ports, "--no-updates")
        assert smoke.returncode == 0, smoke.stdout + smoke.stderr
        busy_port.close()
        wait_until(lambda: "nothing has been published" in updates_state(server)["detail"])
        assert get(f"http://127.0.0.1:{port}/updates/health")[0] == 503
        (tmp_path / "Nexy.dmg").write_bytes(b"the application")
        published = nexy(
            server, "updates", "publish", "Nexy.dmg", "--version", "1.0", "--rollout", "100", "--key", "key"
        )
        assert published.returncode == 0, published.stderr
        wait_until(lambda: updates_state(server)["detail"] == "")
        assert get(f"http://127.0.0.1:{port}/manifest.json")[1]["build"] == "1.0"
        assert updates_state(server)["figures"]["seq"] == 1
        assert updates_state(server)["health"] == "ready"
        assert server.stop() == 0
