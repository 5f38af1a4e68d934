"""Answers through litellm's real path, against a provider that is slow, dead, lying or silent."""

import asyncio
import logging

import pytest

from nexy_core import (
    ErrorType,
    Health,
    ModelUsage,
    NexyError,
    Prompt,
    TextDelta,
    TimedOut,
    Unavailable,
    ValidationFailed,
)


async def test_text_streams_in_order_and_usage_comes_last(make_model, provider, ask):
    answer = await ask(await make_model())
    assert answer.text == "Hello there."
    assert answer.usage == ModelUsage("openai/fake", 7, 3)
    request = provider.requests[-1]
    assert request["stream"] is True
    assert request["temperature"] == 0
    assert request["max_tokens"] == 256
    assert provider.headers[-1]["authorization"] == "bearer sk-secret-key"


async def test_each_piece_arrives_while_the_next_is_not_yet_written(make_model, provider):
    go_on = asyncio.Event()

    async def waits_for_us(reply):
        await reply.open()
        await reply.text("first")
        await go_on.wait()
        await reply.text("second")
        await reply.end()

    provider.plays(waits_for_us)
    events = (await make_model()).process(Prompt("t", "s", "Hi"))
    texts = (event async for event in events if isinstance(event, TextDelta))
    async with asyncio.timeout(5):
        assert await anext(texts) == TextDelta("first")
        go_on.set()
        assert await anext(texts) == TextDelta("second")
    await events.aclose()


async def test_usage_is_estimated_when_the_provider_gives_none(make_model, provider, ask):
    async def no_usage(reply):
        await reply.open()
        await reply.text("Hello ", "there.")
        await reply.end()

    provider.plays(no_usage)
    model = await make_model()
    answer = await ask(model)
    assert answer.usage.estimated
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0
    assert model.status().figures["output_tokens"] == answer.usage.output_tokens


@pytest.mark.parametrize("script", ["dies_half_way", "stops_half_way"])
async def test_an_answer_that_breaks_off_has_cost_something_too(make_model, provider, scripts, quick, ask, script):
    provider.plays(scripts[script])
    model = await make_model(**quick)
    answer = await ask(model, "How long is a " + "very " * 100 + "long question?")
    assert answer.error is not None
    assert answer.usage.estimated
    assert answer.usage.input_tokens > 100
    assert 0 < answer.usage.output_tokens < 10
    assert model.status().figures["input_tokens"] == answer.usage.input_tokens


async def test_an_answer_that_is_interrupted_has_cost_what_had_come(make_model, provider):
    async def talks(reply):
        await reply.open()
        await reply.text(*(f"word{number} " for number in range(20)))
        await reply.hang()

    provider.plays(talks)
    model = await make_model()
    seen = []
    events = model.process(Prompt("t", "s", "Hi"))
    async with asyncio.timeout(5):
        while sum(isinstance(event, TextDelta) for event in seen) < 20:
            seen.append(await anext(events))
    await events.aclose()
    usage = next(event for event in reversed(seen) if isinstance(event, ModelUsage))
    assert (usage.model, usage.estimated) == ("openai/fake", True)
    assert 12 <= usage.output_tokens <= 80
    figures = model.status().figures
    assert (figures["input_tokens"], figures["output_tokens"]) == (usage.input_tokens, usage.output_tokens)


async def test_a_finished_answer_does_not_wait_for_a_provider_that_stays_open(make_model, provider, ask):
    async def never_closes(reply):
        await reply.open()
        await reply.text("Done.")
        await reply.event(reply.last_chunk)
        await reply.hang()

    provider.plays(never_closes)
    answer = await ask(await make_model(between_tokens_timeout_seconds=5.0))
    assert (answer.text, answer.error) == ("Done.", None)
    assert answer.usage.output_tokens > 0


async def test_an_empty_answer_yields_no_text_and_no_error(make_model, provider, scripts, ask):
    provider.plays(scripts.nothing)
    answer = await ask(await make_model())
    assert (answer.text, answer.error) == ("", None)


@pytest.mark.parametrize(
    ("script", "said", "kind", "reason"),
    [
        ("never_answers", "", TimedOut, "first_token_timeout"),
        ("silent_after_headers", "", TimedOut, "first_token_timeout"),
        ("keeps_alive_and_says_nothing", "", TimedOut, "first_token_timeout"),
        ("stops_half_way", "Hel", TimedOut, "between_tokens_timeout"),
        ("pings_half_way", "Hel", TimedOut, "between_tokens_timeout"),
        ("dies_at_once", "", Unavailable, "provider_unreachable"),
        ("dies_half_way", "Hello", Unavailable, "stream_cut"),
        ("ends_without_a_finish", "Hello", Unavailable, "stream_cut"),
        ("fails_in_the_stream", "Hel", Unavailable, "stream_cut"),
        ("garbage", "", Unavailable, "provider_unreachable"),
        ("a_web_page", "", Unavailable, "stream_cut"),
        (401, "", NexyError, "auth_failed"),
        (403, "", NexyError, "auth_failed"),
        (402, "", NexyError, "payment_required"),
        (404, "", NexyError, "model_not_found"),
        (400, "", NexyError, "bad_request"),
        (422, "", NexyError, "bad_request"),
        ("too_long", "", ValidationFailed, "context_too_long"),
        (408, "", TimedOut, "provider_timeout"),
        (429, "", Unavailable, "provider_busy"),
        (500, "", Unavailable, "provider_unreachable"),
        (503, "", Unavailable, "provider_unreachable"),
    ],
)
async def test_each_way_to_fail_has_its_own_name(
    make_model, provider, scripts, quick, ask, caplog, script, said, kind, reason
):
    caplog.set_level(logging.DEBUG)
    model = await make_model(**quick if kind is TimedOut else {"retries": 0})
    provider.plays(scripts[script])
    answer = await ask(model, "What is my PIN 4711?")
    assert answer.text == said
    assert type(answer.error) is kind
    assert answer.error.reason == reason
    everything = f"{answer.error.message} {caplog.text}"
    assert "secret" not in everything
    assert "4711" not in everything
    provider.plays(scripts.says_hello)
    assert (await ask(model)).text == "Hello there."


async def test_an_address_where_nobody_listens_is_unavailable(make_model, ask, unused_port):
    answer = await ask(await make_model(api_base=f"http://127.0.0.1:{unused_port}/v1", retries=0))
    assert answer.error.error_type is ErrorType.UNAVAILABLE


async def test_all_waiting_within_an_answer_is_bounded(make_model, provider, ask):
    async def drips(reply):
        await reply.open()
        while not reply.closed.is_set():
            await reply.text("drip ")
            await asyncio.sleep(0.05)

    provider.plays(drips)
    answer = await ask(await make_model(answer_timeout_seconds=0.4))
    assert answer.text.startswith("drip drip")
    assert answer.error.reason == "answer_timeout"


async def test_a_slow_listener_does_not_use_up_the_answers_time(make_model, provider):
    model = await make_model(answer_timeout_seconds=0.3)
    pieces = []
    async with asyncio.timeout(10):
        async for event in model.process(Prompt("t", "s", "Hi")):
            pieces.append(event)
            await asyncio.sleep(0.2)
    assert pieces[-1] == ModelUsage("openai/fake", 7, 3)


async def test_closing_the_iterator_closes_the_request_within_100_ms(make_model, provider, scripts):
    provider.plays(scripts.stops_half_way)
    events = (await make_model()).process(Prompt("t", "s", "Hi"))
    await anext(events)
    started = asyncio.get_running_loop().time()
    await events.aclose()
    async with asyncio.timeout(5):
        await provider.closed.wait()
    assert provider.closed_at - started < 0.1


@pytest.mark.parametrize("script", ["never_answers", "silent_after_headers", "stops_half_way"])
async def test_cancelling_the_turn_closes_the_request_within_100_ms(make_model, provider, scripts, ask, script):
    provider.plays(scripts[script])
    model = await make_model()
    provider.asked.clear()
    turn = asyncio.create_task(ask(model))
    async with asyncio.timeout(5):
        await provider.asked.wait()
    await asyncio.sleep(0.05)
    started = asyncio.get_running_loop().time()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert asyncio.get_running_loop().time() - started < 0.1
    async with asyncio.timeout(5):
        await provider.closed.wait()
    assert provider.closed_at - started < 0.1


async def test_a_burst_of_chunks_does_not_hold_the_loop(make_model, provider, ask):
    async def burst(reply):
        await reply.open()
        await reply.text(*(f"word {number} " for number in range(600)))
        await reply.end()

    model = await make_model()
    provider.plays(burst)
    loop = asyncio.get_running_loop()
    turn = asyncio.create_task(ask(model))
    turns_of_the_loop = 0
    while not turn.done():
        await asyncio.sleep(0)
        turns_of_the_loop += 1
    assert (await turn).text.endswith("word 599 ")
    assert turns_of_the_loop > 30
    assert loop.is_running()


async def test_many_answers_at_once_do_not_mix(make_model, provider, ask):
    async def echoes(reply):
        question = provider.requests[-1]["messages"][-1]["content"]
        await reply.open()
        for letter in question:
            await reply.text(letter)
            await asyncio.sleep(0)
        await reply.end()

    provider.plays(echoes)
    model = await make_model()
    questions = [f"question number {number}" for number in range(20)]
    answers = await asyncio.gather(*(ask(model, question) for question in questions))
    assert [answer.text for answer in answers] == questions


async def test_status_counts_tokens_and_tells_how_it_is(make_model, ask):
    model = await make_model()
    await ask(model)
    await ask(model)
    status = model.status()
    assert status.health is Health.READY
    assert (status.figures["input_tokens"], status.figures["output_tokens"]) == (14, 6)
    await model.cleanup()
    await model.cleanup()
    assert model.status().health is Health.STOPPED


async def test_the_environments_key_is_never_sent_to_an_address_of_ours(make_model, provider, ask, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    assert (await ask(await make_model(api_key=""))).text == "Hello there."
    assert "environment" not in provider.headers[-1]["authorization"]


async def test_nothing_is_printed(make_model, provider, scripts, quick, ask, capfd):
    model = await make_model(**quick)
    provider.plays(scripts[500], scripts[401], scripts.garbage, scripts.says_hello)
    for _ in range(4):
        await ask(model)
    assert capfd.readouterr().out == ""
