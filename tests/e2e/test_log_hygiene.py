"""The whole server's output: every line is a decision line, and nothing that was said to it is in there."""

import json
import uuid

import grpc
import pytest
from nexy_core.decisions import Decision, parse_line
from nexy_core.metrics.objectives import tally
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess
from nexy_core.testing.wire import ask

CANARY = "xCANARYx"
DEVICE = f"DEVICE-{CANARY}"
PROMPTS = [
    f"say Hello {CANARY}. It goes on.",
    f'json {{"session_id": "SESSION_ID", "command": "open_app", "args": {{"app_name": "{CANARY}"}}, "text": "So"}}',
    f'json {{"session_id": "SESSION_ID", "command": "{CANARY}", "args": {{"{CANARY}": 1}}, "text": "{CANARY}"}}',
    f'json {{"session_id": "{CANARY}", "command": "open_app", "args": {{}}, "text": "{CANARY}"}}',
    f"say {CANARY}\u2028ts=2026-01-01T00:00:00.000Z\n\x1b[31m{CANARY}",
    f"say {CANARY} [[llm.first.raise.foreign]]",
    f"say {CANARY} [[llm.mid.raise.unavailable]]",
    f"say {CANARY} one. {CANARY} two. [[tts.first.raise.foreign]]",
    f"say {CANARY} three. [[filter.first.raise.foreign]]",
    f"say {CANARY} four. [[recall.first.raise.foreign]] [[remember.first.raise.foreign]]",
    f"say {CANARY} five. [[store.first.raise.connection]]",
    f"say {CANARY} six. [[llm.first.garbage]]",
    "",
    "quiet",
]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """The server's output and its log file after all of that was said to it."""
    folder = tmp_path_factory.mktemp(CANARY)
    environ = {
        "NEXY_PLUGINS__MODULES": json.dumps(modules()),
        "NEXY_BACKPRESSURE__MAX_MESSAGE_RATE_PER_SECOND": "1000",
        "NEXY_PLUGINS__BREAKER_FAILURES": "1000",
        "NEXY_FEATURES__FORWARD_ASSISTANT_ACTIONS": "true",
        "SOME_API_KEY": f"sk-{CANARY}",
        "PYTHONWARNINGS": "always",
    }
    with ServerProcess(folder, environ) as server, grpc.insecure_channel(server.address) as channel:
        stub = StreamingServiceStub(channel)
        for prompt in PROMPTS:
            ask(stub, prompt, hardware_id=DEVICE)
        ask(stub, "say no id", session_id=f"not a uuid {CANARY}", hardware_id=DEVICE)
        stub.InterruptSession(pb.InterruptRequest(hardware_id=DEVICE))
        list(stub.GenerateWelcomeAudio(pb.WelcomeRequest(text=f"Welcome {CANARY}", session_id=f"tts_{CANARY}")))
        usage = pb.UsageRequest(hardware_id=DEVICE, session_id=CANARY, source=CANARY, model=CANARY)
        stub.ReportUsage(usage)
        unknown = channel.unary_unary(f"/streaming.StreamingService/{CANARY}")
        with pytest.raises(grpc.RpcError):
            unknown(CANARY.encode())
        with pytest.raises(grpc.RpcError):
            channel.unary_unary("/streaming.StreamingService/InterruptSession")(CANARY.encode())
        (folder / "config.env").write_text(f"NEXY_GRPC__PORTT={CANARY}\nNEXY_NOTHING__API_KEY={CANARY}\n")
        server.wait_for("error", 10, reason="bad_settings")
        collect = pb.StreamRequest(
            hardware_id=DEVICE,
            session_id=str(uuid.uuid4()),
            phase=pb.REQUEST_PHASE_COLLECT,
            chunk_seq=1,
            chunk_text=CANARY,
            screenshot=CANARY,
        )
        list(stub.StreamAudio(iter([collect])))
    return server.lines, (folder / "data" / "logs" / "nexy.log").read_text().splitlines()


def test_every_line_on_both_streams_is_a_decision_line(spoken):
    printed, _ = spoken
    assert [line for line in printed if parse_line(line) is None] == []
    assert len(printed) > len(PROMPTS)


def test_the_file_holds_the_same_lines(spoken):
    printed, kept = spoken
    assert kept == printed


def test_nothing_that_was_said_is_in_the_log(spoken):
    printed, _ = spoken
    assert [line for line in printed if CANARY in line] == []
    assert [line for line in printed if "hunter2" in line or "a peer's words" in line] == []


def test_the_log_tells_the_outcome_of_every_turn(spoken):
    printed, _ = spoken
    lines = [parse_line(line) for line in printed]
    turns = [line for line in lines if line.scope == "turn" and "marks_ms" in line.ctx]
    outcomes = {line.ctx["outcome"] for line in turns}
    assert {"complete", "internal", "unavailable"} <= outcomes
    assert {line.ctx["device"] for line in turns} == {turns[0].ctx["device"]}
    assert len({line.ctx["session"] for line in turns}) == len(turns)


def test_the_metrics_at_shutdown_are_those_of_the_log(spoken):
    printed, _ = spoken
    lines = [parse_line(line) for line in printed]
    (last,) = [line for line in lines if line.decision is Decision.METRICS][-1:]
    first = next(number for number, line in enumerate(lines) if line.scope == "plugins")  # metrics begin with the parts
    counted = tally(lines[first : lines.index(last)])
    figures = last.ctx
    assert figures["calls"] == counted.ended()
    assert figures["error_rate"]["StreamAudio"] == pytest.approx(counted.error_rate("StreamAudio"), abs=1e-4)
    assert figures["p95_latency_ms"]["StreamAudio"] == pytest.approx(counted.p95_latency_ms(), rel=0.024)
    rates = {Decision(name): round(rate * 60) for name, rate in figures["decision_rate"].items()}
    assert rates == counted.decisions
