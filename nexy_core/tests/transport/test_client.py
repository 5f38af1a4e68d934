"""The client against our server."""

import asyncio

import pytest
from nexy_core.client import Audio, Client, ClientError, End, Metadata, Text
from nexy_core.errors import ErrorType


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
