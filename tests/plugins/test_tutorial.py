"""docs/plugins.md is true: its tutorial followed word for word in a clean environment, its reference from the code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from nexy_core.testing.reference import between, markdown

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "plugins.md"
BLOCK = re.compile(r"```(console|python title=\"(?P<path>[^\"]+)\")\n(?P<text>.*?)```", re.DOTALL)
LIMIT_SECONDS = 300


def test_the_reference_is_the_code_s():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert between(text, markdown()) == text, "run: uv run nexy plugins docs --write docs/plugins.md"


def run(*command, cwd, **variables):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("NEXY_", "PYTHON"))}
    subprocess.run(command, cwd=cwd, env=clean | variables, check=True, timeout=LIMIT_SECONDS)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment away from the repository, with the core's wheel, its extra `sdk` and what they need."""
    folder = tmp_path_factory.mktemp("clean")
    for package in ("nexy-core", "nexy-sdk"):
        run("uv", "build", "--quiet", "--wheel", "--package", package, "--out-dir", str(folder), cwd=ROOT)
    core, sdk = sorted(folder.glob("*.whl"))
    venv = folder / "venv"
    run("uv", "venv", "--quiet", "--python", sys.executable, str(venv), cwd=folder)
    python = str(venv / "bin" / "python")
    pins = folder / "pins.txt"
    listed = subprocess.run(["uv", "pip", "freeze"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pins.write_text("\n".join(line for line in listed.splitlines() if "==" in line))
    install = ["uv", "pip", "install", "--quiet", "--no-build", "--python", python, "--constraint", str(pins)]
    run(*install, f"nexy-core[sdk] @ file://{core}", str(sdk), cwd=folder)
    return venv


def test_the_tutorial_word_for_word(environment, tmp_path):
    """One shell runs every command; each printed line of the document appears in the output, in order."""
    script, expected = ["set -e", f"cd {tmp_path}"], []
    for block in BLOCK.finditer(DOCUMENT.read_text(encoding="utf-8")):
        if path := block["path"]:
            script.append(f"cat > {path} <<'END_OF_FILE'\n{block['text']}END_OF_FILE")
            continue
        for line in block["text"].splitlines():
            if line.startswith("$ "):
                script.append(line[2:])
            else:
                expected.append(line)
    variables = {"VIRTUAL_ENV": str(environment), "PATH": f"{environment}/bin:{os.environ['PATH']}"}
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("NEXY_", "PYTHON"))}
    done = subprocess.run(
        ["bash"], input="\n".join(script), env=clean | variables, capture_output=True, text=True, timeout=LIMIT_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = iter(done.stdout.splitlines())
    for line in expected:
        assert any(line in text for text in printed), f"{line!r} is not in:\n{done.stdout}"
    assert (tmp_path / "hello.wav").stat().st_size > 48000
