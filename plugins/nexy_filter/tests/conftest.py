import pytest
from nexy_filter import plugin

from nexy_core import LiveSettings, Sentence, Settings


def live_settings(**changes: object) -> LiveSettings:
    """The declared defaults, with ``profanity="drop"`` for ``filter.profanity`` and so on."""
    values = {setting.key: setting.default for setting in plugin.nexy_settings()}
    values |= {f"filter.{name}": value for name, value in changes.items()}
    return LiveSettings(Settings(env="local", values=values, sources=dict.fromkeys(values, "default")))


@pytest.fixture
async def started():
    """A started filter with the settings given."""
    running = []

    async def start(**changes: object):
        (capability,) = plugin.nexy_capabilities(live_settings(**{"speech": "plain", **changes}))
        running.append(capability)
        await capability.initialize()
        return capability

    yield start
    for capability in running:
        await capability.cleanup()


@pytest.fixture
def filtered():
    """Run one text through a filter: the sentence it yields."""

    async def run(capability, text: str, language: str = "en", spoken: str | None = None) -> Sentence:
        sentence = Sentence("turn", 0, text, text if spoken is None else spoken, language)
        results = [result async for result in capability.process(sentence)]
        assert len(results) == 1
        return results[0]

    return run
