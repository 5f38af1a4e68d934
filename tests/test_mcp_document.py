"""docs/mcp-commands.md is true: its answer, given by a model, reaches a client as the page says."""

import json
import re
from pathlib import Path

import grpc
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess
from nexy_core.testing.wire import ask

PAGE = (Path(__file__).parent.parent / "docs" / "mcp-commands.md").read_text(encoding="utf-8")
ENVIRON = {
    "NEXY_PLUGINS__MODULES": json.dumps(modules()),
    "NEXY_FEATURES__FORWARD_ASSISTANT_ACTIONS": "true",
}


def block(kind):
    return re.search(rf"```{kind}\n(.*?)\n```", PAGE, re.DOTALL)[1]


def asked(folder, environ, answer):
    with ServerProcess(folder, environ) as server, grpc.insecure_channel(server.address) as channel:
        return ask(StreamingServiceStub(channel), f"json {json.dumps(answer)}", session_id=answer["session_id"])


def test_an_action_is_forwarded_as_the_page_shows_and_its_text_is_spoken(tmp_path):
    answer, wire = json.loads(block("json")), block("text")
    received = asked(tmp_path, ENVIRON, answer)
    assert received.text == answer["text"]
    assert received.audio[0]
    (action,) = received.actions
    assert action.startswith("__MCP__")
    assert json.loads(action.removeprefix("__MCP__")) == json.loads(
        wire.removeprefix("__MCP__").replace("…", answer["session_id"])
    )


def test_the_kill_switch_of_the_page_takes_it_back(tmp_path):
    answer = json.loads(block("json"))
    (switch,) = re.findall(r"`kill_switches\.(disable_\w+)`", PAGE)
    received = asked(tmp_path, {**ENVIRON, f"NEXY_KILL_SWITCHES__{switch.upper()}": "true"}, answer)
    assert received.actions == []
    assert received.text == answer["text"]
