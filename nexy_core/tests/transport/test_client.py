"""The client against servers that refuse, lie and die, and against ours."""

import asyncio
import contextlib

import attrs
import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from nexy_core.client import Audio, Client, ClientError, End, Metadata, RetryPolicy, Text
from nexy_core.errors import ErrorType
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.transport.taxonomy import TAXONOMY

PROMPT = "hello"
PUSHBACK = "grpc-retry-pushback-ms"
DONE = pb.StreamResponse(end_message="COMPLETED")
HELLO = pb.StreamResponse(text_chunk="Hello.")
HANG = "hang"
WHOLE = ([HELLO, DONE], None)


def refused(kind, *, retry_seconds=None, pushback=None, error_type=None):
    """A status as our server makes it; ``pushback`` and ``error_type`` may be anything."""
    info = error_details_pb2.ErrorInfo(metadata={"error_type": error_type or kind.value})
    details = [info]
    if retry_seconds is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=retry_seconds)))
    packed = [any_pb2.Any() for _ in details]
    for one, detail in zip(packed, details, strict=True):
        one.Pack(detail)
    trailers = [("grpc-status-details-bin", status_pb2.Status(details=packed).SerializeToString())]
    if pushback is not None:
        trailers.append((PUSHBACK, pushback))
    return TAXONOMY[kind].code, "No.", tuple(trailers)


@attrs.define(eq=False)
class Liar(grpc.GenericRpcHandler):
    """A server that plays one ``(messages, status)`` a call, the last one again and again."""

    plays: list
    calls: list = attrs.field(factory=list)
    cancelled: asyncio.Event = attrs.field(factory=asyncio.Event)
    server: object = None

    async def handle(self, _requests, context):
        self.calls.append(context.time_remaining())
        messages, status = self.plays[min(len(self.calls), len(self.plays)) - 1]
        try:
            for message in messages:
                await self._send(context, message)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if status:
            await context.abort(*status)

    async def _send(self, context, message):
        if message == HANG:
            await asyncio.Event().wait()
        await context.write(message if isinstance(message, bytes) else message.SerializeToString())

    def service(self, _details):
        return grpc.stream_stream_rpc_method_handler(self.handle)


@contextlib.asynccontextmanager
async def lying(*plays):
    liar = Liar(list(plays))
    liar.server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    liar.server.add_generic_rpc_handlers((liar,))
    address = f"127.0.0.1:{liar.server.add_insecure_port('127.0.0.1:0')}"
    await liar.server.start()
    try:
        async with Client(address, retry=RetryPolicy(max_wait_seconds=5)) as client:
            yield liar, client
    finally:
        await liar.server.stop(0)


async def answer(client, **how):
    """The events of a turn and its error."""
    events = []
    try:
        async for event in client.ask(PROMPT, **how):
            events.append(event)
    except ClientError as error:
        return events, error
    return events, None


# --- the retry column ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "tries"),
    [
        (ErrorType.TIMEOUT, 3),
        (ErrorType.UNAVAILABLE, 3),
        (ErrorType.CANCELLED_BY_USER, 1),
        (ErrorType.STREAM_LIMIT_EXCEEDED, 3),
        (ErrorType.RATE_LIMIT_EXCEEDED, 3),
        (ErrorType.VALIDATION_FAILED, 1),
        (ErrorType.INTERNAL, 2),
    ],
)
async def test_each_error_type_is_tried_as_often_as_the_taxonomy_says(kind, tries):
    async with lying(([], refused(kind, pushback="1"))) as (liar, client):
        _, error = await answer(client)
        assert (error.error_type, error.explained, error.code) == (kind, True, TAXONOMY[kind].code.name)
        assert len(liar.calls) == tries


@pytest.mark.parametrize("pushback", ["-1", "soon", "", "1.5", "2147483648", "99999999999999999999"])
async def test_a_pushback_that_is_negative_or_no_number_means_do_not_retry(pushback):
    async with lying(([], refused(ErrorType.UNAVAILABLE, retry_seconds=0, pushback=pushback)), WHOLE) as (liar, client):
        _, error = await answer(client)
        assert error.error_type is ErrorType.UNAVAILABLE
        assert not error.retryable
        assert len(liar.calls) == 1


async def test_a_pushback_is_waited_for_and_goes_before_the_retry_info():
    status = refused(ErrorType.STREAM_LIMIT_EXCEEDED, retry_seconds=60, pushback="200")
    async with lying(([], status), WHOLE) as (liar, client):
        began = asyncio.get_running_loop().time()
        events, error = await answer(client)
        assert (events, error) == ([Text("Hello."), End("COMPLETED")], None)
        assert asyncio.get_running_loop().time() - began >= 0.2
        assert len(liar.calls) == 2


@pytest.mark.parametrize("how", [{"retry_seconds": 10**9}, {"pushback": "2147483647"}])
async def test_a_server_that_asks_for_a_wait_without_end_is_not_waited_for(how):
    async with lying(([], refused(ErrorType.UNAVAILABLE, **how))) as (liar, client):
        _, error = await asyncio.wait_for(answer(client), 10)
        assert error.retry_after_seconds > 10**6
        assert len(liar.calls) == 1


def test_backoff_is_exponential_with_full_jitter_and_has_a_ceiling():
    policy, error = RetryPolicy(attempts=10**6), ClientError(ErrorType.UNAVAILABLE, "no")
    for attempt, ceiling in ((1, 0.5), (2, 1.0), (3, 2.0), (7, 30.0), (10**5, 30.0)):
        delays = [policy.delay_seconds(error, attempt) for _ in range(300)]
        assert 0 <= min(delays) < ceiling * 0.1
        assert ceiling * 0.9 < max(delays) <= ceiling


def test_a_stream_limit_without_a_word_waits_the_sixty_seconds_of_the_taxonomy():
    error = ClientError(ErrorType.STREAM_LIMIT_EXCEEDED, "full")
    assert RetryPolicy().delay_seconds(error, 1) == 60.0
    assert RetryPolicy(max_wait_seconds=5).delay_seconds(error, 1) is None


@pytest.mark.parametrize("output", [HELLO, pb.StreamResponse(browser_progress=pb.BrowserProgressMessage(task_id="1"))])
async def test_nothing_is_tried_again_once_output_has_begun(output):
    async with lying(([output], refused(ErrorType.UNAVAILABLE, pushback="1")), WHOLE) as (liar, client):
        _, error = await answer(client)
        assert error.error_type is ErrorType.UNAVAILABLE
        assert len(liar.calls) == 1


async def test_an_error_message_is_no_output():
    told = pb.StreamResponse(error_message="Busy.")
    async with lying(([told], refused(ErrorType.UNAVAILABLE, pushback="1")), WHOLE) as (liar, client):
        events, error = await answer(client)
        assert (events[-1], error) == (End("COMPLETED"), None)
        assert len(liar.calls) == 2


# --- deadlines ----------------------------------------------------------------------------------

CALLS = {
    "ask": (answer, 600),
    "collect": (lambda client: client.collect("so far", 1, "s"), 3),
    "conversation": (lambda client: client.conversation().finish(), 600),
    "interrupt": (lambda client: client.interrupt(), 10),
    "greet": (lambda client: anext(client.greet()), 30),
    "report_usage": (lambda client: client.report_usage("m", 1, 1), 10),
    "health": (lambda client: client.health(), 10),
    "call": (lambda client: client.call("/a.B/C"), 10),
}


@pytest.mark.parametrize(("call", "seconds"), CALLS.values(), ids=CALLS)
async def test_every_call_has_a_deadline_and_fails_in_the_taxonomy(call, seconds):
    async with lying(([], refused(ErrorType.VALIDATION_FAILED))) as (liar, client):
        with contextlib.suppress(ClientError):
            await call(client)
        assert seconds - 3 < liar.calls[0] <= seconds


async def test_a_server_that_never_answers_costs_the_deadline_and_no_more():
    async with lying(([HANG], None)) as (liar, client):
        _, error = await asyncio.wait_for(answer(client, timeout_seconds=0.3), 10)
        assert error.error_type is ErrorType.TIMEOUT
        assert len(liar.calls) == 1
        await asyncio.wait_for(liar.cancelled.wait(), 10)


async def test_a_wait_that_does_not_fit_into_the_deadline_is_not_begun():
    async with lying(([], refused(ErrorType.UNAVAILABLE, retry_seconds=3)), WHOLE) as (liar, client):
        _, error = await asyncio.wait_for(answer(client, timeout_seconds=1), 0.9)
        assert error.error_type is ErrorType.UNAVAILABLE
        assert len(liar.calls) == 1


# --- servers that lie ---------------------------------------------------------------------------


def audio(data, dtype="int16", rate=48_000, channels=1):
    return pb.StreamResponse(
        audio_chunk=pb.AudioChunk(audio_data=data, dtype=dtype, sample_rate=rate, channels=channels)
    )


def action(text):
    return pb.StreamResponse(text_chunk="__MCP__" + text)


LIES = {
    "no end": [HELLO],
    "nothing at all": [],
    "only an error message": [pb.StreamResponse(error_message="Sorry.")],
    "more after the end": [HELLO, DONE, HELLO],
    "two ends": [HELLO, DONE, DONE],
    "half a sample": [audio(b"123")],
    "no sound": [audio(b"")],
    "other samples": [audio(b"1234", dtype="float32")],
    "no rate": [audio(b"1234", rate=0)],
    "no channels": [audio(b"1234", channels=-1)],
    "an action that is no JSON": [action("{")],
    "an action without its payload": [action('{"event": "mcp.command_request"}')],
    "an action of a list": [action("[1]")],
    "an action without arguments": [action('{"payload": {"session_id": "s", "command": "c"}}')],
    "an action of numbers": [action('{"payload": {"session_id": "s", "command": 1, "args": {}}}')],
    "an action without a bottom": [action("[" * 100_000)],
    "an action message that is no JSON": [pb.StreamResponse(action_message=pb.ActionMessage(action_json="nothing"))],
    "bytes": [b"\xff\xff\xff"],
}


@pytest.mark.parametrize("messages", LIES.values(), ids=LIES)
async def test_a_server_that_breaks_the_contract_is_an_internal_error(messages):
    async with lying((messages, None)) as (_, client):
        _, error = await asyncio.wait_for(answer(client), 10)
        assert error.error_type is ErrorType.INTERNAL


@pytest.mark.parametrize("trailer", [b"\xff\xff", b"", status_pb2.Status(code=5).SerializeToString()])
async def test_details_that_cannot_be_read_leave_the_code(trailer):
    status = (grpc.StatusCode.INVALID_ARGUMENT, "No.", (("grpc-status-details-bin", trailer),))
    async with lying(([], status)) as (_, client):
        _, error = await answer(client)
        assert (error.error_type, error.explained) == (ErrorType.VALIDATION_FAILED, False)


async def test_an_error_type_of_a_later_taxonomy_leaves_the_code():
    async with lying(([], refused(ErrorType.VALIDATION_FAILED, error_type="quota_of_2031"))) as (_, client):
        _, error = await answer(client)
        assert (error.error_type, error.explained) == (ErrorType.VALIDATION_FAILED, False)


@pytest.mark.parametrize(
    "messages",
    [
        [pb.WelcomeResponse(end_message="COMPLETED")],
        [pb.WelcomeResponse(audio_chunk=pb.AudioChunk(audio_data=b"12"))],
        [pb.WelcomeResponse(metadata=pb.WelcomeMetadata())] * 2,
        [pb.WelcomeResponse(metadata=pb.WelcomeMetadata())],
        [],
    ],
)
async def test_a_greeting_out_of_order_is_an_internal_error(messages):
    async with lying((messages, None)) as (_, client):
        with pytest.raises(ClientError) as failed:
            _ = [event async for event in client.greet()]
        assert failed.value.error_type is ErrorType.INTERNAL


@pytest.mark.parametrize("messages", [[], [HELLO], [DONE, DONE]])
async def test_a_snapshot_that_is_not_accepted_is_an_error(messages):
    async with lying((messages, None)) as (_, client):
        with pytest.raises(ClientError):
            await client.collect("so far", 1, "s")


async def test_a_server_that_dies_in_the_middle_is_an_error_and_not_the_end():
    async with lying(([HELLO, HANG], None)) as (liar, client):
        events = client.ask(PROMPT)
        assert await anext(events) == Text("Hello.")
        await liar.server.stop(0)
        with pytest.raises(ClientError) as failed:
            await asyncio.wait_for(anext(events), 10)
        assert failed.value.error_type in {ErrorType.UNAVAILABLE, ErrorType.CANCELLED_BY_USER}
        assert len(liar.calls) == 1


async def test_a_server_that_is_not_there_is_unavailable():
    async with Client("127.0.0.1:1", retry=RetryPolicy(attempts=1)) as client:
        _, error = await answer(client)
        assert error.error_type is ErrorType.UNAVAILABLE


@pytest.mark.long
async def test_a_network_that_swallows_everything_is_noticed(running):
    async with (
        running() as server,
        blackhole(server.address) as (address, swallow),
        Client(address, retry=RetryPolicy(attempts=1)) as client,
    ):
        events = client.ask("hang")
        assert await anext(events) == Text("Wait. ")
        swallow.set()
        with pytest.raises(ClientError) as failed:
            await asyncio.wait_for(anext(events), 40)
        assert failed.value.error_type is ErrorType.UNAVAILABLE


@contextlib.asynccontextmanager
async def blackhole(address):
    """A proxy to ``address`` whose links stay up and carry nothing once the event is set."""
    swallow, tasks = asyncio.Event(), set()

    async def carry(reader, writer):
        while data := await reader.read(65_536):
            if not swallow.is_set():
                writer.write(data)

    async def accept(reader, writer):
        there_reader, there_writer = await asyncio.open_connection(*address.rsplit(":", 1))
        for pair in ((reader, there_writer), (there_reader, writer)):
            tasks.add(asyncio.create_task(carry(*pair)))

    proxy = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield "127.0.0.1:{1}".format(*proxy.sockets[0].getsockname()), swallow
    finally:
        for task in tasks:
            task.cancel()
        proxy.close()


# --- with our server ----------------------------------------------------------------------------


async def test_closing_the_iterator_cancels_the_turn(running):
    async with running() as server, Client(server.address) as client:
        events = client.ask("hang")
        await anext(events)
        await events.aclose()
        await asyncio.wait_for(server.desk.turns.drained(), 5)
        assert server.script.ended == ["hang"]


async def test_what_was_collected_is_committed_by_a_blank_question(running):
    async with running() as server, Client(server.address) as client:
        session = "0f3c9c1e-6d0b-4e1c-9c7b-7a3f0b9d2e11"
        await client.collect("what is", 1, session)
        await client.collect("what is the time", 2, session)
        events = [event async for event in client.ask("", session_id=session)]
        assert events[0] == Text("You said what is the time. ")


async def test_an_interrupt_names_the_session_and_ends_the_turn(running):
    async with running() as server, Client(server.address) as client:
        session = "0f3c9c1e-6d0b-4e1c-9c7b-7a3f0b9d2e11"
        events = client.ask("hang", session_id=session)
        await anext(events)
        assert await client.interrupt() == [session]
        assert await anext(events) == End("INTERRUPTED")
        with pytest.raises(ClientError) as failed:
            await anext(events)
        assert failed.value.error_type is ErrorType.CANCELLED_BY_USER


async def test_a_greeting_and_a_report(running):
    async with running() as server, Client(server.address) as client:
        events = [event async for event in client.greet()]
        assert events[0] == Metadata("server", 0.02, 48_000, 1)
        assert [type(event) for event in events[1:]] == [Audio, Audio, End]
        await client.report_usage("m", 3, 4)
        assert server.script.usage[0].output_tokens == 4


async def test_a_conversation_asks_again_and_again_and_supersedes(running):
    async with running() as server, Client(server.address) as client, client.conversation() as talk:
        first, *_ = [event async for event in talk.ask("one")]
        assert first == Text("You said one. ")
        assert [event async for event in talk.ask("two")][-1] == End("COMPLETED")
        async for event in talk.ask("flood"):
            assert isinstance(event, Audio)
            break
        first, *_ = [event async for event in talk.ask("three")]
        assert first == Text("You said three. ")
        await talk.finish()
        assert server.script.ended == ["one", "two", "flood", "three"]


async def test_a_conversation_that_was_interrupted_says_so_to_the_next_question(running):
    async with running() as server, Client(server.address) as client, client.conversation() as talk:
        events = talk.ask("hang")
        await anext(events)
        assert await client.interrupt()
        assert await anext(events) == End("INTERRUPTED")
        with pytest.raises(ClientError) as failed:
            _ = [event async for event in talk.ask("again")]
        assert failed.value.error_type is ErrorType.CANCELLED_BY_USER
        assert server.script.ended == ["hang"]


async def test_a_conversation_without_a_word_is_refused(running):
    async with running() as server, Client(server.address) as client, client.conversation() as talk:
        with pytest.raises(ClientError) as failed:
            await talk.finish()
        assert (failed.value.error_type, failed.value.explained) == (ErrorType.VALIDATION_FAILED, True)


async def test_an_rpc_of_another_server_is_unimplemented(running):
    async with running() as server, Client(server.address) as client:
        with pytest.raises(ClientError) as failed:
            await client.call("/streaming.StreamingServiceV2/StreamAudio")
        assert failed.value.code == "UNIMPLEMENTED"
