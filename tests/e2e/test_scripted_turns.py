"""Whole turns through a real server process with scripted parts: order, terminal messages, taxonomy, faults."""

import itertools
import json
import signal
import threading
import time
import urllib.request
import uuid

import grpc
import pytest
from nexy_core.errors import ErrorType
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.wire import DEVICE, ask, question, receive
from prometheus_client.parser import text_string_to_metric_families

WAIT_SECONDS = 10
TAXONOMY = [kind.value for kind in ErrorType]


def test_text_and_its_audio_come_piece_by_piece_then_the_end(scripted_stub):
    answer = ask(scripted_stub, "count 3")
    assert answer.text == "This is sentence number 1. This is sentence number 2. This is sentence number 3."
    assert len(answer.pieces) == 3
    assert all(answer.audio)
    assert answer.end
    assert answer.error is None


@pytest.mark.parametrize("kind", TAXONOMY)
def test_every_error_type_reaches_the_client_as_documented(scripted_stub, kind):
    answer = ask(scripted_stub, f"say hello [[llm.first.raise.{kind}]]")
    assert answer.error.error_type.value == kind
    assert answer.error_message or answer.end == "INTERRUPTED"


def test_an_unforeseen_exception_shows_nothing_of_itself(scripted_stub):
    answer = ask(scripted_stub, "say hello [[llm.first.raise.foreign]]")
    assert answer.error.error_type is ErrorType.INTERNAL
    assert "hunter2" not in answer.error_message + answer.error.message


def test_an_empty_answer_is_an_error_not_a_silent_end(scripted_stub):
    answer = ask(scripted_stub, "quiet")
    assert answer.error.error_type is ErrorType.INTERNAL
    assert answer.error_message


@pytest.mark.parametrize(
    ("part", "when", "kind"),
    [
        *itertools.product(["tts", "filter"], ["first", "mid", "last"], ["raise.foreign", "raise.degraded", "garbage"]),
        *itertools.product(["recall"], ["first", "mid"], ["raise.foreign", "hang"]),
        ("remember", "first", "raise.foreign"),
        ("remember", "first", "hang"),
        ("filter", "first", "hang"),
    ],
)
def test_a_broken_part_degrades_and_the_text_goes_on(scripted_stub, part, when, kind):
    answer = ask(scripted_stub, f"say All is well. [[{part}.{when}.{kind}]]")
    assert answer.error is None
    assert "All is well." in answer.text
    assert answer.end


@pytest.mark.parametrize("when", ["first", "mid", "last"])
@pytest.mark.parametrize("kind", ["raise.unavailable", "raise.connection", "stop"])
def test_a_model_that_breaks_anywhere_ends_its_turn_once_and_the_next_one_works(scripted_stub, when, kind):
    ask(scripted_stub, f"count 3 [[llm.{when}.{kind}]]")
    assert ask(scripted_stub, "say Fine.").text == "Fine."


def test_a_session_knows_its_last_turn(scripted_stub):
    session = str(uuid.uuid4())
    ask(scripted_stub, "say Blue.", session)
    assert "say Blue." in ask(scripted_stub, "recall", session).text


def test_an_interrupted_turn_is_remembered_as_cut_and_the_next_works_at_once(scripted, scripted_stub):
    session = str(uuid.uuid4())
    call = scripted_stub.StreamAudio(iter([question("count 3 [[llm.last.hang]]", session)]))
    next(call)
    response = scripted_stub.InterruptSession(pb.InterruptRequest(hardware_id=DEVICE))
    assert list(response.interrupted_sessions) == [session]
    with pytest.raises(grpc.RpcError) as ended:
        list(call)
    assert ended.value.code() is grpc.StatusCode.CANCELLED
    assert ask(scripted_stub, "say Again.", session).text == "Again."
    with urllib.request.urlopen(scripted.http + "/turns") as response:
        explained = [(turn["outcome"], turn["reason"]) for turn in json.load(response)[:2]]
    assert explained == [("complete", ""), ("cut", "interrupted")]


def test_an_action_is_forwarded_last_and_unchanged(start_scripted):
    server = start_scripted(NEXY_FEATURES__FORWARD_ASSISTANT_ACTIONS="true")
    with grpc.insecure_channel(server.address) as channel:
        session = str(uuid.uuid4())
        answer = ask(StreamingServiceStub(channel), "action Telegram // 100% «да»", session)
    assert answer.text == "Opening Telegram // 100% «да»."
    command = json.loads(answer.actions[0].removeprefix("__MCP__"))
    assert command == {
        "event": "mcp.command_request",
        "payload": {"session_id": session, "command": "open_app", "args": {"app_name": "Telegram // 100% «да»"}},
    }


def test_an_action_can_be_forwarded_as_a_message_of_its_own(start_scripted):
    server = start_scripted(
        NEXY_FEATURES__FORWARD_ASSISTANT_ACTIONS="true", NEXY_TURN__ACTION_TRANSPORT="action_message"
    )
    with grpc.insecure_channel(server.address) as channel:
        session = str(uuid.uuid4())
        messages = list(StreamingServiceStub(channel).StreamAudio(iter([question("action Mail // 5%", session)])))
    assert [message.WhichOneof("content") for message in messages][-2:] == ["action_message", "end_message"]
    assert not any("__MCP__" in message.text_chunk for message in messages)
    action = messages[-2].action_message
    assert action.session_id == session
    assert json.loads(action.action_json) == {
        "session_id": session, "command": "open_app", "args": {"app_name": "Mail // 5%"}
    }  # fmt: skip


def test_the_kill_switch_is_read_when_the_action_is_sent(start_scripted, tmp_path):
    """Turned on while the answer is still being spoken: the action of that very turn stays here."""
    settings = tmp_path / "settings" / "settings.toml"
    settings.parent.mkdir()
    settings.write_text("[default]\n")
    server = start_scripted(NEXY_FEATURES__FORWARD_ASSISTANT_ACTIONS="true")
    with grpc.insecure_channel(server.address) as channel:
        stub = StreamingServiceStub(channel)
        call = stub.StreamAudio(iter([question("action Telegram [[llm.last.sleep.8000]]")]))
        assert next(call).text_chunk
        settings.write_text("[default.kill_switches]\ndisable_forward_assistant_actions = true\n")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("withhold", 30, reason="action_not_forwarded")
        rest = list(call)
    assert rest[-1].end_message
    assert not any("__MCP__" in message.text_chunk for message in rest)


def test_an_action_is_not_forwarded_by_default(scripted_stub):
    answer = ask(scripted_stub, "action Telegram")
    assert answer.actions == []
    assert answer.text == "Opening Telegram."


def test_full_is_refused_and_interrupts_and_health_are_not(start_scripted):
    server = start_scripted(NEXY_BACKPRESSURE__MAX_CONCURRENT_STREAMS="1")
    with grpc.insecure_channel(server.address) as channel:
        stub = StreamingServiceStub(channel)
        call = stub.StreamAudio(iter([question("count 2 [[llm.last.hang]]", hardware_id="A")]))
        next(call)
        refused = ask(stub, "say Two.", hardware_id="B")
        assert refused.error.error_type is ErrorType.STREAM_LIMIT_EXCEEDED
        assert refused.error.retry_after_seconds == 60
        assert refused.error_message
        snapshot = question("", hardware_id="B")
        snapshot.phase, snapshot.chunk_seq, snapshot.chunk_text = pb.REQUEST_PHASE_COLLECT, 1, "so far"
        assert receive(stub.StreamAudio(iter([snapshot]))).end == "COLLECT_ACCEPTED"
        assert stub.InterruptSession(pb.InterruptRequest(hardware_id="A")).interrupted_sessions
        with urllib.request.urlopen(server.http + "/health") as response:
            assert json.load(response)["ready"]
        with urllib.request.urlopen(server.http + "/turns") as response:
            explained = {(turn["outcome"], turn["reason"]) for turn in json.load(response)}
        assert ("stream_limit_exceeded", "no_slot") in explained
        assert ask(stub, "say Two.", hardware_id="B").text == "Two."


def test_a_message_of_five_megabytes_arrives_and_one_over_the_limit_is_refused(scripted_stub):
    assert ask(scripted_stub, "recall " + "x" * 31_000).error is None
    big = question("say hi", screenshot="A" * 5 * 1024 * 1024)
    assert receive(scripted_stub.StreamAudio(iter([big]))).error.error_type is ErrorType.VALIDATION_FAILED
    assert ask(scripted_stub, "say Fine.").text == "Fine."


def test_turns_can_be_explained(scripted, scripted_stub):
    ask(scripted_stub, "say Look. [[tts.first.raise.degraded]]")
    with urllib.request.urlopen(scripted.http + "/turns") as response:
        newest = json.load(response)[0]
    assert newest["outcome"] == "complete"
    assert any(note.startswith("degrade") for note in newest["notes"])
    assert {"admission", "recall", "first_token", "first_sentence", "first_text", "end"} <= newest["marks_ms"].keys()
    with urllib.request.urlopen(f"{scripted.http}/turns/{newest['turn_id']}") as response:
        assert json.load(response)["turn_id"] == newest["turn_id"]


def test_starts_within_two_seconds_of_a_fake_start(start_scripted):
    """Generous here, because tests run beside others; `nox -s bench -- startup` has the figure."""
    started = time.monotonic()
    start_scripted()
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    "reply",
    [
        '{"session_id": "SESSION_ID", "command": "format_disk", "args": {}}',
        '{"session_id": "SESSION_ID", "command": "open_app", "args": {"app_name": 5}}',
        '{"session_id": "SESSION_ID", "command": "open_app", "args": {"app_name": "Telegram"}}',
        '{"nothing": "to say"}',
    ],
)
def test_a_reply_with_nothing_to_say_says_that_it_cannot(scripted_stub, reply):
    answer = ask(scripted_stub, f"json {reply}")
    assert answer.error is None
    assert answer.text == "Sorry, I can't do that here."
    assert all(answer.audio)
    assert answer.actions == []


def test_a_code_block_is_shown_and_not_spoken(scripted_stub):
    answer = ask(scripted_stub, "say Here it is.\n\n```python\nprint(1)\n```\n\nThat was all.")
    code = next(number for number, piece in enumerate(answer.pieces) if "print(1)" in piece)
    assert answer.audio[code] == b""
    assert all(sound for number, sound in enumerate(answer.audio) if number != code)


def silences(server):
    """How many interrupts were timed until silence."""
    with urllib.request.urlopen(f"{server.http}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        (count,) = [
            int(sample.value)
            for family in families
            for sample in family.samples
            if sample.name == "nexy_stage_seconds_count" and sample.labels["stage"] == "interrupt_to_silence"
        ]
    return count


@pytest.mark.parametrize("half_closed", [True, False])
def test_a_client_s_cancel_is_timed_until_silence_as_an_interrupt_is(scripted, scripted_stub, half_closed):
    before, done = silences(scripted), threading.Event()

    def requests():
        yield question("count 2 [[llm.last.hang]]")
        if not half_closed:
            done.wait(WAIT_SECONDS)

    call = scripted_stub.StreamAudio(requests())
    next(call)
    call.cancel()
    done.set()
    deadline = time.monotonic() + WAIT_SECONDS
    while silences(scripted) != before + 1:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_turn_that_ends_by_itself_is_no_interrupt(scripted, scripted_stub):
    before = silences(scripted)
    assert ask(scripted_stub, "say Hello.").end
    assert silences(scripted) == before
