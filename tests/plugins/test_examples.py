"""The two third-party examples: built, installed from their wheels, checked, and driven end to end."""

import json
import os
import subprocess
import sys
import time
import uuid
from array import array
from pathlib import Path

import grpc
import pytest
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess

EXAMPLES = Path(__file__).parents[2] / "examples"
DEVICE = "11111111-2222-4333-8444-555555555555"
LIMIT_SECONDS = 200


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Both wheels, installed in a folder of their own."""
    wheels, folder = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("site")
    for name in ("nexy-espeak", "nexy-notes"):
        build = ["uv", "build", "--quiet", "--wheel", "--out-dir", str(wheels), str(EXAMPLES / name)]
        subprocess.run(build, check=True, timeout=LIMIT_SECONDS)
    install = ["uv", "pip", "install", "--quiet", "--no-deps", "--offline", "--target", str(folder)]
    subprocess.run([*install, *map(str, wheels.glob("*.whl"))], check=True, timeout=LIMIT_SECONDS)
    return folder


@pytest.mark.parametrize("name", ["espeak", "notes"])
def test_the_wheel_keeps_the_contract(site, name, tmp_path):
    command = [sys.executable, "-m", "nexy_core.testing.check", name]
    environment = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "15 rules checked, 0 broken" in done.stdout


@pytest.mark.long
@pytest.mark.parametrize("name", ["espeak", "notes"])
def test_its_own_tests_pass(site, name, tmp_path):
    command = [sys.executable, "-m", "pytest", "-q", "-c", "pyproject.toml", "-p", "no:cacheprovider", "tests"]
    folder = EXAMPLES / f"nexy-{name}"
    environment = os.environ | {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def server(site, tmp_path_factory):
    environ = {
        "PYTHONPATH": str(site),
        "NEXY_PLUGINS__MODULES": json.dumps(modules("llm", "tts", "memory", "filter", "updates")),
        "NEXY_ROLES__TTS": '["espeak"]',
        "NEXY_ROLES__MEMORY": '["notes"]',
        "NEXY_TURN__RECALL_TIMEOUT_SECONDS": "5",
    }
    with ServerProcess(tmp_path_factory.mktemp("server"), environ) as running:
        yield running


def ask(server, prompt):
    """The shown text and the audio."""
    request = pb.StreamRequest(prompt=prompt, hardware_id=DEVICE, session_id=str(uuid.uuid4()))
    with grpc.insecure_channel(server.address) as channel:
        answers = list(StreamingServiceStub(channel).StreamAudio(iter([request]), timeout=60))
    assert answers[-1].WhichOneof("content") == "end_message"
    text = "".join(answer.text_chunk for answer in answers)
    return text, array("h", b"".join(answer.audio_chunk.audio_data for answer in answers))


def test_the_voice_speaks_english_and_russian(server):
    for prompt, seconds in (("say Hello there, my friend.", 1.2), ("say Здравствуйте, дорогие друзья.", 1.5)):
        text, audio = ask(server, prompt)
        assert text == prompt.removeprefix("say ")
        assert seconds / 2 < len(audio) / 48000 < seconds * 3
        assert max(audio) > 3000


def written(server):
    return [file.read_text() for file in (server.folder / "data" / "notes").glob("*.txt")]


def until(look):
    """What ``look`` finds, which comes a moment after the turn: remembering never delays its end."""
    deadline = time.monotonic() + 10
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def test_the_memory_remembers_across_sessions(server):
    ask(server, "Remember that my keys are in the drawer.")
    assert until(lambda: written(server)) == ["my keys are in the drawer.\n"]
    text, _ = ask(server, "recall keys")
    assert text == "0 exchanges, 1 facts.  my keys are in the drawer."
