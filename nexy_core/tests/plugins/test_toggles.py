"""Plugins switched off and on while the server runs."""

import asyncio
import gc
import os
import threading
from contextlib import aclosing

import psutil
import pytest
from nexy_core.decisions import Decision
from nexy_core.flags import Flags
from nexy_core.plugins import Phase, Reason
from nexy_core.ports import Commit
from nexy_core.testing import FakeMemory, FakeModel, FakeVoice
from nexy_core.trace import TraceRing
from nexy_core.turn import Stage
from nexy_core.workflows import Workflows

from nexy_core import LanguageModel, Prompt, SpeechSynthesizer, TextDelta, Unavailable, hookimpl

TURNS = 50
CYCLES = 100
SPARE_HANDLES = 2


def rewrite(settings_file, host, **keys):
    """Change the file as an operator would, and reload."""
    old = [line for line in settings_file.read_text().splitlines() if line.partition(" =")[0] not in keys]
    settings_file.write_text("\n".join([*old, *(f"{key} = {value}" for key, value in keys.items())]))
    host.config.reload()


async def reaches(host, name, phase):
    async with asyncio.timeout(10):
        while phase_of(host, name) is not phase:
            await asyncio.sleep(0.005)


def phase_of(host, name):
    return next(state.state for state in host.states() if state.name == name)


async def ask(model, text="say Hello there, and welcome."):
    async with aclosing(model.process(Prompt("t", "s", text))) as events:
        return "".join([event.text async for event in events if isinstance(event, TextDelta)])


def model_plugin(make_module, made):
    @hookimpl
    def nexy_capabilities(settings):
        made.append(FakeModel(delay_ms=2))
        return [made[-1]]

    return f"llm={make_module('live_llm', nexy_capabilities=nexy_capabilities)}"


async def test_off_and_on_again_without_a_restart(make_host, make_module, settings_file, log):
    made = []
    host = await make_host(model_plugin(make_module, made))
    rewrite(settings_file, host, **{"plugins.llm.enabled": "false"})
    await reaches(host, "llm", Phase.DISABLED)
    assert host.get(LanguageModel) is None
    assert made[0].cleanups == 1
    rewrite(settings_file, host, **{"plugins.llm.enabled": "true"})
    await reaches(host, "llm", Phase.SERVING)
    assert await ask(host.get(LanguageModel)) == "Hello there, and welcome."
    assert len(made) == 2
    assert log.of(Decision.DISABLE) == [{"plugin": "llm", "reason": "disabled"}]
    assert log.of(Decision.ENABLE) == [{"plugin": "llm"}]


async def test_one_that_was_off_at_the_start_comes_up(make_host, settings_file):
    host = await make_host(fakes=("llm", "tts"), toml="plugins.tts.enabled = false")
    assert host.get(SpeechSynthesizer) is None
    rewrite(settings_file, host, **{"plugins.tts.enabled": "true"})
    await reaches(host, "tts", Phase.SERVING)
    assert host.get(SpeechSynthesizer) is not None


async def test_a_server_that_started_with_the_core_alone_takes_its_plugins_up(make_host, settings_file):
    host = await make_host(fakes=("llm", "tts"), toml="features.use_module_coordinator = false")
    assert {state.reason for state in host.states()} == {Reason.CORE_ONLY}
    rewrite(settings_file, host, **{"features.use_module_coordinator": "true"})
    await reaches(host, "llm", Phase.SERVING)
    await reaches(host, "tts", Phase.SERVING)
    assert host.ready()


async def test_disabling_during_many_turns_loses_none(make_host, make_module, settings_file):
    made = []
    host = await make_host(model_plugin(make_module, made))
    begun = asyncio.Event()

    async def turn():
        with host.hold() as parts:
            first = await ask(parts.get(LanguageModel))
            begun.set()
            return first, await ask(parts.get(LanguageModel))

    turns = [asyncio.create_task(turn()) for _ in range(TURNS)]
    await begun.wait()
    rewrite(settings_file, host, **{"plugins.llm.enabled": "false"})
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert phase_of(host, "llm") is Phase.DRAINING
    assert host.get(LanguageModel) is None
    assert made[0].cleanups == 0
    assert await asyncio.gather(*turns) == [("Hello there, and welcome.",) * 2] * TURNS
    await reaches(host, "llm", Phase.DISABLED)
    assert made[0].cleanups == 1


async def test_a_turn_that_ends_while_its_memory_is_switched_off_is_remembered(
    make_host, make_module, settings_file, log
):
    kept = []

    class SlowMemory(FakeMemory):
        async def cleanup(self):
            kept.append([turn.answer for turn in self.remembered])

    @hookimpl
    def nexy_capabilities(settings):
        return [SlowMemory()]

    entry = f"memory={make_module('slow_memory', nexy_capabilities=nexy_capabilities)}"
    host = await make_host(entry, fakes=("llm",))
    workflows = Workflows(Stage(host.config.live, host, Flags(host.config.live), log), TraceRing(size=1))

    class Output:
        async def text(self, shown):
            rewrite(settings_file, host, **{"plugins.memory.enabled": "false"})
            await reaches(host, "memory", Phase.DRAINING)
            return shown

    log.mask_id = str
    await workflows.turn(Commit("t", 1, "device", "s", "say Hi. [[remember.first.sleep.200]]"), Output())
    await reaches(host, "memory", Phase.DISABLED)
    assert kept == [["Hi."]]


async def test_a_kill_switch_does_not_wait_for_the_turn(make_host, settings_file):
    host = await make_host(fakes=("llm",))
    with host.hold() as parts:
        rewrite(settings_file, host, **{"kill_switches.disable_llm": "true"})
        await reaches(host, "llm", Phase.DRAINING)
        assert parts.get(LanguageModel) is None
    await reaches(host, "llm", Phase.DISABLED)


async def test_a_kill_switch_does_not_wait_for_another_plugin_to_drain(make_host, settings_file):
    host = await make_host(fakes=("llm", "tts"))
    with host.hold() as parts:
        rewrite(settings_file, host, **{"plugins.llm.enabled": "false"})
        await reaches(host, "llm", Phase.DRAINING)
        rewrite(settings_file, host, **{"kill_switches.disable_tts": "true", "kill_switches.disable_llm": "true"})
        await reaches(host, "tts", Phase.DRAINING)
        assert parts.get(LanguageModel) is parts.get(SpeechSynthesizer) is None
    await reaches(host, "llm", Phase.DISABLED)


async def test_the_module_coordinators_kill_switch_takes_everything_down_at_once(make_host, settings_file):
    host = await make_host(fakes=("llm", "tts"))
    model = host.get(LanguageModel)
    rewrite(settings_file, host, **{"kill_switches.disable_module_coordinator": "true"})
    await reaches(host, "llm", Phase.DISABLED)
    await reaches(host, "tts", Phase.DISABLED)
    assert {state.reason for state in host.states()} == {Reason.CORE_ONLY, Reason.DISABLED}
    with pytest.raises(Unavailable):
        await ask(model)


async def test_a_turn_that_never_ends_does_not_keep_a_disabled_plugin(make_host, settings_file, log):
    host = await make_host(fakes=("llm",), toml="plugins.drain_timeout_seconds = 0.05")
    with host.hold():
        rewrite(settings_file, host, **{"plugins.llm.enabled": "false"})
        await reaches(host, "llm", Phase.DISABLED)
    assert log.of(Decision.WARN) == [{"plugin": "llm", "reason": "drain_timeout"}]


async def test_a_cleanup_that_hangs_or_raises_holds_up_nobody(make_host, make_module, settings_file, log):
    class Hangs(FakeVoice):
        async def cleanup(self):
            await asyncio.Event().wait()

    class Raises(FakeMemory):
        async def cleanup(self):
            raise SystemExit(3)

    def entry(name, capability):
        @hookimpl
        def nexy_capabilities(settings):
            return [capability]

        return f"{name}={make_module(f'unclean_{name}', nexy_capabilities=nexy_capabilities)}"

    model = FakeModel()
    entries = [entry("tts", Hangs()), entry("memory", Raises()), entry("llm", model)]
    host = await make_host(*entries, toml="plugins.cleanup_timeout_seconds = 0.1")
    rewrite(settings_file, host, **{"plugins.tts.enabled": "false"})
    await reaches(host, "tts", Phase.DISABLED)
    (hung,) = log.of(Decision.WARN)
    assert (hung["plugin"], hung["reason"]) == ("tts", "cleanup_failed")
    rewrite(settings_file, host, **{"plugins.tts.enabled": "true"})
    await reaches(host, "tts", Phase.SERVING)
    async with asyncio.timeout(5):
        await host.stop(2)
    assert model.cleanups == 1
    assert sorted(line["plugin"] for line in log.of(Decision.WARN)) == ["memory", "tts", "tts"]


async def test_switched_back_on_while_it_drains(make_host, make_module, settings_file):
    made = []
    host = await make_host(model_plugin(make_module, made))
    with host.hold():
        rewrite(settings_file, host, **{"plugins.llm.enabled": "false"})
        await reaches(host, "llm", Phase.DRAINING)
        rewrite(settings_file, host, **{"plugins.llm.enabled": "true"})
    await reaches(host, "llm", Phase.SERVING)
    assert host.ready()
    assert [model.cleanups for model in made] == [1, 0]


async def test_another_order_takes_effect_live(make_host, make_module, settings_file):
    voices = {"one": FakeVoice(), "two": FakeVoice()}

    def hooks(name):
        @hookimpl
        def nexy_capabilities(settings):
            return [voices[name]]

        return {"nexy_capabilities": nexy_capabilities}

    entries = [f"{name}={make_module(f'ordered_{name}', **hooks(name))}" for name in voices]
    host = await make_host(*entries, toml="roles.tts = ['one', 'two']")
    assert host.get(SpeechSynthesizer).providers[0].plugin == "one"
    rewrite(settings_file, host, **{"roles.tts": "['two', 'one']"})
    await asyncio.sleep(0.01)
    assert host.get(SpeechSynthesizer).providers[0].plugin == "two"


async def test_a_broken_one_that_is_switched_off_and_on_is_tried_again(make_host, make_module, settings_file):
    answers = [RuntimeError("not yet"), None]

    class Late(FakeVoice):
        async def initialize(self):
            if error := answers.pop(0):
                raise error

    @hookimpl
    def nexy_capabilities(settings):
        return [Late()]

    host = await make_host(f"tts={make_module('late_tts', nexy_capabilities=nexy_capabilities)}")
    assert phase_of(host, "tts") is Phase.QUARANTINED
    rewrite(settings_file, host, **{"plugins.tts.enabled": "false"})
    await reaches(host, "tts", Phase.DISABLED)
    rewrite(settings_file, host, **{"plugins.tts.enabled": "true"})
    await reaches(host, "tts", Phase.SERVING)


async def test_a_hundred_cycles_leave_nothing(make_host, make_module, settings_file, log):
    host = await make_host(fakes=("llm", "tts", "memory", "filter", "interrupt"))

    async def cycle():
        for value, phase in (("false", Phase.DISABLED), ("true", Phase.SERVING)):
            rewrite(settings_file, host, **{"plugins.llm.enabled": value, "plugins.memory.enabled": value})
            await reaches(host, "llm", phase)
            await reaches(host, "memory", phase)
        await ask(host.get(LanguageModel), "say Hi.")

    def census():
        log.lines.clear()
        gc.collect()
        return {
            "tasks": len(asyncio.all_tasks()),
            "threads": threading.active_count(),
            "handles": psutil.Process(os.getpid()).num_fds(),
            "objects": sum(str(type(thing).__module__).startswith(("nexy_", "pluggy")) for thing in gc.get_objects()),
        }

    for _ in range(5):
        await cycle()
    before = census()
    for _ in range(CYCLES):
        await cycle()
    after = census()
    assert after["handles"] <= before["handles"] + SPARE_HANDLES
    assert {**after, "handles": 0} == {**before, "handles": 0}


async def test_a_canary_serves_its_share_of_the_devices_and_the_next_plugin_the_others(make_host, make_module):
    models = {"new": FakeModel(), "llm": FakeModel()}

    def hooks(name):
        @hookimpl
        def nexy_capabilities(settings):
            return [models[name]]

        return {"nexy_capabilities": nexy_capabilities}

    entries = [f"{name}={make_module(f'canary_{name}', **hooks(name))}" for name in models]
    host = await make_host(*entries, toml='roles.llm = ["new", "llm"]\nplugins.new.percent = 30')

    async def chosen(device):
        before = models["new"].calls
        with host.hold(device) as parts:
            await ask(parts.get(LanguageModel))
        return models["new"].calls > before

    devices = [f"device {number}" for number in range(200)]
    first = [await chosen(device) for device in devices]
    assert 30 < sum(first) < 90
    assert [await chosen(device) for device in devices] == first
    assert models["llm"].calls == 400 - 2 * sum(first)
    await ask(host.get(LanguageModel))
    assert models["new"].calls == 2 * sum(first), "without a device the canary does not serve"


async def test_a_canary_alone_leaves_the_others_without(make_host):
    host = await make_host(fakes=("llm", "tts"), toml="plugins.tts.percent = 0")
    with host.hold("device") as parts:
        assert parts.get(SpeechSynthesizer) is None
        assert parts.get(LanguageModel) is not None
