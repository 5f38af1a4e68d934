"""Further tries, fallback models and the breaker, through real requests."""

import asyncio

import pytest
from nexy_llm.settings import Route, routes

from nexy_core import ConfigError, Health, Prompt, TimedOut, Unavailable, ValidationFailed


async def test_a_failure_before_the_first_text_is_tried_again(make_model, provider, scripts, ask):
    model = await make_model(retries=2)
    provider.plays(scripts[503], scripts.dies_at_once, scripts.says_hello)
    assert (await ask(model)).text == "Hello there."
    assert len(provider.requests) == 3


async def test_tries_are_bounded(make_model, provider, scripts, ask):
    model = await make_model(retries=2, breaker_failures=100)
    provider.plays(scripts[503])
    assert (await ask(model)).error.reason == "provider_unreachable"
    assert len(provider.requests) == 3


async def test_after_the_first_text_nothing_is_tried_again(make_model, provider, second_provider, scripts, ask):
    model = await make_model(retries=3, fallback_models=[f"openai/spare@{second_provider.url}"])
    provider.plays(scripts.dies_half_way)
    answer = await ask(model)
    assert answer.text == "Hello"
    assert answer.error.reason == "stream_cut"
    assert len(provider.requests) == 1
    assert not second_provider.requests


async def test_a_provider_that_asks_for_a_long_wait_is_not_pressed(make_model, provider, scripts, ask):
    model = await make_model(retries=3)
    provider.plays(scripts.busy)
    error = (await ask(model)).error
    assert (error.reason, error.retry_after_seconds) == ("provider_busy", 20)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("script", [400, 401])
async def test_what_cannot_help_is_not_tried_again(make_model, provider, scripts, ask, script):
    model = await make_model(retries=3)
    provider.plays(scripts[script])
    await ask(model)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("script", ["never_answers", "silent_after_headers", "dies_at_once", 401, 500])
async def test_the_next_model_answers_when_the_first_gives_no_text(
    make_model, provider, second_provider, scripts, quick, ask, script
):
    spare = f"openai/spare@{second_provider.url}"
    model = await make_model(**quick, fallback_models=[spare], fallback_api_keys=["sk-spare"])
    provider.plays(scripts[script])
    answer = await ask(model)
    assert (answer.text, answer.error) == ("Hello there.", None)
    assert answer.usage.model == "openai/spare"
    assert second_provider.headers[-1]["authorization"] == "bearer sk-spare"


async def test_a_question_the_model_refuses_is_not_asked_elsewhere(make_model, provider, second_provider, scripts, ask):
    model = await make_model(fallback_models=[f"openai/spare@{second_provider.url}"])
    provider.plays(scripts.too_long)
    assert isinstance((await ask(model)).error, ValidationFailed)
    assert not second_provider.requests


async def test_when_all_fail_the_first_models_error_is_told(make_model, provider, second_provider, scripts, quick, ask):
    model = await make_model(**quick, fallback_models=[f"openai/spare@{second_provider.url}"])
    provider.plays(scripts.never_answers)
    second_provider.plays(scripts[500])
    assert isinstance((await ask(model)).error, TimedOut)


async def test_a_failing_model_is_skipped_and_comes_back_by_a_probe(
    make_model, provider, second_provider, scripts, quick, ask
):
    spare = f"openai/spare@{second_provider.url}"
    model = await make_model(**quick, fallback_models=[spare], breaker_failures=2, breaker_probe_seconds=0.2)
    provider.plays(scripts[500])
    for _ in range(3):
        assert (await ask(model)).usage.model == "openai/spare"
    assert len(provider.requests) == 2
    assert model.status().health is Health.DEGRADED
    assert "openai/fake" in model.status().reason
    provider.plays(scripts.says_hello)
    await asyncio.sleep(0.25)  # the breaker's own clock must pass
    assert (await ask(model)).usage.model == "openai/fake"
    assert model.status().health is Health.READY


async def test_with_all_skipped_the_refusal_is_immediate_and_says_when(make_model, provider, scripts, ask):
    model = await make_model(retries=0, breaker_failures=1, breaker_probe_seconds=30.0)
    provider.plays(scripts[500])
    await ask(model)
    error = (await ask(model)).error
    assert isinstance(error, Unavailable)
    assert error.reason == "breaker_open"
    assert 25 < error.retry_after_seconds <= 30
    assert len(provider.requests) == 1


async def test_an_interrupted_probe_lets_the_next_turn_probe(make_model, provider, scripts, ask):
    model = await make_model(retries=0, breaker_failures=1, breaker_probe_seconds=0.05)
    provider.plays(scripts[500], scripts.stops_half_way, scripts.says_hello)
    await ask(model)
    await asyncio.sleep(0.06)  # the breaker's own clock must pass
    probe = model.process(Prompt("t", "s", "Hi"))
    await anext(probe)
    assert (await ask(model)).error.reason == "breaker_open"
    await probe.aclose()
    assert (await ask(model)).text == "Hello there."


def test_fallbacks_carry_their_own_address_and_key(settings):
    live = settings(
        model="openai/a", api_base="http://one/v1", api_key="k1",
        fallback_models=["anthropic/b", "openai/c@http://two:8000/v1", "vertex_ai/d@001", "embedded"],
        fallback_api_keys=["", "k3"],
    )  # fmt: skip
    assert routes(live) == (
        Route("openai/a", "http://one/v1", "k1"),
        Route("anthropic/b"),
        Route("openai/c", "http://two:8000/v1", "k3"),
        Route("vertex_ai/d@001"),
        Route("embedded"),
    )
    assert "k1" not in repr(routes(live))


def test_more_keys_than_models_is_a_mistake_of_the_operator(settings):
    with pytest.raises(ConfigError, match="fallback_api_keys"):
        routes(settings(fallback_api_keys=["k"]))
