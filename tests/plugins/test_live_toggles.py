"""Plugins switched on and off under a running server, the way an operator does it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess

TURNS = 50
ANSWER = "Hello there. And welcome to a rather long answer of mine."
LIMIT_SECONDS = 60


@pytest.fixture
def server(tmp_path):
    (tmp_path / "settings").mkdir()
    named = json.dumps(modules())
    lines = [
        "[default]",
        f"plugins.modules = {named}",
        "fake.llm.delay_ms = 300",
        "backpressure.max_concurrent_streams = 60",
    ]
    (tmp_path / "settings" / "settings.toml").write_text("\n".join(lines))
    with ServerProcess(tmp_path) as running:
        yield running


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(server.address) as channel:
        yield StreamingServiceStub(channel)


def ask(stub, device="A" * 36, begun=None):
    """All messages of a turn; ``begun`` is released at the first."""
    request = pb.StreamRequest(prompt=f"say {ANSWER}", hardware_id=device, session_id=str(uuid.uuid4()))
    messages = []
    for message in stub.StreamAudio(iter([request]), timeout=LIMIT_SECONDS):
        if begun and not messages:
            begun.release()
        messages.append(message)
    return messages


def nexy(server, *arguments):
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("NEXY_")}
    command = [sys.executable, "-m", "nexy_core", *arguments]
    subprocess.run(command, cwd=server.folder, env=inherited, check=True, capture_output=True, timeout=LIMIT_SECONDS)


def state(server, name):
    with urllib.request.urlopen(server.http + "/status", timeout=10) as answer:
        return next(plugin for plugin in json.load(answer)["plugins"] if plugin["name"] == name)


def reach(server, name, wanted):
    deadline = time.monotonic() + LIMIT_SECONDS
    while (found := state(server, name)["state"]) != wanted:
        assert time.monotonic() < deadline, f"{name} is {found}, not {wanted}"
        time.sleep(0.05)


def test_disabling_during_many_turns_loses_none(server, stub):
    devices = [str(uuid.uuid4()).upper() for _ in range(TURNS)]
    with ThreadPoolExecutor(TURNS) as pool:
        begun = threading.Semaphore(0)
        turns = [pool.submit(ask, stub, device, begun) for device in devices]
        for _ in devices:
            assert begun.acquire(timeout=LIMIT_SECONDS)
        file = server.folder / "settings" / "settings.local.toml"
        file.write_text("[default]\nplugins.llm.enabled = false\n")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("disable", LIMIT_SECONDS, plugin="llm")
        assert not all(turn.done() for turn in turns), "they were running when it was switched off"
        answers = [turn.result() for turn in turns]
    assert {"".join(answer.text_chunk for answer in messages) for messages in answers} == {ANSWER}
    assert {messages[-1].WhichOneof("content") for messages in answers} == {"end_message"}
    reach(server, "llm", "disabled")
    with pytest.raises(grpc.RpcError) as refused:
        ask(stub)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    file.unlink()
    reach(server, "llm", "serving")
    assert ask(stub)[-1].WhichOneof("content") == "end_message"


def test_the_files_are_watched_without_a_signal(server, stub):
    nexy(server, "plugins", "disable", "tts")
    server.wait_for("reload", LIMIT_SECONDS, key="plugins.tts.enabled", new="false", applied=True)
    server.wait_for("disable", LIMIT_SECONDS, plugin="tts", reason="disabled")
    reach(server, "tts", "disabled")
    messages = ask(stub)
    assert "".join(message.text_chunk for message in messages) == ANSWER
    assert not any(message.audio_chunk.audio_data for message in messages)
    nexy(server, "plugins", "enable", "tts")
    server.wait_for("enable", LIMIT_SECONDS, plugin="tts")
    reach(server, "tts", "serving")
    assert any(message.audio_chunk.audio_data for message in ask(stub))


@pytest.mark.long
def test_a_canary_changes_live_and_a_larger_share_includes_the_smaller(server, stub):
    devices = [str(uuid.uuid4()).upper() for _ in range(12)]
    file = server.folder / "settings" / "settings.local.toml"

    def heard(percent):
        file.write_text(f"[default]\nplugins.tts.percent = {percent}\n")
        shown = server.wait_for("reload", LIMIT_SECONDS, key="plugins.tts.percent", applied=True)["new"]
        assert shown == f"{percent}%"
        with ThreadPoolExecutor(len(devices)) as pool:
            answers = pool.map(lambda device: ask(stub, device), devices)
        return [any(message.audio_chunk.audio_data for message in messages) for messages in answers]

    none, half, whole = heard(0), heard(50), heard(100)
    assert (any(none), all(whole)) == (False, True)
    assert heard(50) == half, "each device keeps its answer"
    assert heard(0) == none


def test_the_variables_file_switches_too_and_the_environment_has_the_last_word(tmp_path):
    environ = {
        "NEXY_PLUGINS__MODULES": json.dumps(modules()),
        "NEXY_PLUGINS__FILTER__ENABLED": "false",
        "NEXY_KS_DISABLE_MEMORY": "true",
    }
    with ServerProcess(tmp_path, environ) as server:
        assert (state(server, "filter")["state"], state(server, "filter")["reason"]) == ("disabled", "disabled")
        assert (state(server, "memory")["state"], state(server, "memory")["reason"]) == ("disabled", "killed")
        file = tmp_path / "config.env"
        file.write_text("NEXY_PLUGINS__TTS__ENABLED=false\nNEXY_PLUGINS__FILTER__ENABLED=true\n")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("disable", LIMIT_SECONDS, plugin="tts")
        reach(server, "tts", "disabled")
        assert state(server, "filter")["state"] == "disabled"
        file.unlink()
        server.process.send_signal(signal.SIGHUP)
        reach(server, "tts", "serving")


def test_a_kill_switch_in_the_file_works_at_once(server, stub):
    file = server.folder / "settings" / "settings.local.toml"
    file.write_text("[default]\nkill_switches.disable_module_coordinator = true\n")
    reach(server, "llm", "disabled")
    assert state(server, "llm")["reason"] == "core_only"
    with pytest.raises(grpc.RpcError) as refused:
        ask(stub)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    file.unlink()
    reach(server, "llm", "serving")
    assert ask(stub)
