"""At 3 a.m.: the model dies, latency rises, the disk fills; status, log, explain and console each name the cause."""

import json
import os
import resource
import subprocess
import sys
import time
import urllib.request

import grpc
import pytest
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.wire import ask

WAIT_SECONDS = 20
SETTINGS = {
    "NEXY_PLUGINS__BREAKER_FAILURES": "2",
    "NEXY_PLUGINS__BREAKER_RESET_SECONDS": "1",
    "NEXY_METRICS__INTERVAL_SECONDS": "1",
}


@pytest.fixture
def server(start_scripted):
    return start_scripted(**SETTINGS)


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(server.address) as channel:
        yield StreamingServiceStub(channel)


def read(server, path):
    with urllib.request.urlopen(server.http + path) as response:
        return json.load(response)


def explained(server, turn_id):
    """What `nexy explain` prints."""
    environ = {**os.environ, "NEXY_HTTP__PORT": server.http.rpartition(":")[2]}
    done = subprocess.run(
        [sys.executable, "-m", "nexy_core", "explain", turn_id], env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def plugin(server, name):
    return next(state for state in read(server, "/status")["plugins"] if state["name"] == name)


def until(look):
    """Wait until ``look()`` gives something, and return it."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def view(page, name):
    page.click(f"#tab-{name}")
    return page.locator(f"#{name}")


def test_the_model_dies_and_comes_back(server, stub, open_console):
    for _ in range(2):
        assert ask(stub, "say no [[llm.first.raise.unavailable]]").error is not None
    server.wait_for("trip", WAIT_SECONDS, plugin="llm")
    assert (plugin(server, "llm")["state"], plugin(server, "llm")["reason"]) == ("tripped", "breaker_open")
    assert read(server, "/status")["state"] == "not_ready"
    newest = read(server, "/turns")[0]
    assert (newest["outcome"], bool(newest["reason"])) == ("unavailable", True)
    assert newest["reason"] in explained(server, newest["turn_id"])
    page = open_console(server, "degraded")
    view(page, "plugins").locator("li:has-text('llm'):has-text('breaker_open')").wait_for()
    view(page, "turns").locator(f"summary:has-text('Unavailable'):has-text('{newest['reason']}')").first.wait_for()
    until(lambda: ask(stub, "say Back.").text == "Back.")
    server.wait_for("recover", WAIT_SECONDS, plugin="llm")
    assert plugin(server, "llm")["state"] == "serving"
    page.wait_for_selector("[data-state=ok]")


def test_latency_rises(server, stub, open_console):
    for _ in range(3):
        ask(stub, "say slow [[llm.first.sleep.1500]]")
    broken = {one["name"] for one in read(server, "/status")["objectives"] if not one["kept"]}
    assert broken == {"p95_latency_ms(StreamAudio)"}
    assert server.wait_for("metrics", WAIT_SECONDS, broken=["p95_latency_ms(StreamAudio)"])["stage_p95_ms"]
    newest = read(server, "/turns")[0]
    assert newest["marks_ms"]["first_token"] > 1000
    assert newest["marks_ms"]["recall"] < 1000
    (longest,) = [line for line in explained(server, newest["turn_id"]).splitlines() if "the longest wait" in line]
    assert longest.endswith("first_token")
    page = open_console(server)
    view(page, "now").locator("figure[data-name=p95][data-kept=false]").wait_for()
    view(page, "turns").locator("summary").first.click()
    page.wait_for_selector("#turns details[open] .longest:has-text('First token')")


def test_the_disk_fills(start_scripted, open_console):
    real_memory = modules("llm", "tts", "filter", "interrupt", "updates")
    server = start_scripted(NEXY_PLUGINS__MODULES=json.dumps(real_memory), NEXY_MEMORY__CONSENT="true", **SETTINGS)
    with grpc.insecure_channel(server.address) as channel:
        stub = StreamingServiceStub(channel)
        assert ask(stub, "say Hello.").text == "Hello."
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        assert ask(stub, "say Still here.").text == "Still here."
        said = server.wait_for("degrade", WAIT_SECONDS, reason="log_sink_fails")
        assert (said["sink"], said["errno"] > 0) == ("files", True)
        turn = until(lambda: next((one for one in read(server, "/turns") if one["notes"]), None))
        assert "disk_full (memory)" in explained(server, turn["turn_id"])
        status = read(server, "/status")
        assert (status["state"], status["warnings"]) == ("degraded", ["log_unwritable"])
        assert status["log"]["failing"][0]["sink"] == "files"
        assert "disk is full" in plugin(server, "memory")["detail"]
        page = open_console(server, "degraded")
        assert "disk" in page.inner_text("#warning")
        view(page, "plugins").locator("li:has-text('memory'):has-text('the disk is full')").wait_for()
        view(page, "turns").locator("summary:has-text('disk_full')").first.wait_for()
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert ask(stub, "say And again.").text == "And again."
        assert server.wait_for("drop", WAIT_SECONDS, sink="files")["lines"] > 0
        assert until(lambda: read(server, "/status")["log"]) == {"lost_lines": 0, "failing": []}
