"""Every kind of broken wheel, installed all at once beside good ones: the server starts, serves and names each."""

import json
import os
import subprocess
import sys
import urllib.request
import uuid

import grpc
import pytest
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess

from tests.plugins.wheels import BAD, GOOD, OFF, write_wheel

REASONS = {entry: reason for entry, _, _, reason in BAD.values()}
FAKES = ("llm", "tts", "memory", "filter", "updates")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with all the wheels installed."""
    folder, wheels = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("wheels")
    made = [write_wheel(wheels, name, entry, source, core) for name, (entry, source, core, _) in BAD.items()]
    made.append(write_wheel(wheels, "good", "good", GOOD, ">=0.1"))
    made.append(write_wheel(wheels, "off", *OFF))
    install = ["uv", "pip", "install", "--quiet", "--no-deps", "--offline", "--target", str(folder)]
    subprocess.run([*install, *map(str, made)], check=True, timeout=100)
    return folder


@pytest.fixture(scope="module")
def environ(site):
    return {
        "PYTHONPATH": str(site),
        "NEXY_PLUGINS__MODULES": json.dumps(modules(*FAKES)),
        "NEXY_PLUGINS__INITIALIZE_TIMEOUT_SECONDS": "1",
        "NEXY_ROLES__TTS": '["good", "tts"]',
        "NEXY_PLUGINS__OFF__ENABLED": "false",
    }


@pytest.fixture(scope="module")
def server(environ, tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("server"), environ) as running:
        yield running


def test_status_names_each_with_its_reason(server):
    with urllib.request.urlopen(server.http + "/status", timeout=10) as answer:
        plugins = {plugin["name"]: plugin for plugin in json.load(answer)["plugins"]}
    assert {name: plugins[name]["reason"] for name in REASONS} == REASONS
    assert all(plugins[name]["state"] == "quarantined" and plugins[name]["remedy"] for name in REASONS)
    serving = {name for name, plugin in plugins.items() if plugin["state"] == "serving"}
    assert serving == {"good", "interrupt", *FAKES}
    assert "acme-twin-one and acme-twin-two" in plugins["twin"]["detail"]
    assert (plugins["off"]["state"], plugins["off"]["reason"]) == ("disabled", "disabled"), "never imported"


def test_the_log_names_each_with_its_reason(server):
    marker = "decision=quarantine ctx="
    found = [json.loads(line.split(marker)[1].rpartition(" ")[0]) for line in server.lines if marker in line]
    assert {ctx["plugin"]: ctx["reason"] for ctx in found} == REASONS


def test_the_server_serves(server):
    request = pb.StreamRequest(prompt="say Hello there.", hardware_id="A" * 36, session_id=str(uuid.uuid4()))
    with grpc.insecure_channel(server.address) as channel:
        answers = list(StreamingServiceStub(channel).StreamAudio(iter([request]), timeout=30))
    assert "".join(answer.text_chunk for answer in answers) == "Hello there."
    assert any(answer.audio_chunk.audio_data == b"\0\1" * 2048 for answer in answers), "the good wheel's voice speaks"
    assert answers[-1].WhichOneof("content") == "end_message"


def nexy(environ, *arguments, cwd):
    command = [sys.executable, "-m", "nexy_core", *arguments]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("NEXY_")}
    done = subprocess.run(command, cwd=cwd, env=inherited | environ, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_names_each_with_its_reason_as_the_running_server_has_it(server, environ, tmp_path):
    port = server.http.rpartition(":")[2]
    lines = nexy(environ | {"NEXY_HTTP__PORT": port}, "plugins", cwd=tmp_path).splitlines()
    assert lines[0] == "As the running server has them:"
    for name, reason in REASONS.items():
        row = next(index for index, line in enumerate(lines) if line.split()[:1] == [name])
        assert "quarantined" in lines[row]
        assert lines[row + 1].strip().startswith(f"{reason}: ")
        assert lines[row + 2].strip().startswith("-> ")


def test_the_list_command_names_each_with_its_reason_without_a_server(environ, tmp_path):
    printed = nexy(environ | {"NEXY_HTTP__PORT": "1"}, "plugins", "list", "--json", cwd=tmp_path)
    found = {plugin["name"]: plugin["reason"] for plugin in json.loads(printed)}
    unstarted = {name: reason for name, reason in REASONS.items() if not name.startswith("init_")}
    assert {name: found[name] for name in unstarted} == unstarted
