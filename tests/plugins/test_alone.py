"""Each shipped plugin's wheel with the core's and nothing else: installed without building anything, checked, served.

What a server does without the other plugins is what docs/plugins.md says: "Without a plugin".
"""

import json
import socket
import threading
import urllib.error
import urllib.request
import uuid

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess

from tests.ingress.kit import free_port
from tests.plugins.alone import install, run

NAMES = ("llm", "tts", "memory", "filter", "interrupt", "updates")
DEVICE = "11111111-2222-4333-8444-555555555555"
TURN_SECONDS = 100
CARD = "4111 1111 1111 1111"
pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]
# The kit's fake model is part of the core's wheel: with it, what a plugin does can be seen without nexy-llm.
FAKE_MODEL = {"NEXY_PLUGINS__MODULES": json.dumps(modules("llm"))}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    return tmp_path_factory.mktemp("wheels")


@pytest.fixture(scope="module", params=NAMES)
def alone(request, wheels, tmp_path_factory):
    """The plugin's name, and the interpreter of an environment with only it and the core."""
    return request.param, install(request.param, wheels, tmp_path_factory.mktemp(request.param))


def say(channel, prompt, session=""):
    """The shown text, the bytes of speech, and the status."""
    request = pb.StreamRequest(prompt=prompt, hardware_id=DEVICE, session_id=session or str(uuid.uuid4()))
    call = StreamingServiceStub(channel).StreamAudio(iter([request]), timeout=TURN_SECONDS)
    text, audio = "", 0
    try:
        for message in call:
            text += message.text_chunk
            audio += len(message.audio_chunk.audio_data)
    except grpc.RpcError:
        pass
    return text, audio, call.code()


def interrupt(channel):
    return StreamingServiceStub(channel).InterruptSession(pb.InterruptRequest(hardware_id=DEVICE), timeout=10)


def interrupt_one(channel):
    """The session of a running turn, and those that an interrupt of its device stopped."""
    stub, session, begun = StreamingServiceStub(channel), str(uuid.uuid4()), threading.Event()
    request = pb.StreamRequest(prompt="count 500", hardware_id=DEVICE, session_id=session)

    def listen():
        try:
            for _ in stub.StreamAudio(iter([request]), timeout=TURN_SECONDS):
                begun.set()
        except grpc.RpcError:
            pass

    turn = threading.Thread(target=listen)
    turn.start()
    assert begun.wait(TURN_SECONDS)
    stopped = list(interrupt(channel).interrupted_sessions)
    turn.join(TURN_SECONDS)
    return session, stopped


def welcome(channel):
    call = StreamingServiceStub(channel).GenerateWelcomeAudio(pb.WelcomeRequest(text="Hello."), timeout=TURN_SECONDS)
    try:
        return sum(len(message.audio_chunk.audio_data) for message in call), call.code()
    except grpc.RpcError:
        return 0, call.code()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def health(channel):
    return health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10).status


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_wheel_keeps_the_contract(alone, tmp_path):
    name, python = alone
    assert "15 rules checked, 0 broken" in run(python, "-m", "nexy_core.testing.check", name, cwd=tmp_path)


def test_without_the_extra_new_says_how_to_get_it(alone, tmp_path):
    command = (alone[1], "-m", "nexy_core", "plugins", "new", "my-voice", "--role", "tts")
    printed = run(*command, cwd=tmp_path, check=False)
    assert "pip install 'nexy-core[sdk]'" in printed
    assert "Traceback" not in printed


def test_without_a_language_model_the_server_is_up_says_so_and_takes_no_turn(alone, tmp_path):
    name, python = alone
    if name == "llm":
        return
    with ServerProcess(tmp_path, python=python) as server, grpc.insecure_channel(server.address) as channel:
        assert health(channel) == health_pb2.HealthCheckResponse.NOT_SERVING
        code, status = get(server.http + "/status")
        assert (code, status["state"]) == (200, "not_ready")
        states = {plugin["name"]: (plugin["state"], plugin["reason"]) for plugin in status["plugins"]}
        assert states == {name: ("serving", ""), "llm": ("quarantined", "not_installed")}
        assert say(channel, "Hello") == ("", 0, grpc.StatusCode.UNAVAILABLE)
        assert welcome(channel) == (0, grpc.StatusCode.UNAVAILABLE)
        assert interrupt(channel).success


def test_with_a_model_each_does_its_part_and_the_others_are_missed_as_documented(alone, tmp_path):
    name, python = alone
    updates = free_port()
    environ = ({} if name == "llm" else FAKE_MODEL) | {"NEXY_UPDATE__PORT": str(updates)}
    with ServerProcess(tmp_path, environ, python=python) as server, grpc.insecure_channel(server.address) as channel:
        assert health(channel) == health_pb2.HealthCheckResponse.SERVING
        assert get(server.http + "/status")[1]["state"] == "ok"
        session = str(uuid.uuid4())
        text, audio, code = say(channel, f"say The number is {CARD}.", session)
        assert (bool(text), bool(audio), code) == (True, name == "tts", grpc.StatusCode.OK)
        if name != "tts":
            server.wait_for("degrade", 10, reason="no_speech")
        greeting, greeted = welcome(channel)
        assert (bool(greeting), greeted is grpc.StatusCode.OK) == (name == "tts", name == "tts")
        assert listens(updates) == (name == "updates")
        if name == "llm":
            return
        assert text == "The number is " + ("•••" if name == "filter" else CARD) + "."
        known, _, _ = say(channel, "recall", session)
        assert known.startswith("1 exchanges" if name == "memory" else "0 exchanges")
        started, stopped = interrupt_one(channel)
        assert stopped == [started], "with a policy or without one, silence works"
