"""The plugin's settings without the core's configuration, and the real voice."""

import functools
from collections.abc import Callable

import pytest
from nexy_tts import engine, shelf
from nexy_tts.options import SETTINGS
from nexy_tts.synthesizer import PiperSynthesizer

from nexy_core import LiveSettings, Settings

STILL = {"tts.noise_scale": 0.0, "tts.noise_w": 0.0}


@pytest.fixture
def make_settings(tmp_path) -> Callable[..., LiveSettings]:
    def make(**changes: object) -> LiveSettings:
        values = {setting.key: setting.default for setting in SETTINGS} | {"storage.data_dir": str(tmp_path)} | STILL
        values |= {f"tts.{key}": value for key, value in changes.items()}
        return LiveSettings(Settings(env="local", values=values, sources={}))

    return make


@pytest.fixture(scope="session")
def load_once():
    """The real loader, which loads the packaged voice once for all tests."""
    cached = functools.cache(engine.load_voice)
    return lambda name, path, threads: (cached if name == "joe" else engine.load_voice)(name, path, threads)


@pytest.fixture
async def make_synthesizer(make_settings, load_once, monkeypatch):
    monkeypatch.setattr(shelf, "load_voice", load_once)
    made = []

    async def make(**changes: object) -> PiperSynthesizer:
        synthesizer = PiperSynthesizer(make_settings(**changes))
        made.append(synthesizer)
        await synthesizer.initialize()
        return synthesizer

    yield make
    for synthesizer in made:
        await synthesizer.cleanup()
