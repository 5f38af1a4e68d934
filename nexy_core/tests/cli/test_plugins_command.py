"""``nexy plugins`` as an operator and an author use it."""

import json
import os
import subprocess
import sys
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_core.cli.plugins import with_toggle
from nexy_core.testing.fake_plugins import modules


def nexy(*arguments, cwd, **variables):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NEXY_")}
    environment |= {"NEXY_HTTP__PORT": "1", **variables}
    command = [sys.executable, "-m", "nexy_core", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=100)


def test_list_names_every_plugin_and_why_one_does_not_load(tmp_path):
    named = json.dumps([*modules("llm"), "broken=nowhere_to_be_found"])
    done = nexy("plugins", "list", cwd=tmp_path, NEXY_PLUGINS__MODULES=named, NEXY_PLUGINS__TTS__ENABLED="false")
    assert done.returncode == 0, done.stderr
    assert "import_failed: ModuleNotFoundError" in done.stdout
    assert "Set plugins.tts.enabled = true" in done.stdout
    assert nexy("plugins", cwd=tmp_path, NEXY_PLUGINS__MODULES=named).stdout.count("import_failed") == 1
    found = nexy("plugins", "list", "--json", cwd=tmp_path, NEXY_PLUGINS__MODULES=named)
    states = {plugin["name"]: plugin for plugin in json.loads(found.stdout)}
    assert states["broken"]["state"] == "quarantined"
    assert states["llm"]["roles"] == ["llm"]


def test_disable_and_enable_write_the_toggle_and_say_where(tmp_path):
    done = nexy("plugins", "disable", "filter", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    file = tmp_path / "settings" / "settings.local.toml"
    assert tomllib.loads(file.read_text()) == {"local": {"plugins": {"filter": {"enabled": False}}}}
    states = json.loads(nexy("plugins", "list", "--json", cwd=tmp_path).stdout)
    assert next(plugin for plugin in states if plugin["name"] == "filter")["reason"] == "disabled"
    assert nexy("plugins", "enable", "filter", cwd=tmp_path).returncode == 0
    assert tomllib.loads(file.read_text())["local"]["plugins"]["filter"]["enabled"] is True


def test_a_kill_switch_is_named_when_enabling_is_not_enough(tmp_path):
    done = nexy("plugins", "enable", "filter", cwd=tmp_path, NEXY_KS_DISABLE_FILTER="true")
    assert done.returncode == 2
    assert "filter stays off (killed): Turn the kill switch off in every source" in done.stderr


def test_a_stronger_source_is_named(tmp_path):
    done = nexy("plugins", "disable", "filter", cwd=tmp_path, NEXY_PLUGINS__FILTER__ENABLED="true")
    assert done.returncode == 2
    assert "NEXY_PLUGINS__FILTER__ENABLED" in done.stderr


@pytest.mark.parametrize("command", [("disable", "ghost"), ("check", "ghost"), ("new", "Bad_Name", "--role", "tts")])
def test_a_wrong_name_is_a_message_and_no_traceback(tmp_path, command):
    done = nexy("plugins", *command, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert command[1] in done.stderr


def test_new_does_not_overwrite(tmp_path):
    (tmp_path / "my-voice").mkdir()
    done = nexy("plugins", "new", "my-voice", "--role", "tts", cwd=tmp_path)
    assert done.returncode == 2
    assert "already" in done.stderr


def test_new_without_the_extra_says_how_to_get_it(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['nexy_sdk'] = None\n")
    done = nexy("plugins", "new", "my-voice", "--role", "tts", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.strip().endswith("install it with `pip install 'nexy-core[sdk]'`")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_project_that_does_not_build_says_why(tmp_path):
    nexy("plugins", "new", "my-voice", "--role", "tts", cwd=tmp_path)
    (tmp_path / "my-voice" / "pyproject.toml").write_text("[project]\n")
    done = nexy("plugins", "check", "my-voice", cwd=tmp_path)
    assert done.returncode == 2
    assert "failed" in done.stderr


names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
changes = st.lists(st.tuples(st.sampled_from(["local", "prod"]), names, st.booleans()), min_size=1, max_size=8)


@given(changes, st.booleans())
def test_any_sequence_of_switches_leaves_the_last_word_of_each(sequence, hand_written):
    text = '[default.log]\nlevel = "DEBUG" # mine\n' if hand_written else ""
    expected = {}
    for env, name, on in sequence:
        text = with_toggle(text, env, name, on=on)
        expected[env, name] = on
    tree = tomllib.loads(text)
    assert {(env, name): tree[env]["plugins"][name]["enabled"] for env, name in expected} == expected
    if hand_written:
        assert tree["default"]["log"]["level"] == "DEBUG"
        assert "# mine" in text
