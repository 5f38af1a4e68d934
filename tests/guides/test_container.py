"""The container file: what can be said of it without an engine, and its instructions followed without one."""

import re
import shutil
from importlib import metadata
from pathlib import Path

import pytest

from tests.guides import containerfile
from tests.guides.machine import ROOT, SYSTEM_PYTHON, follow, needs_machine, snapshot

INSTRUCTIONS = containerfile.read((ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8"))
BUILD, FINAL = containerfile.stages(INSTRUCTIONS)
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8")
SECRETS = (
    "config.env",
    "settings/.secrets.toml",
    "settings/settings.local.toml",
    "sparkle.key",
    "data/nexy.sqlite",
    ".git/config",
)


def test_every_instruction_is_one_that_engines_know():
    assert {one.word for one in INSTRUCTIONS} <= containerfile.KNOWN


def test_both_stages_are_of_one_base_named_by_its_exact_version():
    bases = {one.text.removesuffix(" AS build") for one in INSTRUCTIONS if one.word == "FROM"}
    (base,) = bases
    wanted = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    assert re.fullmatch(rf"docker\.io/library/python:{re.escape(wanted)}\.\d+-slim-\w+", base)


def test_what_pip_installs_is_pinned():
    for one in INSTRUCTIONS:
        if one.word == "RUN" and "pip install " in one.text and "uv pip" not in one.text:
            packages = [word for word in one.text.split("pip install ", 1)[1].split() if not word.startswith("-")]
            assert packages
            assert all("==" in package for package in packages)


def test_the_image_has_the_library_that_the_embedded_model_takes_from_the_system():
    parts = [Path(str(file.locate())) for file in metadata.files("xllamacpp") or () if ".so" in file.name]
    assert any(b"libgomp.so.1" in part.read_bytes() for part in parts)
    assert any(one.word == "RUN" and "apt-get install" in one.text and " libgomp1 " in one.text for one in FINAL)


def test_the_server_runs_as_a_user_of_its_own():
    user = containerfile.only(FINAL, "USER")
    assert any(one.word == "RUN" and re.match(rf"useradd .*\b{user}$", one.text) for one in FINAL)
    assert [one.word for one in FINAL].index("USER") > max(n for n, one in enumerate(FINAL) if one.word == "COPY")


@pytest.mark.parametrize("path", SECRETS)
def test_no_secret_and_no_history_gets_into_the_build(path):
    assert not containerfile.enters(path, IGNORED)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("requirements.lock", True),
        ("nexy_core/src/nexy_core/cli/ask.py", True),
        ("plugins/nexy_tts/README.md", True),
        ("settings/settings.toml", True),
        ("nexy_core/tests/test_flags.py", False),
        ("docs/index.md", False),
    ],
)
def test_what_gets_into_the_build(path, expected):
    assert containerfile.enters(path, IGNORED) is expected


@pytest.fixture
def context(tmp_path):
    """What an engine would be given, decoys left out as .dockerignore says."""
    everything, given = tmp_path / "everything", tmp_path / "context"
    everything.mkdir()
    snapshot(everything)
    for name in SECRETS:
        (everything / name).parent.mkdir(parents=True, exist_ok=True)
        (everything / name).write_text("a secret", encoding="utf-8")
    for path in everything.rglob("*"):
        name = path.relative_to(everything).as_posix()
        if path.is_file() and containerfile.enters(name, IGNORED):
            (given / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, given / name)
    return given


@pytest.mark.long
@pytest.mark.timeout(900)
@needs_machine
def test_its_instructions_leave_a_server_that_its_user_can_run(tmp_path, context):
    workdir = containerfile.only(BUILD, "WORKDIR")
    script = containerfile.build_script(BUILD, context, SYSTEM_PYTHON) + "\n"
    script += containerfile.final_script(FINAL, workdir)
    script += "\n! grep -rl 'a secret' /etc/nexy\ntest ! -e /opt/nexy/pyproject.toml"
    done = follow(tmp_path, script)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-4000:]
    assert done.stdout.rstrip().endswith("the server ended well")
