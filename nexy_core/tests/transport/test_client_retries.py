"""The client's side of the taxonomy: what it tries again, when, until when."""

import asyncio
import contextlib

import pytest
from nexy_core.client import ClientError, End, RetryPolicy, Text
from nexy_core.errors import ErrorType
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.testing.liar import HANG, answer, lying, refused
from nexy_core.transport.taxonomy import TAXONOMY

DONE = pb.StreamResponse(end_message="COMPLETED")
HELLO = pb.StreamResponse(text_chunk="Hello.")
WHOLE = ([HELLO, DONE], None)


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


@pytest.mark.parametrize("pushback", ["-1", "soon", "", "1.5", "2147483648", "9" * 20])
async def test_a_pushback_that_is_negative_or_no_number_means_do_not_retry(pushback):
    async with lying(([], refused(ErrorType.UNAVAILABLE, retry_seconds=0, pushback=pushback)), WHOLE) as (
        liar,
        client,
    ):
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
        assert seconds * 0.5 < liar.calls[0] < seconds * 1.1  # on the wire it is rounded


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
