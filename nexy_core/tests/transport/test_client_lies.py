"""The client against servers that break the contract, or die."""

import asyncio
import contextlib

import grpc
import pytest
from google.rpc import status_pb2
from nexy_core.client import Client, ClientError, RetryPolicy, Text
from nexy_core.errors import ErrorType
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.testing.liar import HANG, answer, lying, refused

DONE = pb.StreamResponse(end_message="COMPLETED")
HELLO = pb.StreamResponse(text_chunk="Hello.")


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
        events = client.ask("hello")
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
