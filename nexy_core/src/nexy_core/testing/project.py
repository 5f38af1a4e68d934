"""Check a project that is not installed: build its wheel, unpack it aside, run the kit on what was unpacked."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from nexy_core.errors import ConfigError
from nexy_core.plugins.discovery import CORE_DISTRIBUTION, GROUP

TOOL_SECONDS = 600
LAST_LINES = 15


def check_project(folder: Path, settings: Iterable[str]) -> int:
    """The kit's exit code for every plugin of the project. Raises ``ConfigError`` when it does not build."""
    with tempfile.TemporaryDirectory(prefix="nexy-check-") as scratch:
        site = Path(scratch) / "site"
        wheel = _build(folder.resolve(), Path(scratch) / "wheels")
        _run(_pip("install", "--no-deps", "--target", str(site), str(wheel)))
        (built,) = metadata.distributions(path=[str(site)])
        if others := _others(built):
            _run(_pip("install", "--target", str(site), *others))
        names = [point.name for point in built.entry_points if point.group == GROUP]
        if not names:
            raise ConfigError(f"{folder} offers no plugin: add an entry point to the group {GROUP}")
        return max(_check(name, site, settings) for name in names)


def _build(folder: Path, wheels: Path) -> Path:
    if shutil.which("uv"):
        _run(["uv", "build", "--quiet", "--wheel", "--out-dir", str(wheels), str(folder)])
    else:
        _run(_pip("wheel", "--no-deps", "--wheel-dir", str(wheels), str(folder)))
    return next(wheels.glob("*.whl"))


def _others(built: metadata.Distribution) -> list[str]:
    """What it needs besides the core, which is this one."""
    wanted = [Requirement(text) for text in built.requires or ()]
    needed = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    return [str(one) for one in needed if canonicalize_name(one.name) != CORE_DISTRIBUTION]


def _pip(*arguments: str) -> list[str]:
    if shutil.which("uv"):
        return ["uv", "pip", arguments[0], "--quiet", "--python", sys.executable, *arguments[1:]]
    return [sys.executable, "-m", "pip", arguments[0], "--quiet", *arguments[1:]]


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TOOL_SECONDS)  # noqa: S603
    if done.returncode:
        text = "\n".join((done.stdout + done.stderr).splitlines()[-LAST_LINES:])
        raise ConfigError(f"`{' '.join(command)}` failed:\n{text}")


def _check(name: str, site: Path, settings: Iterable[str]) -> int:
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "nexy_core.testing.check", name, *settings]
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.run(command, check=False, env=environment, timeout=TOOL_SECONDS).returncode  # noqa: S603
