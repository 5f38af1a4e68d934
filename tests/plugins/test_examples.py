"""The two third-party examples: built, installed from their wheels, checked, and driven end to end."""

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import grpc
import numpy as np
import pytest
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess

EXAMPLES = Path(__file__).parents[2] / "examples"
DEVICE = "11111111-2222-4333-8444-555555555555"
LIMIT_SECONDS = 200
RESAMPLER_FRAMES = 16


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


@pytest.fixture
def server(site, tmp_path):
    environ = {
        "PYTHONPATH": str(site),
        "NEXY_PLUGINS__MODULES": json.dumps(modules("llm", "tts", "memory", "filter", "updates")),
        "NEXY_ROLES__TTS": '["espeak"]',
        "NEXY_ROLES__MEMORY": '["notes"]',
        "NEXY_TURN__RECALL_TIMEOUT_SECONDS": "5",
    }
    with ServerProcess(tmp_path, environ) as running:
        yield running


def ask(server, prompt):
    """The shown pieces and the audio."""
    request = pb.StreamRequest(prompt=prompt, hardware_id=DEVICE, session_id=str(uuid.uuid4()))
    with grpc.insecure_channel(server.address) as channel:
        answers = list(StreamingServiceStub(channel).StreamAudio(iter([request]), timeout=60))
    assert answers[-1].WhichOneof("content") == "end_message"
    pieces = [answer.text_chunk for answer in answers if answer.text_chunk]
    return pieces, np.frombuffer(b"".join(answer.audio_chunk.audio_data for answer in answers), np.int16)


ENGINE_ALONE = """
import json, sys
import numpy as np, soxr
from nexy_espeak.engine import Engine
engine = Engine()
for language, piece in json.loads(sys.argv[1]):
    raw = bytearray()
    engine.select(language, 170)
    engine.speak(piece, lambda chunk: raw.extend(chunk) is None)
    made = soxr.resample(np.frombuffer(raw, np.int16), engine.sample_rate_hz, 48000)
    sys.stdout.buffer.write(made.astype(np.int16).tobytes())
"""


def engine_alone(site, spoken, cwd):
    """What eSpeak NG itself makes of the pieces; it carries something on from one to the next."""
    command = [sys.executable, "-c", ENGINE_ALONE, json.dumps(spoken)]
    done = subprocess.run(command, cwd=cwd, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.int16)


def test_what_the_client_hears_is_the_engines_own_speech_in_english_and_russian(server, site, tmp_path):
    spoken, heard = [], []
    for language, sentence in (("en", "Hello there, my friend."), ("ru", "Здравствуйте, дорогие друзья.")):
        pieces, audio = ask(server, f"say {sentence}")
        assert "".join(pieces) == sentence
        assert len(audio) > 48000
        spoken += [(language, piece) for piece in pieces]
        heard.append(audio)
    whole, expected = np.concatenate(heard), engine_alone(site, spoken, tmp_path)
    assert abs(len(whole) - len(expected)) <= RESAMPLER_FRAMES * len(spoken)
    both = min(len(whole), len(expected))
    assert np.corrcoef(whole[:both], expected[:both])[0, 1] > 0.999


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
    pieces, _ = ask(server, "recall keys")
    assert "".join(pieces) == "0 exchanges, 1 facts.  my keys are in the drawer."
