"""One plugin's wheel and the core's, alone in an environment away from the repository, nothing in it compiled."""

import os
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 300
# The demonstration model and voice are no requirement of a wheel; a kit that thinks or speaks needs them.
BESIDE = {"llm": "model", "tts": "voice"}


def run(*command, cwd, check=True):
    """What it printed, standard error included; raises with it when it failed."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("NEXY_", "PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    assert done.returncode == 0 or not check, f"{' '.join(map(str, command))}:\n{done.stdout}"
    return done.stdout


@cache
def workspace():
    """The root's pyproject."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def build(package, folder):
    """The wheel of a member, built once into ``folder``."""
    pattern = f"{package.replace('-', '_')}-*.whl"
    if not list(folder.glob(pattern)):
        run("uv", "build", "--quiet", "--wheel", "--package", package, "--out-dir", folder, cwd=ROOT)
    (wheel,) = folder.glob(pattern)
    return wheel


def install(name, wheels, folder):
    """The interpreter of a new environment with the core and the plugin, and what they need at the pinned versions."""
    pins = folder / "pins.txt"
    pins.write_text("\n".join(workspace()["tool"]["uv"]["constraint-dependencies"]), encoding="utf-8")
    run("uv", "venv", "--quiet", "--python", sys.executable, folder / "env", cwd=folder)
    python = folder / "env" / "bin" / "python"
    command = ("uv", "pip", "install", "--quiet", "--no-build", "--python", python, "--constraint", pins)
    run(*command, build("nexy-core", wheels), build(f"nexy-{name}", wheels), cwd=folder)
    if name in BESIDE:
        run(*command, "--no-deps", *workspace()["dependency-groups"][BESIDE[name]], cwd=folder)
    return python
