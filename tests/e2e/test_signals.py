"""The end of a server (C24): every way to stop it, each within its grace."""

import json
import signal
import threading
import time

import grpc
import pytest
from nexy_core.errors import ErrorType
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.wire import Received, question

GRACE_SECONDS = 5.0
SLACK_SECONDS = 2.0  # a machine that runs other tests beside


def stopped(server, number=signal.SIGTERM):
    started = time.monotonic()
    code = server.stop(number, limit_seconds=GRACE_SECONDS + SLACK_SECONDS)
    return code, time.monotonic() - started


class Running:
    """A turn read in a thread, so that a stop can happen under it."""

    def __init__(self, server, prompt):
        self.channel = grpc.insecure_channel(server.address)
        self.received = Received()
        self.error = None
        self.begun = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(prompt,), daemon=True)
        self._thread.start()
        assert self.begun.wait(20)

    def _read(self, prompt):
        from nexy_core.client import client_error

        try:
            for message in StreamingServiceStub(self.channel).StreamAudio(iter([question(prompt)])):
                self.received.take(message)
                self.begun.set()
        except grpc.RpcError as error:
            self.error = client_error(error)

    def end(self):
        self._thread.join(20)
        self.channel.close()
        return self.received, self.error


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_exits_at_once_with_the_last_metrics(start_scripted, number):
    server = start_scripted()
    code, seconds = stopped(server, number)
    assert code == 0
    assert seconds < GRACE_SECONDS
    decisions = [line for line in server.lines if " decision=" in line]
    assert any("decision=metrics" in line for line in decisions)
    assert "decision=stop" in decisions[-1]


def test_a_turn_that_ends_within_the_grace_is_not_cut(start_scripted):
    server = start_scripted()
    turn = Running(server, "count 3 [[llm.last.sleep.1000]]")
    code, seconds = stopped(server)
    received, error = turn.end()
    assert (code, error) == (0, None)
    assert received.end
    assert seconds < GRACE_SECONDS


def test_a_hung_model_is_cancelled_with_a_terminal_message(start_scripted):
    server = start_scripted()
    turn = Running(server, "count 2 [[llm.last.hang]]")
    code, seconds = stopped(server)
    received, error = turn.end()
    assert code == 0
    assert seconds < GRACE_SECONDS + 0.5
    assert received.error_message
    assert error.error_type is ErrorType.UNAVAILABLE
    assert error.retry_after_seconds <= 2


def test_a_part_that_swallows_its_cancel_holds_nobody_up(start_scripted):
    server = start_scripted()
    Running(server, "count 2 [[llm.last.stubborn]]")
    code, seconds = stopped(server)
    assert code in {0, 1}  # given up in time, or ended by force
    assert seconds < GRACE_SECONDS + 0.5


def test_a_blocked_loop_is_ended_by_force(start_scripted):
    server = start_scripted()
    with grpc.insecure_channel(server.address) as channel:
        call = StreamingServiceStub(channel).StreamAudio(iter([question("count 2 [[llm.first.block.60000]]")]))
        server.wait_for("start", 20)
        code, seconds = stopped(server)
        call.cancel()
    assert code == 1
    assert seconds < GRACE_SECONDS + 0.5
    assert any("decision=stop" in line and "forced" in line for line in server.lines)


STUCK_VOICE = """
import asyncio, time
from nexy_core import SpeechSynthesizer, hookimpl

class Voice(SpeechSynthesizer):
    async def process(self, request):
        await asyncio.to_thread(time.sleep, 60)
        yield

@hookimpl
def nexy_capabilities(settings):
    return [Voice()]
"""


def test_a_stuck_thread_holds_nobody_up(start_scripted, tmp_path):
    (tmp_path / "stuck_voice.py").write_text(STUCK_VOICE)
    plugins = json.dumps([*modules("llm", "memory", "filter", "interrupt", "updates"), "tts=stuck_voice"])
    server = start_scripted(PYTHONPATH=str(tmp_path), NEXY_PLUGINS__MODULES=plugins)
    turn = Running(server, "count 2")
    code, seconds = stopped(server)
    received, error = turn.end()
    assert code == 1  # the thread is still in its call
    assert seconds < GRACE_SECONDS + 0.5
    assert received.error_message
    assert error.error_type is ErrorType.UNAVAILABLE


def test_a_second_signal_exits_at_once(start_scripted):
    server = start_scripted()
    Running(server, "count 2 [[llm.last.hang]]")
    server.process.send_signal(signal.SIGTERM)
    server.wait_for("drain", 10)
    code, seconds = stopped(server)
    assert code == 1
    assert seconds < 2
