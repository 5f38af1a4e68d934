"""Every kind of broken plugin: contained, named with its reason, and no harm to the good ones."""

import asyncio
import sys
import types
from contextlib import suppress

import pytest
from nexy_core.decisions import Decision
from nexy_core.plugins import Phase, Reason
from nexy_core.testing import FakeModel, FakeVoice

from nexy_core import ConfigError, LanguageModel, Setting, SpeechSynthesizer, hookimpl


def broken_source(tmp_path, monkeypatch, name, source):
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return f"bad={name}"


def state_of(host, name="bad"):
    return next(state for state in host.states() if state.name == name)


async def contained(make_host, log, entry, reason, toml=""):
    """The host serves with the good plugin beside the bad one, and says what is wrong with it."""
    host = await make_host(entry, fakes=("llm",), toml=toml)
    assert host.get(LanguageModel) is not None
    assert host.ready()
    state = state_of(host)
    assert (state.state, state.reason) == (Phase.QUARANTINED, reason)
    (line,) = log.of(Decision.QUARANTINE)
    assert (line["plugin"], line["reason"]) == ("bad", reason.code)
    assert state.as_dict()["remedy"]
    return state


IMPORTS = {
    "import nowhere_to_be_found": (Reason.IMPORT_FAILED, "nowhere_to_be_found"),
    "import sys; sys.exit(3)": (Reason.EXITED_AT_IMPORT, "sys.exit"),
    "raise AssertionError('no')": (Reason.IMPORT_FAILED, "AssertionError: no"),
    "def broken(:": (Reason.IMPORT_FAILED, "SyntaxError"),
    "raise RuntimeError('a' * 5000)": (Reason.IMPORT_FAILED, "RuntimeError"),
    "class Out(BaseException): pass\nraise Out('of here')": (Reason.IMPORT_FAILED, "Out: of here"),
    "import asyncio; raise asyncio.CancelledError": (Reason.IMPORT_FAILED, "CancelledError"),
    "x = 1": (Reason.NO_HOOKS, ""),
}


@pytest.mark.parametrize("source", IMPORTS, ids=lambda source: source[:20])
async def test_a_module_that_breaks_at_import(make_host, log, tmp_path, monkeypatch, source):
    reason, detail = IMPORTS[source]
    entry = broken_source(tmp_path, monkeypatch, f"broken_{abs(hash(source))}", source)
    state = await contained(make_host, log, entry, reason)
    assert detail in state.detail
    assert len(state.detail) <= 200


def hook(name, function):
    function.__name__ = function.__qualname__ = name
    return hookimpl(function)


def raises(*_):
    raise ValueError("a broken hook")


def exits(*_):
    sys.exit(1)


class Escape(BaseException):
    """No Exception: whoever catches only those is left."""


def escapes(*_):
    raise Escape("gone")


def cannot(value):
    raise ZeroDivisionError


async def waits(settings):
    return []


class Nothing:
    pass


class NeverYields(FakeModel):
    async def process(self, request):
        return None


class Mute(FakeVoice):
    async def initialize(self):
        raise RuntimeError("no voice found")


class Exits(FakeVoice):
    async def initialize(self):
        sys.exit(1)


class Escapes(FakeVoice):
    async def initialize(self):
        raise Escape("gone")


class Hangs(FakeVoice):
    async def initialize(self):
        await asyncio.Event().wait()


class HangsOn(FakeVoice):
    async def initialize(self):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(5)
        await asyncio.sleep(0.7)


def hooks(**functions):
    return {name: hook(name, function) for name, function in functions.items()}


HOOKS = {
    "bad_signature": (hooks(nexy_capabilities=lambda settings, surprise: []), Reason.BAD_SIGNATURE),
    "unknown_hook": (hooks(nexy_capabilites=lambda settings: []), Reason.UNKNOWN_HOOK),
    "async_hook": (hooks(nexy_capabilities=waits), Reason.ASYNC_HOOK),
    "hook_raises": (hooks(nexy_capabilities=lambda settings: raises()), Reason.HOOK_RAISED),
    "hook_exits": (hooks(nexy_capabilities=lambda settings: exits()), Reason.HOOK_RAISED),
    "hook_escapes": (hooks(nexy_capabilities=lambda settings: escapes()), Reason.HOOK_RAISED),
    "settings_raise": (hooks(nexy_settings=lambda: raises()), Reason.HOOK_RAISED),  # noqa: PLW0108
    "actions_raise": (hooks(nexy_actions=lambda: raises()), Reason.HOOK_RAISED),  # noqa: PLW0108
    "no_capability": (hooks(nexy_capabilities=lambda settings: [Nothing()]), Reason.BAD_CAPABILITY),
    "no_iterable": (hooks(nexy_capabilities=lambda settings: 5), Reason.HOOK_RAISED),
    "never_yields": (hooks(nexy_capabilities=lambda settings: [NeverYields()]), Reason.BAD_CAPABILITY),
    "no_setting": (hooks(nexy_settings=lambda: ["volume"]), Reason.BAD_SETTING),
    "taken_setting": (hooks(nexy_settings=lambda: [Setting("grpc.port", int, 1, "Mine.")]), Reason.BAD_SETTING),
    "wrong_default": (hooks(nexy_settings=lambda: [Setting("bad.x", int, "one", "A number.")]), Reason.BAD_SETTING),
    "twice_setting": (hooks(nexy_settings=lambda: [Setting("bad.x", int, 1, "A.")] * 2), Reason.BAD_SETTING),
    "check_raises": (hooks(nexy_settings=lambda: [Setting("bad.x", int, 1, "A.", check=cannot)]), Reason.BAD_SETTING),
    "odd_key": (hooks(nexy_settings=lambda: [Setting(7, int, 1, "A.")]), Reason.BAD_SETTING),
    "odd_bound": (hooks(nexy_settings=lambda: [Setting("bad.x", int, 1, "A.", minimum="0")]), Reason.BAD_SETTING),
    "initialize_escapes": (hooks(nexy_capabilities=lambda settings: [Escapes()]), Reason.INITIALIZE_RAISED),
    "initialize_raises": (hooks(nexy_capabilities=lambda settings: [Mute()]), Reason.INITIALIZE_RAISED),
    "initialize_exits": (hooks(nexy_capabilities=lambda settings: [Exits()]), Reason.INITIALIZE_RAISED),
    "initialize_hangs": (hooks(nexy_capabilities=lambda settings: [Hangs()]), Reason.INITIALIZE_TIMED_OUT),
    "initialize_hangs_on": (hooks(nexy_capabilities=lambda settings: [HangsOn()]), Reason.INITIALIZE_TIMED_OUT),
}


@pytest.mark.parametrize("kind", HOOKS)
async def test_a_plugin_with_broken_hooks(make_host, make_module, log, kind):
    members, reason = HOOKS[kind]
    entry = f"bad={make_module(f'bad_{kind}', **members)}"
    toml = "plugins.initialize_timeout_seconds = 0.1\nroles.tts = ['bad']"
    await contained(make_host, log, entry, reason, toml)


@pytest.mark.parametrize("name", ["required", "modules", "module_coordinator", "My-Voice", "breaker_failures", ""])
async def test_a_name_the_settings_need(make_host, make_module, log, name):
    module = make_module("bad_name", **hooks(nexy_capabilities=lambda settings: []))
    host = await make_host(f"{name}={module}", fakes=("llm",))
    assert state_of(host, name).reason is Reason.RESERVED_NAME
    assert host.ready()


async def test_two_of_one_name_are_both_refused(make_host, make_module):
    one = make_module("one_of_two", **hooks(nexy_capabilities=lambda settings: [FakeVoice()]))
    two = make_module("two_of_two", **hooks(nexy_capabilities=lambda settings: [FakeVoice()]))
    host = await make_host(f"tts={one}", f"tts={two}", fakes=("llm",))
    assert host.get(SpeechSynthesizer) is None
    assert state_of(host, "tts").reason is Reason.DUPLICATE_NAME


async def test_a_failed_initialize_is_cleaned_up(make_host, make_module):
    voice = Mute()
    host = await make_host(f"bad={make_module('mute', **hooks(nexy_capabilities=lambda settings: [voice]))}")
    assert state_of(host).state is Phase.QUARANTINED
    assert voice.cleanups == 1


async def test_a_broken_one_does_not_hold_up_the_others(make_host, make_module):
    entry = f"bad={make_module('slow', **hooks(nexy_capabilities=lambda settings: [Hangs()]))}"
    host = await make_host(entry, fakes=("llm",), toml="plugins.initialize_timeout_seconds = 0.6", start=False)
    starting = asyncio.create_task(host.start())
    async with asyncio.timeout(0.5):
        while host.get(LanguageModel) is None:
            await asyncio.sleep(0.01)
    await starting


async def test_a_disabled_plugin_is_never_imported(make_host, tmp_path, monkeypatch):
    entry = broken_source(tmp_path, monkeypatch, "never_imported", "raise SystemExit(1)")
    host = await make_host(entry, fakes=("llm",), toml="plugins.bad.enabled = false")
    assert "never_imported" not in sys.modules
    assert (state_of(host).state, state_of(host).reason) == (Phase.DISABLED, Reason.DISABLED)


@pytest.mark.parametrize(
    "toml", ["features.use_module_coordinator = false", "kill_switches.disable_module_coordinator = true"]
)
async def test_core_only_loads_nothing(make_host, tmp_path, monkeypatch, toml):
    entry = broken_source(tmp_path, monkeypatch, "never_imported_either", "raise SystemExit(1)")
    host = await make_host(entry, fakes=("llm", "tts"), toml=toml)
    assert {state.reason for state in host.states()} == {Reason.CORE_ONLY}
    assert not host.ready()
    assert host.actions() == ()


async def test_a_killed_plugin_is_not_loaded(make_host):
    host = await make_host(fakes=("llm", "tts"), toml="kill_switches.disable_tts = true")
    assert state_of(host, "tts").reason is Reason.KILLED
    assert host.ready()


async def test_settings_of_a_plugin_that_did_not_load_are_let_through(make_host, log, tmp_path, monkeypatch):
    entry = broken_source(tmp_path, monkeypatch, "broken_with_table", "import nowhere_to_be_found")
    await contained(make_host, log, entry, Reason.IMPORT_FAILED, 'bad.voice = "deep"')


async def test_a_wrong_value_for_a_plugins_setting_stops_the_start_and_names_it(make_host):
    with pytest.raises(ConfigError, match=r"fake\.llm\.delay_ms"):
        await make_host(fakes=("llm",), toml='fake.llm.delay_ms = "slow"')


async def test_an_unknown_setting_stops_the_start(make_host):
    with pytest.raises(ConfigError, match=r"fake\.llm\.delai_ms"):
        await make_host(fakes=("llm",), toml="fake.llm.delai_ms = 3")


def test_every_reason_says_what_and_what_to_do():
    reasons = [reason for reason in Reason if reason is not Reason.NONE]
    assert len({reason.code for reason in reasons}) == len(reasons)
    assert all(reason.text and reason.remedy for reason in reasons)


async def test_a_module_may_be_any_object_with_hooks(make_host, make_module):
    class Plugin:
        @hookimpl
        def nexy_capabilities(self, settings):
            return [FakeVoice()]

    module = make_module("holder", plugin=Plugin(), other=types.SimpleNamespace())
    host = await make_host(f"tts={module}:plugin")
    assert state_of(host, "tts").state is Phase.SERVING
