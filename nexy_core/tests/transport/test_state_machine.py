"""Sessions, turns, interrupts, cancels, supersession and limits as a state machine over a real connection.

Invariants: at most one terminal message a turn and nothing of it afterwards, an interrupt hits its device only,
slots and registries hold exactly what runs.
"""

import asyncio
import uuid
from contextlib import AsyncExitStack

import attrs
import grpc
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub

PATIENCE_SECONDS = 10
SLOTS = 3
DEVICES = ("A", "B", "C")
pytestmark = pytest.mark.usefixtures("running")


@attrs.define(eq=False)
class Stream:
    """A bidirectional call as the model knows it; ``turn`` names the prompt that runs."""

    device: str
    session: str
    call: object
    turn: str = ""
    over: bool = False
    seen: list = attrs.field(factory=list)

    async def read(self):
        message = await asyncio.wait_for(self.call.read(), PATIENCE_SECONDS)
        self.seen.append(message)
        return message


class Machine(RuleBasedStateMachine):
    """Every rule acts and then reads what the contract promises, to the last message."""

    running = None  # the fixture
    streams = Bundle("streams")

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.exits = AsyncExitStack()
        self.open = []
        self.prompts = 0
        self.do(self._start())

    def do(self, work):
        return self.loop.run_until_complete(asyncio.wait_for(work, PATIENCE_SECONDS * 2))

    async def _start(self):
        limits = {"backpressure.max_concurrent_streams": SLOTS, "backpressure.max_message_rate_per_second": 100_000}
        self.server = await self.exits.enter_async_context(type(self).running(**limits))
        self.channel = await self.exits.enter_async_context(grpc.aio.insecure_channel(self.server.address))
        self.stub = StreamingServiceStub(self.channel)

    def teardown(self):
        self.do(self._finish())
        self.loop.close()

    async def _finish(self):
        for stream in self.open:
            stream.call.cancel()
        await asyncio.wait_for(self.server.desk.turns.drained(), PATIENCE_SECONDS)
        await self.exits.aclose()

    # --- rules ----------------------------------------------------------------------------------

    @rule(target=streams, device=st.sampled_from(DEVICES))
    def open_stream(self, device):
        return self.do(self._open_stream(device))

    async def _open_stream(self, device):
        stream = Stream(device, str(uuid.uuid4()), self.stub.StreamAudio())
        self.open.append(stream)
        return stream

    @rule(stream=streams, hang=st.booleans())
    def commit(self, stream, hang):
        if not stream.over:
            self.do(self._commit(stream, hang))

    async def _commit(self, stream, hang):
        self.prompts += 1
        prompt = f"{'hang' if hang else 'say'} {self.prompts}"
        full = len([other for other in self.open if other.turn]) - bool(stream.turn) >= SLOTS
        await stream.call.write(pb.StreamRequest(prompt=prompt, hardware_id=stream.device, session_id=stream.session))
        if stream.turn:
            assert (await stream.read()).end_message == "SUPERSEDED"
            stream.turn = ""
        if full:
            assert (await stream.read()).error_message
            await self._expect(stream, grpc.StatusCode.RESOURCE_EXHAUSTED)
        elif hang:
            assert (await stream.read()).text_chunk == "Wait. "
            stream.turn = prompt
        else:
            assert (await stream.read()).text_chunk == f"You said {prompt}. "
            assert (await stream.read()).WhichOneof("content") == "audio_chunk"
            assert (await stream.read()).end_message == "COMPLETED"

    @rule(device=st.sampled_from(DEVICES))
    def interrupt(self, device):
        self.do(self._interrupt(device))

    async def _interrupt(self, device):
        hit = [stream for stream in self.open if stream.turn and stream.device == device]
        response = await self.stub.InterruptSession(pb.InterruptRequest(hardware_id=device))
        assert response.success
        assert sorted(response.interrupted_sessions) == sorted(stream.session for stream in hit)
        for stream in hit:
            assert (await stream.read()).end_message == "INTERRUPTED"
            await self._expect(stream, grpc.StatusCode.CANCELLED)

    @rule(stream=consumes(streams))
    def cancel(self, stream):
        self.do(self._cancel(stream))

    async def _cancel(self, stream):
        before = len(self.server.script.ended)
        stream.call.cancel()
        while stream.turn and len(self.server.script.ended) == before:
            await asyncio.sleep(0.001)
        stream.turn, stream.over = "", True

    @rule(stream=streams)
    def half_close(self, stream):
        if not stream.over:
            self.do(self._half_close(stream))

    async def _half_close(self, stream):
        spoken = bool(stream.seen)
        await stream.call.done_writing()
        if stream.turn:  # the turn goes on: nothing ends it but its device
            await self._interrupt(stream.device)
        elif spoken:
            await self._expect(stream, grpc.StatusCode.OK)
        else:
            assert (await stream.read()).error_message
            await self._expect(stream, grpc.StatusCode.INVALID_ARGUMENT)

    @rule(stream=streams)
    def collect(self, stream):
        if not stream.over:
            self.do(self._collect(stream))

    async def _collect(self, stream):
        await stream.call.write(
            pb.StreamRequest(
                hardware_id=stream.device,
                session_id=stream.session,
                phase=pb.REQUEST_PHASE_COLLECT,
                chunk_seq=1,
                chunk_text="so far",
            )
        )
        assert (await stream.read()).end_message == "COLLECT_ACCEPTED"

    async def _expect(self, stream, code):
        """The call is over with this status and says nothing more."""
        stream.turn, stream.over = "", True
        try:
            assert await stream.read() is grpc.aio.EOF
        except grpc.aio.AioRpcError as error:
            assert error.code() is code
        assert await asyncio.wait_for(stream.call.code(), PATIENCE_SECONDS) is code

    # --- invariants -----------------------------------------------------------------------------

    @invariant()
    def what_runs_is_what_is_counted(self):
        self.do(self._settled())

    async def _settled(self):
        expected = len([stream for stream in self.open if stream.turn])
        desk = self.server.desk
        for _ in range(2000):
            if len(desk.turns) == desk.admission.slots_used == expected:
                break
            await asyncio.sleep(0.001)
        assert len(desk.turns) == expected
        assert desk.admission.slots_used == expected
        assert not [line for line in self.server.log.lines if "incident" in line[2]]


def test_sessions_turns_and_interrupts(running):
    run(running, examples=15, steps=30)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_sessions_turns_and_interrupts_for_thousands_of_steps(running):
    run(running, examples=100, steps=60)


def run(running, examples, steps):
    from hypothesis.stateful import run_state_machine_as_test

    kind = type("Bound", (Machine,), {"running": staticmethod(running)})
    run_state_machine_as_test(
        kind,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
