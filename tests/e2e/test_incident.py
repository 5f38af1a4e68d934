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
from nexy_core.testing.wire import ask

WAIT_SECONDS = 20


@pytest.fixture
def server(start_scripted):
    return start_scripted(NEXY_PLUGINS__BREAKER_FAILURES="2", NEXY_PLUGINS__BREAKER_RESET_SECONDS="1")


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


def test_the_model_dies_and_comes_back(server, stub):
    for _ in range(2):
        assert ask(stub, "say no [[llm.first.raise.unavailable]]").error is not None
    server.wait_for("trip", WAIT_SECONDS, plugin="llm")
    assert plugin(server, "llm")["state"] == "tripped"
    assert read(server, "/status")["state"] != "ok"
    newest = read(server, "/turns")[0]
    assert (newest["outcome"], bool(newest["reason"])) == ("unavailable", True)
    assert newest["reason"] in explained(server, newest["turn_id"])
    deadline = time.monotonic() + WAIT_SECONDS
    while ask(stub, "say Back.").text != "Back.":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    server.wait_for("recover", WAIT_SECONDS, plugin="llm")
    assert plugin(server, "llm")["state"] == "serving"


def test_latency_rises(server, stub):
    for _ in range(3):
        ask(stub, "say slow [[llm.first.sleep.1500]]")
    assert read(server, "/status")["metrics"]["p95_latency_ms"]["StreamAudio"] > 1000
    newest = read(server, "/turns")[0]
    assert newest["marks_ms"]["first_token"] > 1000
    assert newest["marks_ms"]["recall"] < 1000
    assert "first_token" in explained(server, newest["turn_id"])


def test_the_disk_fills(server, stub):
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    assert ask(stub, "say Still here.").text == "Still here."
    said = server.wait_for("degrade", WAIT_SECONDS, reason="log_sink_fails")
    assert said["errno"]
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert ask(stub, "say And again.").text == "And again."
