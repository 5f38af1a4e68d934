"""What is refused before any work, how it is said, and that nothing is lost by it; greetings under the same limits."""

import asyncio
import time
import uuid

import grpc
import pytest
from nexy_core.client import client_error
from nexy_core.errors import ErrorType
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub

DEVICE = "0F3C9C1E-6D0B-5E1C-9C7B-7A3F0B9D2E11"
ONE_SLOT = {"backpressure.max_concurrent_streams": 1}


def commit(prompt, session="", **fields):
    return pb.StreamRequest(prompt=prompt, hardware_id=DEVICE, session_id=session or str(uuid.uuid4()), **fields)


@pytest.fixture
async def stub_of():
    """``stub_of(server)``: a plain generated stub."""
    channels = []

    def make(server):
        channels.append(grpc.aio.insecure_channel(server.address))
        return StreamingServiceStub(channels[-1])

    yield make
    for channel in channels:
        await channel.close()


async def ended(call):
    """The messages, the error and the pushback of a call."""
    messages = []
    try:
        async for message in call:
            messages.append(message)
    except grpc.aio.AioRpcError as error:
        pushback = dict(error.trailing_metadata()).get("grpc-retry-pushback-ms")
        return messages, client_error(error), pushback
    return messages, None, None


async def begun(stub, prompt, **fields):
    call = stub.StreamAudio(iter([commit(prompt, **fields)]))
    await call.read()
    return call


async def test_a_full_server_pushes_back_sixty_seconds(running, stub_of):
    async with running(**ONE_SLOT) as server:
        stub = stub_of(server)
        holding = await begun(stub, "hang")
        for call in (stub.StreamAudio(iter([commit("hello")])), stub.GenerateWelcomeAudio(pb.WelcomeRequest())):
            messages, error, pushback = await ended(call)
            assert messages[-1].error_message
            assert (error.error_type, error.retry_after_seconds) == (ErrorType.STREAM_LIMIT_EXCEEDED, 60)
            assert pushback == "60000"
        holding.cancel()


async def test_a_fast_device_is_pushed_back_by_what_its_bucket_needs(running, stub_of):
    async with running(**{"backpressure.max_message_rate_per_second": 1}) as server:
        stub = stub_of(server)
        await stub.ReportUsage(pb.UsageRequest(hardware_id=DEVICE))
        _, error, pushback = await ended(stub.StreamAudio(iter([commit("hello")])))
        assert error.error_type is ErrorType.RATE_LIMIT_EXCEEDED
        assert 0 < int(pushback) <= 1000
        with pytest.raises(grpc.aio.AioRpcError) as again:
            await stub.ReportUsage(pb.UsageRequest(hardware_id=DEVICE))
        assert 0 < int(dict(again.value.trailing_metadata())["grpc-retry-pushback-ms"]) <= 1000
        assert server.script.commits == []


@pytest.mark.parametrize("why", ["draining", "not ready"])
async def test_a_server_that_takes_no_turns_pushes_back_up_to_two_seconds(running, stub_of, why):
    async with running() as server:
        server.desk.draining, server.script.is_ready = why == "draining", why == "draining"
        for call in (
            stub_of(server).StreamAudio(iter([commit("hello")])),
            stub_of(server).GenerateWelcomeAudio(pb.WelcomeRequest()),
        ):
            _, error, pushback = await ended(call)
            assert error.error_type is ErrorType.UNAVAILABLE
            assert 0 < int(pushback) <= 2000


async def test_streams_beyond_those_that_may_be_open_are_refused_and_the_open_ones_go_on(running, stub_of):
    async with running(**{"backpressure.max_open_streams": 2}) as server:
        stub = stub_of(server)
        kept = [await begun(stub, "hang") for _ in range(2)]
        messages, error, pushback = await ended(stub.StreamAudio(iter([commit("hello")])))
        assert messages[-1].error_message
        assert (error.error_type, pushback) == (ErrorType.STREAM_LIMIT_EXCEEDED, "60000")
        assert (await stub.InterruptSession(pb.InterruptRequest(hardware_id="B"))).success
        assert len(server.desk.streams) == 2
        kept[0].cancel()
        while len(server.desk.streams) > 1:
            await asyncio.sleep(0.001)
        _, error, _ = await ended(stub.StreamAudio(iter([commit("hello")])))
        assert error is None
        kept[1].cancel()


async def test_a_limit_that_is_met_in_the_middle_of_a_turn_is_no_early_refusal(running, stub_of):
    async with running() as server:
        _, error, pushback = await ended(stub_of(server).StreamAudio(iter([commit("throttled")])))
        assert (error.error_type, error.retry_after_seconds) == (ErrorType.RATE_LIMIT_EXCEEDED, 1)
        assert pushback is None
        assert "refuse" not in {decision for decision, _, _ in server.log.lines}


async def test_a_validation_failure_asks_for_no_retry(running, stub_of):
    async with running() as server:
        _, error, pushback = await ended(stub_of(server).StreamAudio(iter([commit(" ")])))
        assert (error.error_type, error.retry_after_seconds, pushback) == (ErrorType.VALIDATION_FAILED, None, None)


async def test_what_was_collected_is_there_again_when_the_question_was_refused(running, stub_of):
    async with running(**ONE_SLOT) as server:
        stub, session = stub_of(server), str(uuid.uuid4())
        holding = await begun(stub, "hang")
        snapshot = commit("", session, phase=pb.REQUEST_PHASE_COLLECT, chunk_seq=1, chunk_text="what is the time")
        await ended(stub.StreamAudio(iter([snapshot])))
        _, error, _ = await ended(stub.StreamAudio(iter([commit("", session)])))
        assert error.error_type is ErrorType.STREAM_LIMIT_EXCEEDED
        holding.cancel()
        await asyncio.wait_for(server.desk.turns.drained(), 5)
        messages, error, _ = await ended(stub.StreamAudio(iter([commit("", session)])))
        assert (messages[0].text_chunk, error) == ("You said what is the time. ", None)
        assert len(server.desk.collected) == 0


# --- greetings ----------------------------------------------------------------------------------


async def speaking(server):
    """Wait until a greeting holds a slot."""
    while not server.desk.greetings:
        await asyncio.sleep(0.001)
    (greeting,) = server.desk.greetings
    return greeting


async def test_a_client_that_does_not_read_its_greeting_loses_it(running, stub_of):
    async with running() as server:
        call = stub_of(server).GenerateWelcomeAudio(pb.WelcomeRequest(text="long"))
        await call.read()
        greeting = await asyncio.wait_for(speaking(server), 5)
        seen = None
        while seen is None or greeting.writing_since != seen:
            seen = greeting.writing_since
            await asyncio.sleep(0.2)
        server.service.sweep_once(time.monotonic() + 9)
        assert server.desk.admission.slots_used == 1
        server.service.sweep_once(time.monotonic() + 11)
        await asyncio.wait_for(server.desk.drained(), 5)
        assert server.desk.admission.slots_used == 0
        call.cancel()


async def test_a_greeting_that_takes_too_long_is_ended_with_its_message(running, stub_of):
    async with running() as server:
        reading = asyncio.create_task(ended(stub_of(server).GenerateWelcomeAudio(pb.WelcomeRequest(text="hang"))))
        await asyncio.wait_for(speaking(server), 5)
        server.service.sweep_once(time.monotonic() + 61)
        messages, error, pushback = await asyncio.wait_for(reading, 5)
        assert [message.WhichOneof("content") for message in messages] == ["error_message"]
        assert (error.error_type, pushback) == (ErrorType.TIMEOUT, None)
        assert server.desk.admission.slots_used == 0


async def test_drain_waits_for_greetings_too_and_then_cancels_them_with_their_message(running, stub_of):
    async with running() as server:
        reading = asyncio.create_task(ended(stub_of(server).GenerateWelcomeAudio(pb.WelcomeRequest(text="hang"))))
        await asyncio.wait_for(speaking(server), 5)
        assert await server.service.drain(0.1) is False
        messages, error, _ = await asyncio.wait_for(reading, 5)
        assert [message.WhichOneof("content") for message in messages] == ["error_message"]
        assert error.error_type is ErrorType.UNAVAILABLE
        assert error.retry_after_seconds <= 2
        await asyncio.wait_for(server.desk.drained(), 1)


async def test_a_client_that_cancels_its_greeting_frees_the_slot(running, stub_of):
    async with running() as server:
        call = stub_of(server).GenerateWelcomeAudio(pb.WelcomeRequest(text="hang"))
        reading = asyncio.create_task(call.read())
        await asyncio.wait_for(speaking(server), 5)
        call.cancel()
        await asyncio.wait([reading])
        await asyncio.wait_for(server.desk.drained(), 5)
        assert server.desk.admission.slots_used == 0
        while not (reasons := [ctx["reason"] for decision, _, ctx in server.log.lines if decision == "abort"]):
            await asyncio.sleep(0.01)
        assert reasons == ["client_cancel"]
