"""What the host loads."""

from collections.abc import Iterable

from nexy_core import LiveSettings, Setting, hookimpl
from nexy_tts.options import SETTINGS
from nexy_tts.synthesizer import PiperSynthesizer


@hookimpl
def nexy_settings() -> Iterable[Setting]:
    return SETTINGS


@hookimpl
def nexy_capabilities(settings: LiveSettings) -> Iterable[PiperSynthesizer]:
    return (PiperSynthesizer(settings),)
