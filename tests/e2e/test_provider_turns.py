"""Whole turns through a fake provider that speaks OpenAI's protocol, so that litellm's real path runs."""

import json
import threading
import time
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.process import ServerProcess
from nexy_core.testing.wire import DEVICE, ask, question

LIMIT_SECONDS = 30
INTERRUPTS = 5
CANCEL_SECONDS = 0.1
CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
ARGUMENTS = {"app_name": "Telegram // 100% «да» {x}: [1, 2]"}


class Provider(ThreadingHTTPServer):
    """Answers by the question's first word; keeps what it was asked and when a client hung up."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.go_on = threading.Event()
        self.hung_up = threading.Event()
        self.hung_up_at = 0.0


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(request)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        getattr(self, request["messages"][-1]["content"].split()[0], self.hello)(request)

    def say(self, text, finish_reason=None):
        choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish_reason}
        self.event({**CHUNK, "choices": [choice]})

    def event(self, value):
        self.wfile.write(f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode())

    def end(self):
        self.say("", "stop")
        usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        self.event(
            {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage}
        )
        self.event("[DONE]")

    def hello(self, _):
        for piece in ("Hel", "lo the", "re. The link is https://a.ex", "ample/b?c=d.e. ", "Bye", "."):
            self.say(piece)
        self.end()

    def action(self, request):
        """A fenced reply amid prose, in pieces of three characters; it stops in the middle until the test goes on."""
        session = request["messages"][-1]["content"].split()[1]
        fields = {"text": "Opening it: https://a.example // now.", "args": ARGUMENTS, "command": "open_app"}
        answer = f"```json\n{json.dumps(fields | {'session_id': session}, ensure_ascii=False)}\n```\nDone."
        pause = answer.index('"args"')
        for at in range(0, len(answer), 3):
            if at <= pause < at + 3:
                assert self.server.go_on.wait(LIMIT_SECONDS)
            self.say(answer[at : at + 3])
        self.end()

    def hang(self, _):
        self.say("Well, here it comes. And")
        self.rfile.read(1)  # returns when the client hangs up
        self.server.hung_up_at = time.monotonic()
        self.server.hung_up.set()


@pytest.fixture(scope="module")
def provider():
    with Provider() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture(scope="module")
def server(provider, tmp_path_factory):
    environ = {
        "NEXY_LLM__MODEL": "openai/fake",
        "NEXY_LLM__API_BASE": f"http://127.0.0.1:{provider.server_port}/v1",
        "NEXY_FEATURES__FORWARD_ASSISTANT_ACTIONS": "true",
        "NEXY_FILTER__SPEECH": "plain",
        "NEXY_PLUGINS__TTS__ENABLED": "false",
        "NEXY_PLUGINS__MEMORY__ENABLED": "false",
        "NEXY_BACKPRESSURE__MAX_MESSAGE_RATE_PER_SECOND": "100",
    }
    with ServerProcess(tmp_path_factory.mktemp("server"), environ) as running:
        yield running


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(server.address) as channel:
        yield StreamingServiceStub(channel)


def usage(server):
    with urllib.request.urlopen(server.http + "/status") as response:
        return json.load(response)["usage"]


def used_since(server, before):
    """What was counted since, once something was: it is counted behind the turn's end."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while (now := usage(server))["reports"] == before["reports"]:
        assert time.monotonic() < deadline, "no usage was recorded"
        time.sleep(0.02)
    return now["input_tokens"] - before["input_tokens"], now["output_tokens"] - before["output_tokens"]


def test_an_answer_comes_through_whole_and_its_usage_is_what_the_provider_says(server, stub):
    before = usage(server)
    answer = ask(stub, "hello")
    assert answer.pieces == ["Hello there. ", "The link is https://a.example/b?c=d.e. ", "Bye."]
    assert (answer.error, answer.actions, bool(answer.end)) == (None, [], True)
    assert used_since(server, before) == (7, 3)


def test_an_actions_text_is_shown_while_its_rest_is_still_arriving_and_the_action_comes_last(stub, provider):
    provider.go_on.clear()
    session = str(uuid.uuid4())
    call = stub.StreamAudio(iter([question(f"action {session}", session)]), timeout=LIMIT_SECONDS)
    first = next(call)
    assert "Opening it:".startswith(first.text_chunk[:11])
    provider.go_on.set()
    texts = [first.text_chunk, *(message.text_chunk for message in call if message.HasField("text_chunk"))]
    command = json.loads(texts[-1].removeprefix("__MCP__"))
    assert "".join(texts[:-1]).split() == ["Opening", "it:", "https://a.example", "//", "now.", "Done."]
    assert command["payload"] == {"session_id": session, "command": "open_app", "args": ARGUMENTS}
    system = provider.asked[-1]["messages"][0]["content"]
    assert session in system
    assert "open_app" in system


def test_an_interrupt_closes_the_request_to_the_provider_and_what_came_is_counted(server, stub, provider):
    """The bound is that of an idle machine: one of some tries must keep it, and all must close."""
    waits = []
    for _ in range(INTERRUPTS):
        provider.hung_up.clear()
        before = usage(server)
        call = stub.StreamAudio(iter([question("hang")]), timeout=LIMIT_SECONDS)
        assert next(call).text_chunk
        asked_at = time.monotonic()
        stub.InterruptSession(pb.InterruptRequest(hardware_id=DEVICE))
        assert provider.hung_up.wait(LIMIT_SECONDS)
        waits.append(provider.hung_up_at - asked_at)
        tokens_in, tokens_out = used_since(server, before)
        assert tokens_in > 0
        assert tokens_out > 0
        with pytest.raises(grpc.RpcError):
            list(call)
    assert min(waits) < CANCEL_SECONDS
