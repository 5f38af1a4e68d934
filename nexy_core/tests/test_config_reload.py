"""A reload applies what is live, reports the rest, and changes nothing when something is wrong."""

import pytest
from nexy_core.config import Config

from nexy_core import ConfigError, Setting

START = '[default.log]\nlevel = "INFO"\n[default.grpc]\nport = 1\n'


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings").mkdir()
    path = tmp_path / "settings" / "settings.toml"
    path.write_text(START)
    return path


def test_a_live_key_changes_for_everybody_who_holds_the_settings(file):
    config = Config.load(environ={})
    held = config.live
    file.write_text(START.replace("INFO", "DEBUG"))
    (change,) = config.reload()
    assert held.get("log.level", str) == "DEBUG"
    assert (change.key, change.old, change.new, change.applied) == ("log.level", '"INFO"', '"DEBUG"', True)
    assert str(file.relative_to(file.parent.parent)) in change.source


def test_a_key_that_needs_a_restart_is_reported_and_kept(file):
    config = Config.load(environ={})
    file.write_text(START.replace("port = 1", "port = 2"))
    (change,) = config.reload()
    assert (change.key, change.new, change.applied) == ("grpc.port", "2", False)
    assert config.live.get("grpc.port", int) == 1


@pytest.mark.parametrize("broken", ["[default\n", '[default.log]\nlevel = "LOUD"\n', "[default.log]\nlevl = 1\n"])
def test_a_broken_file_changes_nothing_and_a_mended_one_does(file, broken):
    config = Config.load(environ={})
    config.finish()
    before = config.live.current
    file.write_text(broken)
    with pytest.raises(ConfigError, match=r"settings\.toml"):
        config.reload()
    assert config.live.current is before
    file.write_text(START.replace("INFO", "ERROR"))
    config.reload()
    assert config.live.get("log.level", str) == "ERROR"


def test_files_that_change_appear_or_go_are_noticed(file):
    config = Config.load(environ={})
    assert not config.files_changed()
    (file.parent.parent / "config.env").write_text("NEXY_LOG__LEVEL=ERROR\n")
    assert config.files_changed()
    config.reload()
    assert config.live.get("log.level", str) == "ERROR"
    assert not config.files_changed()
    (file.parent.parent / "config.env").unlink()
    assert config.files_changed()
    config.reload()
    assert config.live.get("log.level", str) == "INFO"


def test_a_kill_switch_and_a_new_plugin_toggle_apply_live(file):
    config = Config.load(environ={})
    file.write_text(START + "[default.plugins.acme]\nenabled = false\n[default.kill_switches]\ndisable_acme = true\n")
    assert {change.key for change in config.reload()} == {"plugins.acme.enabled", "kill_switches.disable_acme"}
    assert config.live.get("plugins.acme.enabled", bool) is False
    file.write_text(START)
    config.reload()
    assert config.live.get("plugins.acme.enabled", bool) is True
    assert config.live.get("kill_switches.disable_acme", bool) is False


def test_a_plugin_s_keys_reload_too_and_secrets_stay_masked(file):
    config = Config.load(environ={})
    config.declare("acme", [Setting("acme.key", str, "", "A key.", secret=True, live=True)])
    config.finish()
    file.write_text(START + '[default.acme]\nkey = "sk-secret"\n')
    (change,) = config.reload()
    assert config.live.get("acme.key", str) == "sk-secret"
    assert "sk-secret" not in str(change.as_ctx())
    assert config.secrets() == ("sk-secret",)


def test_listeners_hear_of_changes_alone(file):
    config = Config.load(environ={})
    heard = []
    config.on_change(heard.append)
    config.reload()
    assert heard == []
    file.write_text(START.replace("INFO", "DEBUG"))
    config.reload()
    assert [change.key for change in heard[0]] == ["log.level"]
