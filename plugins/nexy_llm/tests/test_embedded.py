"""The embedded model, for real: its process is killed, stopped, starved of its parent and given bad files."""

import asyncio
import os
import sys
import urllib.error
import urllib.request

import psutil
import pytest
from nexy_llm import modelfile, supervisor
from nexy_llm.model import LiteLLM, _auto_threads
from nexy_llm.supervisor import Engine, Supervisor

from nexy_core import Health, Prompt, TextDelta, Unavailable

LIMIT_SECONDS = 30
LONG = "Tell me a long story about a fox."


def engine(path=None):
    return Engine(path or modelfile.packaged(), threads=2, streams=2, stream_tokens=1024)


@pytest.fixture
async def child():
    one = Supervisor(engine())
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def model(settings):
    one = LiteLLM(settings(embedded_streams=2))
    await one.initialize()
    yield one
    await one.cleanup()


def process_of(model):
    return psutil.Process(model._supervisor._process.pid)


async def gone(process):
    async with asyncio.timeout(LIMIT_SECONDS):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:  # no event for it
            await asyncio.sleep(0.01)


async def drained(events):
    async with asyncio.timeout(LIMIT_SECONDS):
        async for _ in events:
            pass


async def test_it_answers_the_readmes_example(model, ask):
    answer = await ask(model, "What is the capital of France?")
    assert answer.text == "The capital of France is Paris."
    assert answer.usage.model == "embedded"
    assert answer.usage.output_tokens > 3


async def test_killed_in_mid_answer_that_turn_fails_and_the_next_one_answers(model, ask):
    events = model.process(Prompt("t", "s", LONG))
    assert await anext(event.text async for event in events if isinstance(event, TextDelta))
    process_of(model).kill()
    with pytest.raises(Unavailable) as raised:
        await drained(events)
    assert raised.value.reason == "model_died"
    assert (await ask(model, "What is the capital of France?")).text == "The capital of France is Paris."
    status = model.status()
    assert (status.health, status.figures["restarts"]) == (Health.READY, 1)


async def test_killed_while_idle_the_next_turn_answers(model, ask):
    for _ in range(2):
        process = process_of(model)
        process.kill()
        await gone(process)
        assert (await ask(model, "What is the opposite of hot?")).text == "The opposite of hot is cold."


async def test_a_child_whose_end_is_never_heard_of_is_replaced(child, monkeypatch):
    create = asyncio.create_subprocess_exec

    async def unheard(*_, **options):
        monkeypatch.setattr(asyncio, "create_subprocess_exec", create)
        process = await create(sys.executable, "-c", "", **options)
        process.wait = asyncio.Event().wait
        return process

    monkeypatch.setattr(supervisor, "END_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", unheard)
    child._process.kill()
    await child._lost.wait()
    assert await child.route(LIMIT_SECONDS)


async def test_a_fallback_that_is_missing_stops_nothing(make_model, ask, caplog, tmp_path):
    model = await make_model(fallback_models=["embedded"], embedded_file=str(tmp_path / "none.gguf"))
    assert (await ask(model)).text == "Hello there."
    assert any(getattr(record, "decision", "") == "degrade" for record in caplog.records)


async def test_after_cleanup_a_turn_is_refused_at_once(settings, ask):
    model = LiteLLM(settings())
    assert (await ask(model)).error.reason == "not_ready"
    await model.initialize()
    await model.cleanup()
    assert (await ask(model)).error.reason == "not_ready"


async def test_a_child_that_hangs_is_ended_and_replaced(settings, ask, monkeypatch):
    monkeypatch.setattr(supervisor, "HEALTH_TIMEOUT_SECONDS", 0.3)
    model = LiteLLM(settings(first_token_timeout_seconds=2.0))
    await model.initialize()
    try:
        process = process_of(model)
        process.suspend()
        assert (await ask(model)).error.reason == "first_token_timeout"
        await gone(process)
        await model._supervisor.route(LIMIT_SECONDS)
        assert process_of(model).pid != process.pid
        assert (await ask(model, "What is the opposite of hot?")).text == "The opposite of hot is cold."
    finally:
        await model.cleanup()


async def test_a_proxy_of_the_environment_does_not_stand_between(settings, ask, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    model = LiteLLM(settings())
    await model.initialize()
    assert (await ask(model, "What is the opposite of hot?")).text
    await model.cleanup()


async def test_as_a_fallback_it_answers_when_the_named_model_does_not(make_model, provider, scripts, ask):
    model = await make_model(fallback_models=["embedded"], retries=0)
    provider.plays(scripts[500])
    answer = await ask(model, "What is the capital of France?")
    assert (answer.text, answer.usage.model) == ("The capital of France is Paris.", "embedded")


async def test_an_interrupted_answer_stops_costing(model, ask):
    process = process_of(model)
    for _ in range(3):
        events = model.process(Prompt("t", "s", LONG))
        await anext(events)
        await events.aclose()
    await ask(model, "What is the opposite of hot?")
    before = sum(process.cpu_times()[:2])
    await asyncio.sleep(1.0)  # the time it is measured over
    assert sum(process.cpu_times()[:2]) - before < 0.1


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (64, 4)])
def test_it_leaves_half_the_cores_to_speech(cores, threads):
    assert _auto_threads(cores) == threads


def test_its_memory_is_bounded_whatever_the_settings_say(settings):
    assert LiteLLM(settings(max_tokens=1_000_000))._engine().stream_tokens == 8192
    assert LiteLLM(settings())._engine().stream_tokens == 1200 + 256 + 1024


async def test_cleanup_ends_the_child(settings):
    model = LiteLLM(settings())
    await model.initialize()
    process = process_of(model)
    await model.cleanup()
    await gone(process)
    await model.cleanup()


async def test_a_question_too_long_for_it_is_refused_as_such(model, ask):
    answer = await ask(model, "word " * 5000)
    assert answer.error.reason == "context_too_long"


async def test_only_with_its_key_does_it_answer(child):
    route = await child.route(1)
    request = urllib.request.Request(f"{route.api_base}/chat/completions", b'{"messages": []}')
    with pytest.raises(urllib.error.HTTPError, match="401"):
        await asyncio.to_thread(urllib.request.urlopen, request)
    arguments = " ".join(psutil.Process(child._process.pid).cmdline())
    assert route.api_key not in arguments
    assert route.api_base.startswith("http://127.0.0.1:")


async def test_ctrl_c_in_the_terminal_does_not_reach_it(child):
    assert os.getpgid(child._process.pid) != os.getpgid(0)


PARENT = """
import asyncio, sys
from pathlib import Path
from nexy_llm.supervisor import Engine, Supervisor
async def main():
    one = Supervisor(Engine(Path(sys.argv[1]), 1, 1, 512))
    await one.start()
    print(one._process.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_it_ends_with_its_parent_even_when_that_is_killed():
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(modelfile.packaged()), stdout=asyncio.subprocess.PIPE
    )
    child = psutil.Process(int(await parent.stdout.readline()))
    parent.kill()
    await parent.wait()
    await gone(child)


async def test_a_file_the_engine_cannot_load_is_a_clear_error(tmp_path):
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + bytes(2_000_000))
    one = Supervisor(engine(bad))
    with pytest.raises(Unavailable) as raised:
        await one.start()
    assert raised.value.reason == "model_load_failed"
    await one.stop()


async def test_a_missing_model_stops_the_start_with_the_remedy(settings, tmp_path):
    model = LiteLLM(settings(embedded_file=str(tmp_path / "none.gguf")))
    with pytest.raises(Unavailable, match="cannot be read"):
        await model.initialize()
    await model.cleanup()


async def test_while_it_cannot_be_started_turns_are_refused_and_then_it_is_back(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(supervisor, "RESTART_MAX_SECONDS", 0.4)
    link = tmp_path / "model.gguf"
    link.symlink_to(modelfile.packaged())
    one = Supervisor(engine(link))
    await one.start()
    link.unlink()
    one._process.kill()
    await gone(psutil.Process(one._process.pid))
    async with asyncio.timeout(LIMIT_SECONDS):
        while "does not start" not in caplog.text:  # the log is what tells
            await asyncio.sleep(0.02)
    with pytest.raises(Unavailable) as raised:
        await one.route(0.05)
    assert raised.value.reason == "model_died"
    assert not one.serves()
    link.symlink_to(modelfile.packaged())
    await one.route(LIMIT_SECONDS)
    assert one.serves()
    await one.stop()
