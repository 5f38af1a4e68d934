"""The host with plugins that work: life, look-up, order, failover, breaker."""

import asyncio
from contextlib import aclosing

import pytest
from nexy_core.decisions import Decision
from nexy_core.plugins import Phase, Reason
from nexy_core.testing import FakeFilter, FakeMemory, FakeModel, FakeStore, FakeVoice, TurnHarness

from nexy_core import (
    ErrorType,
    Health,
    LanguageModel,
    Memory,
    Prompt,
    Recall,
    Sentence,
    SpeechSynthesizer,
    Store,
    TextDelta,
    TimedOut,
    Unavailable,
    hookimpl,
)


def prompt(text):
    return Prompt("turn", "session", text)


async def answer(host, text):
    async with aclosing(host.get(LanguageModel).process(prompt(text))) as events:
        return "".join([event.text async for event in events if isinstance(event, TextDelta)])


async def until(true):
    """Wait for what has no event of its own."""
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)


def plugin_of(make_module, name, *capabilities, **hooks):
    """A ``plugins.modules`` entry for a module that hands over these capabilities."""

    @hookimpl
    def nexy_capabilities(settings):
        return list(capabilities)

    return f"{name}={make_module(f'made_{name}', nexy_capabilities=nexy_capabilities, **hooks)}"


async def test_the_fakes_serve_and_clean_up(make_host):
    host = await make_host(fakes=("llm", "tts", "memory"))
    assert await answer(host, "say Hello there.") == "Hello there."
    assert host.ready()
    assert host.get(Store) is not None
    assert [action.name for action in host.actions()] == ["open_app"]
    states = {state.name: state for state in host.states()}
    assert states["memory"].roles == ("memory", "store")
    assert states["filter"].state is Phase.DISABLED
    assert states["filter"].reason is Reason.DISABLED
    await host.stop(1)
    assert host.get(LanguageModel) is None
    assert {state.state for state in host.states()} == {Phase.DISABLED, Phase.STOPPED}


async def test_a_role_nobody_serves_is_none_and_required_says_so(make_host):
    host = await make_host(fakes=("tts",))
    assert host.get(LanguageModel) is None
    assert host.missing() == ("llm",)
    assert not host.ready()


async def test_a_required_plugin_that_is_not_installed_is_named(make_host):
    host = await make_host(fakes=("llm",), toml='plugins.required = ["llm", "ghost"]')
    assert not host.ready()
    (ghost,) = [state for state in host.states() if state.name == "ghost"]
    assert ghost.reason is Reason.NOT_INSTALLED


@pytest.mark.parametrize("order", [["one", "two"], ["two", "one"], ["two"]])
async def test_the_operators_order_decides(make_host, make_module, order):
    models = {name: FakeModel() for name in ("one", "two")}
    entries = [plugin_of(make_module, name, model) for name, model in models.items()]
    host = await make_host(*entries, toml=f"roles.llm = {order}".replace("'", '"'))
    await answer(host, "say Hi.")
    assert {name: model.calls for name, model in models.items()} == {"one": 0, "two": 0} | {order[0]: 1}


async def test_without_an_order_the_roles_namesake_is_first(make_host, make_module):
    other, namesake = FakeModel(), FakeModel()
    entries = [plugin_of(make_module, "acme", other), plugin_of(make_module, "llm", namesake)]
    host = await make_host(*entries)
    await answer(host, "say Hi.")
    assert (other.calls, namesake.calls) == (0, 1)


@pytest.mark.parametrize(
    "fault", ["raise.unavailable", "raise.foreign", "raise.exit", "raise.cancel", "raise.degraded", "garbage"]
)
async def test_the_next_one_takes_over_before_the_first_event(make_host, make_module, log, fault):
    broken, spare = FakeModel(faults=f"[[llm.first.{fault}]]"), FakeModel()
    entries = [plugin_of(make_module, "one", broken), plugin_of(make_module, "two", spare)]
    host = await make_host(*entries)
    assert await answer(host, "say Hi.") == "Hi."
    assert log.of(Decision.FALLBACK)[0]["plugin"] == "two"
    assert broken.closed == broken.calls == 1


async def test_after_the_first_event_nobody_takes_over(make_host, make_module):
    broken, spare = FakeModel(faults="[[llm.mid.raise.unavailable]]"), FakeModel()
    entries = [plugin_of(make_module, "one", broken), plugin_of(make_module, "two", spare)]
    host = await make_host(*entries)
    with pytest.raises(Unavailable):
        await answer(host, "say Hello there.")
    assert spare.calls == 0


async def test_a_wrong_payload_is_not_sent_to_the_next(make_host, make_module):
    first, spare = FakeModel(), FakeModel()
    entries = [plugin_of(make_module, "one", first), plugin_of(make_module, "two", spare)]
    host = await make_host(*entries, toml='roles.llm = ["one", "two"]\nplugins.breaker_failures = 1')
    with pytest.raises(Exception, match="as asked"):
        await answer(host, "say Hi. [[llm.first.raise.validation_failed]]")
    assert (spare.calls, await answer(host, "say Hi.")) == (0, "Hi.")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("raise.foreign", ErrorType.INTERNAL),
        ("raise.connection", ErrorType.UNAVAILABLE),
        ("raise.timeout", ErrorType.TIMEOUT),
        ("raise.exit", ErrorType.INTERNAL),
        ("raise.cancel", ErrorType.INTERNAL),
        ("garbage", ErrorType.INTERNAL),
    ],
)
async def test_whatever_a_capability_raises_is_a_nexy_error_without_its_text(make_host, fault, kind):
    host = await make_host(fakes=("llm",))
    for when in ("first", "mid", "last"):
        with pytest.raises(Exception) as caught:  # noqa: PT011  # its type is asserted below
            await answer(host, f"say Hello there. [[llm.{when}.{fault}]]")
        assert host.classify(caught.value) is kind
        assert "hunter2" not in str(caught.value)


async def test_a_plugin_names_its_libraries_errors(make_host, make_module):
    @hookimpl
    def nexy_classify_error(error):
        return ErrorType.RATE_LIMIT_EXCEEDED if "hunter2" in str(error) else None

    entry = plugin_of(make_module, "llm", FakeModel(), nexy_classify_error=nexy_classify_error)
    host = await make_host(entry)
    with pytest.raises(Exception) as caught:  # noqa: PT011  # its type is asserted below
        await answer(host, "say Hi. [[llm.first.raise.foreign]]")
    assert host.classify(caught.value) is ErrorType.RATE_LIMIT_EXCEEDED


async def test_an_exception_that_is_no_exception_ends_its_call_alone(make_host, make_module):
    class Escape(BaseException):
        pass

    class Escapes(FakeModel):
        async def process(self, request):
            try:
                raise Escape
                yield
            finally:
                self.calls += 1

        def status(self):
            raise Escape

        async def cleanup(self):
            raise Escape

    broken = Escapes()
    host = await make_host(plugin_of(make_module, "one", broken), plugin_of(make_module, "two", FakeModel()))
    assert await answer(host, "say Hi.") == "Hi."
    assert broken.calls == 1
    assert next(state.failures for state in host.states() if state.name == "one") == 1
    await host.stop(1)


async def test_a_broken_classifier_breaks_nothing(make_host, make_module):
    @hookimpl
    def nexy_classify_error(error):
        raise RuntimeError

    host = await make_host(plugin_of(make_module, "llm", FakeModel(), nexy_classify_error=nexy_classify_error))
    assert host.classify(ValueError()) is ErrorType.INTERNAL


async def test_the_breaker_trips_and_probes_its_way_back(make_host, make_module, log):
    model = FakeModel(faults="[[llm.first.raise.internal]]")
    toml = "plugins.breaker_failures = 3\nplugins.breaker_reset_seconds = 0.05"
    host = await make_host(plugin_of(make_module, "llm", model), toml=toml)
    for _ in range(3):
        with pytest.raises(Exception, match="as asked"):
            await answer(host, "say Hi.")
    assert host.get(LanguageModel) is None
    assert not host.ready()
    (state,) = [state for state in host.states() if state.name == "llm"]
    assert (state.state, state.reason, state.failures) == (Phase.TRIPPED, Reason.BREAKER_OPEN, 3)
    assert len(log.of(Decision.TRIP)) == 1
    model.faults = ""
    await until(lambda: host.get(LanguageModel))
    assert await answer(host, "say Hi.") == "Hi."
    assert log.of(Decision.RECOVER)
    assert host.ready()


async def test_a_silent_capability_is_given_up(make_host):
    host = await make_host(fakes=("llm",), toml="plugins.stall_timeout_seconds = 0.2")
    async with asyncio.timeout(5):
        with pytest.raises(TimedOut) as caught:
            await answer(host, "say Hi. [[llm.mid.hang]]")
    assert caught.value.reason == "stalled"
    assert asyncio.current_task().cancelling() == 0


async def test_a_cancel_from_outside_stays_a_cancel_and_is_no_failure(make_host, make_module):
    model = FakeModel()
    host = await make_host(plugin_of(make_module, "llm", model))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await answer(host, "say Hi. [[llm.mid.hang]]")
    assert (model.closed, host.states()[3].failures) == (1, 0)


async def test_a_capability_that_swallows_its_cancel_is_cut_all_the_same(make_host):
    host = await make_host(fakes=("llm",))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await answer(host, "say Hello there, you. [[llm.mid.stubborn]]")


async def test_a_memory_that_hangs_until_the_core_loses_patience_counts_as_failing(make_host):
    host = await make_host(fakes=("memory",), toml="turn.recall_timeout_seconds = 0.05")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(host.get(Memory).process(Recall("A", "s", "Hi [[recall.first.hang]]"))), 0.06)
    (state,) = [state for state in host.states() if state.name == "memory"]
    assert state.failures == 1


async def test_a_status_that_raises_is_a_failed_status(make_host, make_module):
    class Sick(FakeVoice):
        def status(self):
            raise RuntimeError

    host = await make_host(plugin_of(make_module, "tts", Sick()))
    assert host.get(SpeechSynthesizer).status().health is Health.FAILED
    assert "RuntimeError" in next(state.detail for state in host.states() if state.name == "tts")


async def test_speech_falls_over_to_a_voice_that_knows_the_language(make_host, make_module):
    silent, voice = FakeVoice(faults="[[tts.first.raise.degraded]]"), FakeVoice()
    host = await make_host(
        plugin_of(make_module, "tts", silent),
        plugin_of(make_module, "more", voice),
        toml='roles.tts = ["tts", "more"]\nplugins.breaker_failures = 1',
    )
    for _ in range(2):
        chunks = [c async for c in host.get(SpeechSynthesizer).process(Sentence("t", 0, "Да.", "Да.", "ru"))]
        assert chunks
    assert silent.calls == 2


async def test_a_capability_that_blocks_the_loop_is_named_and_counted(make_host, log):
    host = await make_host(
        fakes=("llm", "tts"), toml="plugins.breaker_failures = 1\nplugins.block_timeout_seconds = 0.2"
    )
    assert await answer(host, "say Hi. [[llm.first.block.1000]]") == "Hi."
    await until(lambda: log.of(Decision.TRIP))
    (line,) = [line for line in log.of(Decision.ERROR) if line["reason"] == "blocked_loop"]
    assert line["plugin"] == "llm"
    assert 500 < line["blocked_ms"] < 5000
    assert host.get(LanguageModel) is None
    assert host.get(SpeechSynthesizer) is not None


async def test_a_whole_turn_calls_no_hook_and_a_failing_one_asks_once_what_the_error_means():
    parts = (FakeModel(), FakeVoice(), FakeMemory(), FakeFilter(), FakeStore())
    async with TurnHarness(*parts) as harness:
        called = []
        manager = harness._workflows.stage.host._registry._manager
        manager.add_hookcall_monitoring(lambda name, *_: called.append(name), lambda *_: None)
        result = await harness.ask("count 40")
        assert (len(result.pieces), bool(result.audio), called) == (40, True, [])
        assert (await harness.ask("count 40 [[llm.mid.raise.foreign]]")).error
        assert called == ["nexy_classify_error"]
