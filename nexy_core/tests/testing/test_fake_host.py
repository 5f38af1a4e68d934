"""A host around one plugin, as its own tests use it."""

from pathlib import Path

import pytest
from nexy_core.plugins import PluginError, Reason
from nexy_core.testing import FakeHost, FakeVoice

from nexy_core import ConfigError, LanguageModel, Prompt, Sentence, Setting, SpeechSynthesizer, TextDelta, hookimpl

FAKE = "llm=nexy_core.testing.fake_plugins:llm_plugin"


class Voice(FakeVoice):
    def __init__(self, settings):
        super().__init__(faults="[[tts.first.raise.degraded]]" if settings.get("voice.mute", bool) else "")
        self.settings = settings


class Plugin:
    """Hooks over one voice that is kept for the test."""

    def __init__(self):
        self.made = []

    @hookimpl
    def nexy_settings(self):
        return [Setting("voice.mute", bool, False, "Say nothing.", live=True)]

    @hookimpl
    def nexy_capabilities(self, settings):
        self.made.append(Voice(settings))
        return self.made


@pytest.fixture
def plugin(monkeypatch):
    made = Plugin()
    monkeypatch.setattr("nexy_core.testing.fake_plugins.tts_plugin", made)
    return made


ENTRY = "voice=nexy_core.testing.fake_plugins:tts_plugin"


def there(folder):
    return Path(folder).is_dir()


async def test_the_plugins_own_capability_serves_between_initialize_and_cleanup(plugin):
    async with FakeHost(ENTRY) as host:
        voice = host.get(SpeechSynthesizer)
        assert (voice, voice.initialized, voice.cleanups) == (plugin.made[0], True, 0)
        assert await host.ask(SpeechSynthesizer, Sentence("t", 0, "Hi.", "Hi."))
        with pytest.raises(LookupError, match="LanguageModel"):
            host.get(LanguageModel)
    assert voice.cleanups == 1


async def test_settings_are_the_tests_own_checked_and_live(plugin, monkeypatch):
    monkeypatch.setenv("NEXY_VOICE__MUTE", "true")
    async with FakeHost(ENTRY) as host:
        assert host.settings.get("voice.mute", bool) is False, "the environment's are not read"
        host.change("voice.mute", True)
        assert plugin.made[0].settings.get("voice.mute", bool) is True
        folder = host.settings.get("storage.data_dir", str)
        assert there(folder)
        with pytest.raises(KeyError):
            host.change("voice.loud", True)
    assert not there(folder)
    for values in ({"voice.mute": "perhaps"}, {"voice.loud": "1"}):
        with pytest.raises(ConfigError, match=r"voice\."):
            async with FakeHost(ENTRY, values):
                pass


async def test_what_is_wrong_with_a_plugin_is_raised(plugin):
    with pytest.raises(PluginError) as broken:
        async with FakeHost("voice=nowhere_to_be_found"):
            pass
    assert broken.value.reason is Reason.IMPORT_FAILED
    with pytest.raises(ConfigError, match="ghost"):
        async with FakeHost("ghost"):
            pass
    with pytest.raises(PluginError) as broken:
        async with FakeHost(FAKE, {"fake.llm.initialize_faults": "[[llm.first.raise.foreign]]"}):
            pass
    assert broken.value.reason is Reason.INITIALIZE_RAISED


async def test_actions_and_installed_plugins():
    async with FakeHost(FAKE) as host:
        assert [action.name for action in host.actions] == ["open_app"]
        events = await host.ask(LanguageModel, Prompt("t", "s", "say Hi."))
        assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta("Hi.")]
    async with FakeHost("interrupt") as host:
        assert host.settings.get("interrupt.which", str)
