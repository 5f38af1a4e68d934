"""Build the core's and one plugin's wheels, install only them in a clean environment, run the contract kit there.

The environment is outside the repository and nothing in it is compiled: what works here works for a stranger.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
# The demonstration model and voice are no requirement of a wheel; a kit that speaks or thinks needs them.
BESIDE = {"llm": "model", "tts": "voice"}
# docopt is pure Python that its authors never published as a wheel; nothing else may come as source.
WHEELS_ONLY = ("--only-binary", ":all:", "--no-binary", "docopt")


def run(*command: str, cwd: Path) -> None:
    clean = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    print("$", *command, flush=True)
    subprocess.run(command, cwd=cwd, env=clean, check=True)


def build(package: str, folder: Path) -> str:
    run("uv", "build", "--quiet", "--wheel", "--package", package, "--out-dir", str(folder), cwd=ROOT)
    return str(next(folder.glob(f"{package.replace('-', '_')}-*.whl")))


def beside(name: str) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [str(line) for line in project["dependency-groups"].get(BESIDE.get(name, ""), [])]


def main(name: str, folder: Path) -> int:
    wheels = folder / "wheels"
    core, plugin = build("nexy-core", wheels), build(f"nexy-{name}", wheels)
    pins = folder / "pins.txt"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pins.write_text("\n".join(project["tool"]["uv"]["constraint-dependencies"]), encoding="utf-8")
    python = str(folder / "env" / "bin" / "python")
    run("uv", "venv", "--quiet", "--python", "3.11", "--no-python-downloads", str(folder / "env"), cwd=folder)
    install = ("uv", "pip", "install", "--quiet", "--python", python, "--constraint", str(pins), *WHEELS_ONLY)
    run(*install, f"nexy-core[sdk] @ file://{core}", plugin, cwd=folder)
    if extra := beside(name):
        run(*install, "--no-deps", *extra, cwd=folder)
    run(python, "-m", "nexy_core.testing.check", name, cwd=folder)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], Path(sys.argv[2])))
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
