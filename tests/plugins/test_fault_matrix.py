"""Every part of a turn × every way to fail × every moment: the documented outcome, and the next turn works."""

import itertools
import json
import uuid

import grpc
import pytest
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess

KINDS = ("raise.foreign", "raise.exit", "raise.cancel", "hang", "stubborn", "garbage", "stop", "sleep.50", "block.60")
WHENS = ("first", "mid", "last")
SPARE = ("tts", "filter", "recall", "remember")
FAILURES = ("raise.foreign", "raise.exit", "raise.cancel", "garbage")
# The core takes one event of a filter; a new session's memory, and remembering, have none.
UNREACHED = {("filter", "mid"), ("filter", "last"), ("recall", "mid"), ("remember", "mid")}
PLUGINS = {"recall": "memory", "remember": "memory"}
QUICK = {
    ("tts", "mid", "hang"),
    ("filter", "first", "raise.exit"),
    ("recall", "first", "stubborn"),
    ("remember", "last", "garbage"),
}
ANSWER = "Hello there. And welcome to a longer answer."
MODEL_CODES = {
    "raise.foreign": {grpc.StatusCode.INTERNAL},
    "raise.exit": {grpc.StatusCode.INTERNAL},
    "raise.cancel": {grpc.StatusCode.INTERNAL},
    "garbage": {grpc.StatusCode.INTERNAL},
    "hang": {grpc.StatusCode.DEADLINE_EXCEEDED},
    "stubborn": {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.OK},
    "stop": {grpc.StatusCode.INTERNAL, grpc.StatusCode.OK},
    "sleep.50": {grpc.StatusCode.OK},
    "block.60": {grpc.StatusCode.OK},
}
SETTINGS = {
    "NEXY_PLUGINS__MODULES": json.dumps(modules()),
    "NEXY_PLUGINS__STALL_TIMEOUT_SECONDS": "0.5",
    "NEXY_PLUGINS__BREAKER_FAILURES": "100000",
    "NEXY_TURN__FILTER_TIMEOUT_SECONDS": "0.4",
    "NEXY_TURN__SPEECH_TIMEOUT_SECONDS": "0.4",
    "NEXY_BACKPRESSURE__MAX_MESSAGE_RATE_PER_SECOND": "1000",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("server"), SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def stub(server):
    with grpc.insecure_channel(server.address) as channel:
        yield StreamingServiceStub(channel)


def ask(stub, prompt):
    """The messages, and the status the turn ended with."""
    request = pb.StreamRequest(prompt=prompt, hardware_id=str(uuid.uuid4()).upper(), session_id=str(uuid.uuid4()))
    messages = []
    call = stub.StreamAudio(iter([request]), timeout=30)
    try:
        messages.extend(call)
    except grpc.RpcError as error:
        assert error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED or messages, "the client's own deadline"
    kinds = [message.WhichOneof("content") for message in messages]
    assert sum(kind in {"end_message", "error_message"} for kind in kinds) == 1
    assert kinds[-1] in {"end_message", "error_message"}
    return messages, call.code(), f"{messages} {call.details()}"


def text_of(messages):
    return "".join(message.text_chunk for message in messages)


def works_after(server, stub):
    messages, code, _ = ask(stub, f"say {ANSWER}")
    assert (text_of(messages), code) == (ANSWER, grpc.StatusCode.OK)
    assert any(message.audio_chunk.audio_data for message in messages)
    assert "hunter2" not in "\n".join(server.lines)
    assert "Traceback" not in "\n".join(server.lines)


def cases(parts):
    every = itertools.product(parts, WHENS, KINDS)
    return [pytest.param(*case, marks=[] if case in QUICK else [pytest.mark.long], id=".".join(case)) for case in every]


@pytest.mark.parametrize(("part", "when", "kind"), cases(SPARE))
def test_a_part_that_can_be_spared_costs_nothing_but_itself(server, stub, part, when, kind):
    fault = f"[[{part}.{when}.{kind}]]"
    messages, code, wire = ask(stub, f"say {ANSWER} {fault}")
    shown = ANSWER if part in {"recall", "remember"} else f"{ANSWER} {fault}"
    assert text_of(messages).strip() == shown
    assert code is grpc.StatusCode.OK
    assert "hunter2" not in wire
    if kind in FAILURES and (part, when) not in UNREACHED:
        server.wait_for("error", 10, plugin=PLUGINS.get(part, part))
    works_after(server, stub)


@pytest.mark.parametrize(("part", "when", "kind"), cases(["llm"]))
def test_a_model_that_fails_fails_its_turn_alone(server, stub, part, when, kind):
    messages, code, wire = ask(stub, f"say {ANSWER} [[{part}.{when}.{kind}]]")
    assert code in MODEL_CODES[kind]
    assert ANSWER.startswith(text_of(messages).strip()[:5])
    assert "hunter2" not in wire
    works_after(server, stub)
