"""A status always gets out, also when the first message of a call was cancelled inside its write."""

import uuid

import grpc
import pytest
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.transport import terminal

DEVICE = "0F3C9C1E-6D0B-5E1C-9C7B-7A3F0B9D2E11"
LONG_BEFORE_A_WRITE_ENDS_SECONDS = 1e-9
LIMIT_SECONDS = 5


@pytest.fixture
def impatient(monkeypatch):
    """The terminal message is given up as soon as its write has begun, as on a machine that is far behind."""
    monkeypatch.setattr(terminal, "TERMINAL_WRITE_SECONDS", LONG_BEFORE_A_WRITE_ENDS_SECONDS)


async def status(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call:
            pass
    return caught.value.code()


async def test_a_refused_turn_has_its_status(running, impatient):
    async with running() as server, grpc.aio.insecure_channel(server.address) as channel:
        question = pb.StreamRequest(hardware_id=DEVICE, session_id=str(uuid.uuid4()), prompt=" ")
        call = StreamingServiceStub(channel).StreamAudio(iter([question]), timeout=LIMIT_SECONDS)
        assert await status(call) is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_refused_greeting_has_its_status(running, impatient):
    full = {"backpressure.max_concurrent_streams": 0}
    async with running(**full) as server, grpc.aio.insecure_channel(server.address) as channel:
        request = pb.WelcomeRequest(session_id="welcome_1")
        call = StreamingServiceStub(channel).GenerateWelcomeAudio(request, timeout=LIMIT_SECONDS)
        assert await status(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
