"""Each template is a project that works as it is: its own tests pass, and its wheel keeps the contract."""

import os
import subprocess
import sys
import tomllib

import pytest
from nexy_core.capability import ROLES as EVERY_ROLE

from nexy_core import ConfigError
from nexy_sdk import LICENSES, ROLES, Project, write_project

LIMIT_SECONDS = 200
TITLES = {
    "apache": "Apache License",
    "mit": "MIT License",
    "gpl": "GNU GENERAL PUBLIC LICENSE",
    "proprietary": "All rights reserved",
}


def run(*arguments, cwd, **variables):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NEXY_")} | variables
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS)


def test_there_is_a_template_for_every_role():
    assert set(ROLES) == {role.role for role in EVERY_ROLE}


@pytest.mark.long
@pytest.mark.parametrize("role", ROLES)
def test_a_new_project_passes_its_own_tests(tmp_path, role):
    made = run("nexy_core", "plugins", "new", f"my-{role}", "--role", role, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    folder = tmp_path / f"my-{role}"
    tested = run("pytest", "-q", "-c", "pyproject.toml", "tests", cwd=folder, PYTHONPATH=str(folder / "src"))
    assert "16 passed" in tested.stdout, tested.stdout


@pytest.mark.long
@pytest.mark.parametrize("role", ROLES)
def test_its_wheel_keeps_every_rule(tmp_path, role):
    folder = write_project(Project(f"my-{role}", role, "mit"), tmp_path)
    checked = run("nexy_core", "plugins", "check", cwd=folder)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "15 rules checked, 0 broken" in checked.stdout


@pytest.mark.parametrize("name", LICENSES)
def test_the_licence_is_the_one_chosen(tmp_path, name):
    folder = write_project(Project("my-voice", "tts", name), tmp_path)
    assert TITLES[name] in (folder / "LICENSE").read_text(encoding="utf-8")
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == LICENSES[name]


def test_the_project_bounds_the_core_and_is_found_by_its_entry_point(tmp_path):
    folder = write_project(Project("nexy-fine-feed", "updates", "mit"), tmp_path)
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dependencies"] == ["nexy-core>=0.1,<0.2", "aiohttp>=3.12"]
    assert project["entry-points"] == {"nexy.plugins": {"fine_feed": "nexy_fine_feed.plugin"}}
    assert (folder / "src" / "nexy_fine_feed" / "py.typed").exists()


@pytest.mark.parametrize("name", ["", "My-Voice", "my_voice", "-voice", "../voice", "my voice", "class", "json"])
def test_a_name_that_makes_no_package_is_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(ConfigError, match="name"):
        write_project(Project(name, "tts", "mit"), tmp_path)
    assert not list(tmp_path.iterdir())
