"""The RPCs over a real gRPC connection, with a scripted orchestrator behind them."""

import asyncio
import base64
import contextlib
import sys
import time
import uuid

import grpc
import pytest
from nexy_core.client import ActionRequest, Client, ClientError, End, RetryPolicy, Text, client_error
from nexy_core.errors import ErrorType
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.sessions import StopReason
from nexy_core.transport.stream import LARGE_SCREENSHOT_CHARS

DEVICE = "0F3C9C1E-6D0B-5E1C-9C7B-7A3F0B9D2E11"
JPEG_HEADER = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x01\x00\x01"
ONCE = RetryPolicy(attempts=1)


def commit(prompt, session="", **fields):
    return pb.StreamRequest(prompt=prompt, hardware_id=DEVICE, session_id=session or str(uuid.uuid4()), **fields)


class Stub:
    """A plain generated stub."""

    def __init__(self, address):
        self.channel = grpc.aio.insecure_channel(address)
        self.rpc = StreamingServiceStub(self.channel)

    async def __aenter__(self):
        return self.rpc

    async def __aexit__(self, *_):
        await self.channel.close()


async def all_of(call):
    """Every message and the error that ended the call."""
    messages = []
    try:
        while (message := await call.read()) is not grpc.aio.EOF:
            messages.append(message)
    except grpc.aio.AioRpcError as error:
        return messages, client_error(error)
    return messages, None


def kinds(messages):
    return [message.WhichOneof("content") for message in messages]


async def test_one_message_then_half_close_is_a_whole_turn(running):
    async with running() as server, Stub(server.address) as stub:
        messages, error = await all_of(stub.StreamAudio(iter([commit("hello")])))
        assert error is None
        assert kinds(messages) == ["text_chunk", "audio_chunk", "end_message"]
        audio = messages[1].audio_chunk
        assert (audio.dtype, list(audio.shape), audio.sample_rate, audio.channels) == ("int16", [100], 48000, 1)


async def test_two_turns_on_one_bidirectional_stream(running):
    async with running() as server, Stub(server.address) as stub:
        call = stub.StreamAudio()
        for prompt in ("one", "two"):
            await call.write(commit(prompt))
            assert (await call.read()).text_chunk == f"You said {prompt}. "
            assert (await call.read()).WhichOneof("content") == "audio_chunk"
            assert (await call.read()).end_message == "COMPLETED"
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


async def test_a_new_commit_supersedes_the_running_turn(running):
    async with running() as server, Stub(server.address) as stub:
        call = stub.StreamAudio()
        await call.write(commit("hang"))
        assert (await call.read()).text_chunk == "Wait. "
        await call.write(commit("again"))
        assert (await call.read()).end_message == "SUPERSEDED"
        assert (await call.read()).text_chunk == "You said again. "
        await call.done_writing()
        messages, error = await all_of(call)
        assert kinds(messages) == ["audio_chunk", "end_message"]
        assert error is None
        assert server.desk.admission.slots_used == 0


@pytest.mark.parametrize("bidirectional", [False, True])
async def test_an_interrupt_ends_the_turn_with_interrupted_then_cancelled(running, bidirectional):
    async with running() as server, Stub(server.address) as stub:
        session = str(uuid.uuid4())
        if bidirectional:
            call = stub.StreamAudio()
            await call.write(commit("hang", session))
        else:
            call = stub.StreamAudio(iter([commit("hang", session)]))
        reading = asyncio.create_task(all_of(call))
        await asyncio.wait_for(server.script.hanging.wait(), 5)
        response = await stub.InterruptSession(pb.InterruptRequest(hardware_id=DEVICE))
        assert list(response.interrupted_sessions) == [session]
        messages, error = await asyncio.wait_for(reading, 5)
        assert messages[-1].end_message == "INTERRUPTED"
        assert error.error_type is ErrorType.CANCELLED_BY_USER
        assert server.script.ended == ["hang"]
        again = await stub.InterruptSession(pb.InterruptRequest(hardware_id=DEVICE))
        assert again.success
        assert not again.interrupted_sessions


async def test_a_turn_that_is_stopped_in_the_middle_of_a_write_still_ends_with_its_message(running):
    async with running() as server, Stub(server.address) as stub:
        for _ in range(20):
            call = stub.StreamAudio(iter([commit("flood")]))
            await call.read()
            (stream,) = server.desk.streams
            while not stream.output.writing_since:
                await asyncio.sleep(0)
            await stub.InterruptSession(pb.InterruptRequest(hardware_id=DEVICE))
            messages, error = await asyncio.wait_for(all_of(call), 10)
            assert messages[-1].end_message == "INTERRUPTED"
            assert error.error_type is ErrorType.CANCELLED_BY_USER


async def test_a_turn_that_is_superseded_in_the_middle_of_a_write_gives_way(running):
    async with running() as server, Stub(server.address) as stub:
        call = stub.StreamAudio()
        session = str(uuid.uuid4())
        for number in range(20):
            await call.write(commit("flood", session))
            while (await call.read()).WhichOneof("content") != "audio_chunk":
                pass
            (stream,) = server.desk.streams
            while not stream.output.writing_since:
                await asyncio.sleep(0)
            await call.write(commit(f"say {number}", session))
            while (message := await asyncio.wait_for(call.read(), 10)).WhichOneof("content") == "audio_chunk":
                pass
            assert message.end_message == "SUPERSEDED"
            assert (await call.read()).text_chunk == f"You said say {number}. "
            assert (await call.read()).WhichOneof("content") == "audio_chunk"
            assert (await call.read()).end_message == "COMPLETED"
        call.cancel()


async def test_collect_on_the_stream_of_a_turn_that_is_writing(running):
    async with running() as server, Stub(server.address) as stub:
        call, session = stub.StreamAudio(), str(uuid.uuid4())
        await call.write(commit("flood", session))
        for number in range(1, 30):
            await call.write(commit("", session, phase=pb.REQUEST_PHASE_COLLECT, chunk_seq=number, chunk_text="so far"))
            while (message := await asyncio.wait_for(call.read(), 10)).WhichOneof("content") == "audio_chunk":
                pass
            assert message.end_message == "COLLECT_ACCEPTED"
        assert len(server.desk.turns) == 1
        call.cancel()


async def test_an_interrupt_leaves_other_devices_alone(running):
    async with running() as server, Stub(server.address) as stub:
        call = stub.StreamAudio(iter([commit("hang")]))
        await call.read()
        response = await stub.InterruptSession(pb.InterruptRequest(hardware_id="another"))
        assert response.success
        assert not response.interrupted_sessions
        assert len(server.desk.turns) == 1
        call.cancel()


async def aborted(server):
    """The reason of the next abort line."""
    while not (reasons := [ctx["reason"] for decision, _, ctx in server.log.lines if decision == "abort"]):
        await asyncio.sleep(0.01)
    return reasons[0]


async def test_a_client_that_cancels_stops_its_turn_and_frees_its_slot(running):
    async with running() as server, Stub(server.address) as stub:
        call = stub.StreamAudio(iter([commit("hang")]))
        await call.read()
        call.cancel()
        await asyncio.wait_for(server.desk.turns.drained(), 5)
        assert server.desk.admission.slots_used == 0
        assert server.script.ended == ["hang"]
        assert await asyncio.wait_for(aborted(server), 5) == "client_cancel"
        assert not [line for line in server.log.lines if line[0] == "complete"]


async def test_a_deadline_is_told_from_a_cancel(running):
    async with running() as server, Stub(server.address) as stub:
        _, error = await all_of(stub.StreamAudio(iter([commit("hang")]), timeout=0.5))
        assert error.error_type is ErrorType.TIMEOUT
        await asyncio.wait_for(server.desk.turns.drained(), 5)
        assert await asyncio.wait_for(aborted(server), 5) == "deadline"


async def test_a_client_that_dies_is_told_from_one_that_cancels(running):
    ask = (
        "import sys, grpc\n"
        "from nexy_core.testing.wire import question\n"
        "from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub\n"
        "call = StreamingServiceStub(grpc.insecure_channel(sys.argv[1])).StreamAudio(iter([question('hang')]))\n"
        "next(call)\n"
        "print('begun', flush=True)\n"
        "next(call)\n"
    )
    async with running() as server:
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ask, server.address, stdout=asyncio.subprocess.PIPE
        )
        assert await asyncio.wait_for(client.stdout.readline(), 20) == b"begun\n"
        client.kill()
        await client.wait()
        await asyncio.wait_for(server.desk.turns.drained(), 5)
        assert server.desk.admission.slots_used == 0
        assert await asyncio.wait_for(aborted(server), 5) == "client_disconnect"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (pb.StreamRequest(prompt="hi", session_id=str(uuid.uuid4())), "hardware_id is missing."),
        (pb.StreamRequest(prompt="hi", hardware_id="A"), "session_id is missing: send a UUID."),
        (pb.StreamRequest(prompt="hi", hardware_id="A", session_id="x"), "session_id is not a UUID."),
        (commit("   "), "The prompt is empty: say something."),
        (commit("hi", screenshot="???"), "The screenshot is not base64."),
    ],
)
async def test_bad_requests_get_a_message_and_a_status(running, request_, reason):
    async with running() as server, Stub(server.address) as stub:
        messages, error = await all_of(stub.StreamAudio(iter([request_])))
        assert [message.error_message for message in messages] == [reason]
        assert (error.error_type, error.message) == (ErrorType.VALIDATION_FAILED, reason)
        assert server.desk.admission.slots_used == 0


@pytest.mark.parametrize(
    ("request_", "reason"),
    [(commit("   "), "no_prompt"), (commit("hi", screenshot="???"), "screenshot_not_base64")],
)
async def test_a_turn_that_is_not_let_in_can_be_explained(running, request_, reason):
    async with running() as server, Stub(server.address) as stub:
        await all_of(stub.StreamAudio(iter([request_])))
        assert server.script.refusals == [(DEVICE, request_.session_id, reason)]
        await all_of(stub.StreamAudio(iter([commit("fail")])))
        assert len(server.script.refusals) == 1


async def test_half_close_without_a_message_is_a_validation_failure(running):
    async with running() as server, Stub(server.address) as stub:
        messages, error = await all_of(stub.StreamAudio(iter([])))
        assert kinds(messages) == ["error_message"]
        assert error.error_type is ErrorType.VALIDATION_FAILED


@pytest.mark.parametrize("method", ["StreamAudio", "InterruptSession", "GenerateWelcomeAudio", "ReportUsage"])
async def test_bytes_that_are_no_protobuf_never_show_the_parsers_text(running, method):
    async with running() as server, grpc.aio.insecure_channel(server.address) as channel:
        call = channel.stream_stream(f"/streaming.StreamingService/{method}")
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            async for _ in call(iter([b"\xff\xff\xff\xff"])):
                pass
        assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert failed.value.details() == "The request could not be read."


async def test_an_unexpected_exception_is_internal_with_an_incident_that_the_log_has(running):
    async with running() as server, Stub(server.address) as stub:
        messages, error = await all_of(stub.StreamAudio(iter([commit("raise")])))
        assert error.error_type is ErrorType.INTERNAL
        assert "passwd" not in error.message + messages[-1].error_message
        incident = error.message.split("Incident ")[1].rstrip(".")
        logged = [ctx for _, _, ctx in server.log.lines if ctx.get("incident") == incident]
        assert logged[0]["error"] == "ValueError"
        assert any(" _act" in frame for frame in logged[0]["traceback"])
        assert server.desk.admission.slots_used == 0


async def test_collect_is_accepted_and_fills_what_commit_lacks(running):
    async with running() as server, Stub(server.address) as stub:
        session = str(uuid.uuid4())
        for seq, text in ((1, "what is"), (3, "what is the time"), (2, "older")):
            snapshot = commit("", session, phase=pb.REQUEST_PHASE_COLLECT, chunk_seq=seq, chunk_text=text)
            messages, error = await all_of(stub.StreamAudio(iter([snapshot])))
            assert [message.end_message for message in messages] == ["COLLECT_ACCEPTED"]
            assert error is None
        heard = ["what is", "what is the time", "what is the time"]
        assert server.script.expected == [(DEVICE, session, text) for text in heard]
        messages, _ = await all_of(stub.StreamAudio(iter([commit("", session, phase=pb.REQUEST_PHASE_COMMIT)])))
        assert messages[0].text_chunk == "You said what is the time. "
        assert len(server.desk.collected) == 0


async def test_memory_gets_ready_while_a_large_screenshot_is_decoded(running):
    async with running(**{"backpressure.max_screenshot_bytes": 1_000_000}) as server, Stub(server.address) as stub:
        session = str(uuid.uuid4())
        for bytes_, expected in ((1_000, []), (LARGE_SCREENSHOT_CHARS, [(DEVICE, session, "what is this")])):
            screenshot = base64.b64encode(JPEG_HEADER + bytes(bytes_)).decode()
            messages, error = await all_of(
                stub.StreamAudio(iter([commit("what is this", session, screenshot=screenshot)]))
            )
            assert error is None
            assert messages[0].text_chunk == "You said what is this. "
            assert server.script.expected == expected
            assert len(server.script.commits[-1].screenshot.data) == len(JPEG_HEADER) + bytes_


async def test_a_late_collect_does_not_disturb_the_running_turn(running):
    async with running() as server, Stub(server.address) as stub:
        session = str(uuid.uuid4())
        call = stub.StreamAudio(iter([commit("hang", session)]))
        await call.read()
        late = commit("", session, phase=pb.REQUEST_PHASE_COLLECT, chunk_seq=9, chunk_text="late")
        messages, _ = await all_of(stub.StreamAudio(iter([late])))
        assert messages[0].end_message == "COLLECT_ACCEPTED"
        assert len(server.desk.turns) == 1
        assert server.script.expected == []
        call.cancel()


async def test_the_second_call_of_a_session_is_refused_and_the_first_goes_on(running):
    async with running() as server, Stub(server.address) as stub:
        session = str(uuid.uuid4())
        call = stub.StreamAudio(iter([commit("hang", session)]))
        await call.read()
        _, error = await all_of(stub.StreamAudio(iter([commit("hello", session)])))
        assert error.error_type is ErrorType.STREAM_LIMIT_EXCEEDED
        assert server.desk.admission.slots_used == 1
        call.cancel()


async def test_slots_rates_and_speech_owed_refuse_before_any_work(running):
    async with running(**{"backpressure.max_concurrent_streams": 1}) as server, Stub(server.address) as stub:
        call = stub.StreamAudio(iter([commit("hang")]))
        await call.read()
        _, error = await all_of(stub.StreamAudio(iter([commit("hello")])))
        assert (error.error_type, error.retry_after_seconds) == (ErrorType.STREAM_LIMIT_EXCEEDED, 60.0)
        call.cancel()
        await asyncio.wait_for(server.desk.turns.drained(), 5)
        server.values["backpressure.max_message_rate_per_second"] = 1
        for _ in range(3):
            _, error = await all_of(stub.StreamAudio(iter([commit("hello")])))
        assert error.error_type is ErrorType.RATE_LIMIT_EXCEEDED
        assert 0 < error.retry_after_seconds <= 1
        assert len(server.script.commits) <= 3


async def test_a_burst_at_once_is_refused_in_part_where_the_voice_could_not_keep_up(running):
    async with running(**{"backpressure.max_concurrent_streams": 50}) as server, Stub(server.address) as stub:
        server.script.pace = 1 / 5  # 6 s a turn, 3 s of backlog: three turns
        sessions = [str(uuid.uuid4()) for _ in range(12)]
        calls = [stub.StreamAudio(iter([commit("hang", session)])) for session in sessions]
        first = await asyncio.gather(*(call.read() for call in calls))
        waiting = [call for call, message in zip(calls, first, strict=True) if message.text_chunk]
        assert len(waiting) == 3
        ends = [await all_of(call) for call in calls if call not in waiting]
        assert {error.error_type for _, error in ends} == {ErrorType.STREAM_LIMIT_EXCEEDED}
        assert [reason for _, _, reason in server.script.refusals] == ["speech_owed"] * 9
        assert {session for _, session, _ in server.script.refusals} < set(sessions)
        for call in waiting:
            call.cancel()
        await asyncio.wait_for(server.desk.turns.drained(), 5)
        _, error = await all_of(stub.StreamAudio(iter([commit("hello")])))
        assert error is None


async def test_an_idle_stream_times_out_but_a_running_turn_is_not_idle(running):
    async with running() as server, Stub(server.address) as stub:
        idle, busy = stub.StreamAudio(), stub.StreamAudio()
        await idle.write(commit("hello"))
        assert [(await idle.read()).WhichOneof("content") for _ in range(3)][-1] == "end_message"
        await busy.write(commit("hang"))
        await busy.read()
        await asyncio.wait_for(server.script.hanging.wait(), 5)  # its write has ended on this side, too
        server.service.sweep_once(time.monotonic() + 59)
        assert len(server.desk.streams) == 2
        server.values["backpressure.max_turn_seconds"] = 1e9
        server.service.sweep_once(time.monotonic() + 61)
        messages, error = await asyncio.wait_for(all_of(idle), 5)
        assert kinds(messages) == ["error_message"]
        assert error.error_type is ErrorType.TIMEOUT
        assert len(server.desk.turns) == 1
        busy.cancel()


async def test_a_turn_that_takes_too_long_is_ended(running):
    async with running() as server, Stub(server.address) as stub:
        call = stub.StreamAudio(iter([commit("hang")]))
        await call.read()
        server.service.sweep_once(time.monotonic() + 61)
        messages, error = await asyncio.wait_for(all_of(call), 5)
        assert kinds(messages) == ["error_message"]
        assert error.error_type is ErrorType.TIMEOUT


async def test_a_client_that_does_not_read_slows_its_turn_and_then_loses_it(running):
    async with running() as server, Stub(server.address) as stub:
        call = stub.StreamAudio(iter([commit("flood")]))
        await call.read()
        (stream,) = server.desk.streams
        seen = None
        while seen is None or stream.output.writing_since != seen:
            seen = stream.output.writing_since
            await asyncio.sleep(0.2)
        server.service.sweep_once(time.monotonic() + 11)
        await asyncio.wait_for(server.desk.turns.drained(), 5)
        assert server.desk.admission.slots_used == 0
        call.cancel()


async def test_drain_refuses_new_turns_ends_idle_streams_and_cancels_what_is_left(running):
    async with running() as server, Stub(server.address) as stub:
        idle, busy = stub.StreamAudio(), stub.StreamAudio(iter([commit("hang")]))
        await idle.write(commit("hello"))
        assert [(await idle.read()).WhichOneof("content") for _ in range(3)][-1] == "end_message"
        await busy.read()
        assert await server.service.drain(0.1) is False
        for call in (idle, busy):
            messages, error = await asyncio.wait_for(all_of(call), 5)
            assert kinds(messages) == ["error_message"]
            assert error.error_type is ErrorType.UNAVAILABLE
            assert 0 <= error.retry_after_seconds <= 2
        _, error = await all_of(stub.StreamAudio(iter([commit("hello")])))
        assert error.error_type is ErrorType.UNAVAILABLE


async def test_welcome_audio_says_what_it_is_first(running):
    async with running() as server, Stub(server.address) as stub:
        messages, error = await all_of(stub.GenerateWelcomeAudio(pb.WelcomeRequest(text="", session_id="welcome_1")))
        assert error is None
        assert kinds(messages) == ["metadata", "audio_chunk", "audio_chunk", "end_message"]
        metadata = messages[0].metadata
        assert (metadata.sample_rate, metadata.channels, metadata.duration_sec) == (48000, 1, 0.02)


async def test_a_greeting_that_fails_unexpectedly_ends_with_its_message_too(running):
    async with running() as server, Stub(server.address) as stub:
        messages, error = await all_of(stub.GenerateWelcomeAudio(pb.WelcomeRequest(text="raise", session_id="tts_1")))
        assert kinds(messages) == ["error_message"]
        assert error.error_type is ErrorType.INTERNAL
        assert "passwd" not in error.message + messages[0].error_message
        assert server.desk.admission.slots_used == 0


async def test_usage_is_stored(running):
    async with running() as server, Stub(server.address) as stub:
        response = await stub.ReportUsage(pb.UsageRequest(hardware_id="A", model="m", input_tokens=3, output_tokens=-4))
        assert response.success
        assert (server.script.usage[0].input_tokens, server.script.usage[0].output_tokens) == (3, 0)


async def test_an_unknown_rpc_is_unimplemented_and_logged(running):
    async with running() as server, grpc.aio.insecure_channel(server.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await channel.unary_unary("/streaming.StreamingService/Nothing")(b"")
        assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED
        refused = [ctx for decision, _, ctx in server.log.lines if decision == "refuse"]
        assert [ctx["reason"] for ctx in refused] == ["unimplemented"]


async def test_every_rpc_of_the_descriptor_passes_the_interceptor(running):
    async with running() as server, grpc.aio.insecure_channel(server.address) as channel:
        names = [method.name for method in pb.DESCRIPTOR.services_by_name["StreamingService"].methods]
        for name in names:
            with contextlib.suppress(grpc.aio.AioRpcError):
                async for _ in channel.stream_stream(f"/streaming.StreamingService/{name}")(iter([b""])):
                    pass
        started = {method for decision, method, _ in server.log.lines if decision == "start"}
        assert started >= {f"/streaming.StreamingService/{name}" for name in names}


async def test_the_client_speaks_in_events_and_retries_only_before_output(running):
    async with running(**{"backpressure.max_message_rate_per_second": 2}) as server:
        async with Client(server.address, hardware_id=DEVICE) as client:
            for _ in range(4):
                events = [event async for event in client.ask("hello")]
                assert [type(event).__name__ for event in events] == ["Text", "Audio", "End"]
            events = [event async for event in client.ask("act")]
            assert events[0] == Text("Opening. ")
            assert isinstance(events[1], ActionRequest)
            assert (events[1].command, events[1].args) == ("open_app", {"app_name": "Telegram"})
            assert events[2] == End("COMPLETED")
        async with Client(server.address, retry=ONCE) as client:
            with pytest.raises(ClientError) as failed:
                _ = [event async for event in client.ask("fail")]
            assert failed.value.error_type is ErrorType.INTERNAL


def test_stop_reasons_are_words_for_the_log():
    assert all(reason.value.islower() for reason in StopReason)
