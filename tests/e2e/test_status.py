"""What /health and /status tell an operator: alive, ready, and everything asked first, with no secret and no id."""

import json
import urllib.error
import urllib.request
import uuid

import grpc
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.wire import DEVICE, ask, question

SECRET = "sk-canary-0123456789"
LIMIT_SECONDS = 10


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=LIMIT_SECONDS) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.load(error)


def test_alive_is_not_ready(start_scripted):
    server = start_scripted(NEXY_FAKE__LLM__INITIALIZE_FAULTS="[[llm.first.raise.unavailable]]")
    ready, headers, body = get(f"{server.http}/health")
    assert (ready, body["ready"], body["state"]) == (503, False, "not_ready")
    alive, live_headers, body = get(f"{server.http}/health/live")
    assert (alive, body) == (200, {"live": True})
    assert headers.get_all("Cache-Control") == live_headers.get_all("Cache-Control") == ["max-age=30"]


def test_status_has_what_an_operator_asks_first(scripted):
    _, _, status = get(f"{scripted.http}/status")
    assert status["state"] == "ok"
    assert status["version"]
    assert {plugin["name"]: plugin["state"] for plugin in status["plugins"]}["llm"] == "serving"
    assert status["updates"]["state"] == "ready"
    limits = status["limits"]
    assert limits["turns"] <= limits["max_turns"]
    assert limits["speech_backlog_seconds"] <= limits["max_speech_backlog_seconds"]
    assert [one["name"] for one in status["objectives"]] == [
        "p95_latency_ms(StreamAudio)",
        "error_rate(StreamAudio)",
        "backpressure_refusal_rate",
    ]
    assert status["log"] == {"lost_lines": 0, "failing": []}
    assert {"features.forward_assistant_actions", "kill_switches.disable_module_coordinator"} <= status[
        "switches"
    ].keys()


def test_a_switch_names_its_source(start_scripted):
    server = start_scripted(NEXY_KILL_SWITCHES__DISABLE_FORWARD_ASSISTANT_ACTIONS="true")
    switch = get(f"{server.http}/status")[2]["switches"]["kill_switches.disable_forward_assistant_actions"]
    assert switch["value"] is True
    assert "NEXY_KILL_SWITCHES__DISABLE_FORWARD_ASSISTANT_ACTIONS" in switch["source"]


def test_the_last_refusals_say_when_what_and_why_and_not_who(start_scripted):
    server = start_scripted(NEXY_BACKPRESSURE__MAX_CONCURRENT_STREAMS="1", OTHER_API_KEY=SECRET)
    with grpc.insecure_channel(server.address) as channel:
        stub = StreamingServiceStub(channel)
        held = stub.StreamAudio(iter([question("count 2 [[llm.last.hang]]")]))
        next(held)
        session = str(uuid.uuid4())
        assert ask(stub, "say no", session_id=session).error is not None
        _, _, status = get(f"{server.http}/status")
        held.cancel()
    (refusal,) = status["refusals"]
    assert (refusal["rpc"], refusal["reason"]) == ("StreamAudio", "no_slot")
    assert refusal["at"] > 0
    assert status["metrics"]["backpressure_refusal_rate"] > 0
    text = json.dumps(status)
    assert not any(word in text for word in (SECRET, session, DEVICE))


def test_a_store_that_hangs_does_not_hold_up_the_status(start_scripted):
    server = start_scripted(NEXY_FAKE__MEMORY__FAULTS="[[store.first.hang]]")
    assert get(f"{server.http}/status")[2]["usage"] == {"reports": 0, "input_tokens": 0, "output_tokens": 0}
