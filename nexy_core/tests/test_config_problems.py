"""Mistakes are named: key, value, source, remedy, and all at once."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_core.config import Config, SettingsError
from nexy_core.config.values import BadValue, parse
from nexy_core.core_settings import core_settings

from nexy_core import ConfigError, Setting


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings").mkdir()
    return tmp_path / "settings"


def mistakes(folder, settings="", **environ):
    """What loading and finishing says, as one text."""
    (folder / "settings.toml").write_text(settings)
    with pytest.raises(ConfigError) as caught:
        Config.load(environ=environ, strict=False).finish()
    return str(caught.value)


CASES = {
    "wrong type in a file": ('[default.grpc]\nport = "x"\n', {}, ["grpc.port", '"x"', "[default]", "whole number"]),
    "a bool is no number": ("[default.grpc]\nport = true\n", {}, ["grpc.port = true", "whole number"]),
    "wrong type in a variable": ("", {"GRPC_PORT": "abc"}, ["grpc.port", '"abc"', "GRPC_PORT", "50051"]),
    "too large": ("", {"NEXY_HTTP__PORT": "70000"}, ["http.port", "70000", "at most 65535", "NEXY_HTTP__PORT"]),
    "too small": ("[default.grpc]\nmax_workers = 0\n", {}, ["grpc.max_workers = 0", "at least 1"]),
    "not a choice": ("", {"NEXY_LOG__LEVEL": "LOUD"}, ["log.level", "DEBUG, INFO", "NEXY_LOG__LEVEL"]),
    "not a number": ("", {"NEXY_SHUTDOWN__GRACE_SECONDS": "nan"}, ["shutdown.grace_seconds", "a number"]),
    "misspelt": ("[default.grpc]\nprot = 1\n", {}, ["grpc.prot = 1", "no known setting", "Did you mean grpc.port?"]),
    "misspelt in another environment": ("[prod.grpc]\nprot = 1\n", {}, ["grpc.prot", "[prod]"]),
    "misspelt variable": ("", {"NEXY_GRPC__PROT": "1"}, ["grpc.prot", "NEXY_GRPC__PROT", "Did you mean grpc.port?"]),
    "misspelt environment table": ("[production.grpc]\nport = 1\n", {}, ["production", "Write [prod]"]),
    "no environment table": ("[grpc]\nport = 1\n", {}, ["grpc", "Write [default.grpc]"]),
    "a bare key": ("port = 1\n", {}, ["port = 1", "[default]"]),
    "a table where a value belongs": ("[default.grpc.port]\nx = 1\n", {}, ["grpc.port", "whole number"]),
    "a value where a table belongs": ("[default]\ngrpc = 1\n", {}, ["grpc = 1", "is a table"]),
    "not TOML": ("[default\n", {}, ["settings.toml", "not valid TOML", "line 1"]),
    "a broken marker": (
        '[default.storage]\ndata_dir = "@format {env[NOT_THERE_AT_ALL]}"\n',
        {},
        ["settings.toml", "@"],
    ),
    "unknown environment": ("", {"NEXY_ENV": "production"}, ["NEXY_ENV", '"production"', "local, dev, stage, prod"]),
    "a list of numbers": ("[default.plugins]\nrequired = [1]\n", {}, ["plugins.required", "list of texts"]),
    "a broken list": ("", {"NEXY_PLUGINS__REQUIRED": '["a"'}, ["plugins.required", "not valid TOML"]),
    "more than all": ("[default.features]\nforward_assistant_actions = 101\n", {}, ["percentage from 0 to 100"]),
    "no switch": ("[default.plugins.llm]\nenabled = 1\n", {}, ["plugins.llm.enabled = 1", "true or false"]),
    "no plugin's name": ("[default.plugins.required]\nenabled = true\n", {}, ["plugins.required"]),
    "a value and parts": ("", {"NEXY_GRPC": "1", "NEXY_GRPC__PORT": "1"}, ["a value and parts at once"]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_names_key_value_source_and_remedy(folder, case):
    settings, environ, said = CASES[case]
    text = mistakes(folder, settings, **environ)
    for part in said:
        assert part in text
    assert "Traceback" not in text


def test_all_mistakes_are_named_at_once(folder):
    settings = '[default.grpc]\nport = "x"\nprot = 1\n[prod.htp]\nport = 1\n'
    text = mistakes(folder, settings, NEXY_LOG__LEVEL="LOUD")
    assert "4 problems" in text
    assert len(text.splitlines()) == 5


def test_a_misspelt_alias_in_config_env_is_named(folder):
    (folder.parent / "config.env").write_text("GRPC_PROT=1\nOPENAI_API_KEY=anything\n")
    text = mistakes(folder)
    assert "GRPC_PROT" in text
    assert "GRPC_PORT" in text
    assert "OPENAI" not in text


def test_a_secret_is_never_said(folder):
    secret = "sk-very-secret"
    config = Config.load(environ={"NEXY_ACME__API_KEY": secret, "NEXY_ACME__API_KYE": secret}, strict=False)
    config.declare(
        "acme", [Setting("acme.api_key", str, "", "A key.", secret=True, check=lambda key: "is refused" if key else "")]
    )
    with pytest.raises(ConfigError) as caught:
        config.finish()
    assert "acme.api_key" in str(caught.value)
    assert "acme.api_kye" in str(caught.value)
    assert secret not in str(caught.value)


def test_what_goes_into_the_log_holds_no_value(folder):
    config = Config.load(environ={"NEXY_ACME__MODLE": "my own words", "GRPC_PORT": "other words"}, strict=False)
    with pytest.raises(SettingsError) as caught:
        config.finish()
    said = " ".join(problem.for_log() for problem in caught.value.problems)
    assert "acme.modle" in said
    assert "GRPC_PORT" in said
    assert "words" not in said


def test_a_password_in_an_address_is_masked(folder):
    assert "hunter2" not in mistakes(folder, NEXY_GRPC__DATABSE="postgres://me:hunter2@host/db")


def test_control_characters_of_a_value_are_escaped(folder):
    text = mistakes(folder, NEXY_LOG__LEVEL="\x1b[31mLOUD\u2028\n")
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2


def test_an_unreadable_file_is_named(folder):
    (folder / "settings.local.toml").mkdir()
    assert "settings.local.toml" in mistakes(folder)


def test_a_file_that_is_no_text_is_named(folder):
    (folder / ".secrets.toml").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in mistakes(folder)


def test_a_file_that_is_too_large_is_named(folder):
    (folder / ".secrets.toml").write_bytes(b"#" * (1024 * 1024 + 1))
    assert "larger than" in mistakes(folder)


def test_a_strict_load_names_misspelt_core_keys_beside_bad_values(folder):
    with pytest.raises(ConfigError) as caught:
        Config.load(environ={"GRPC_PORT": "x", "NEXY_GRPC__HOSTT": "y", "NEXY_ACME__KEY": "z"})
    assert "grpc.hostt" in str(caught.value)
    assert "acme" not in str(caught.value)


# --- the keys of plugins ------------------------------------------------------------------------

VOLUME = Setting("acme.volume", int, 3, "How loud.", minimum=0, maximum=11, live=True)


def test_a_plugin_s_values_are_read_from_every_source(folder):
    (folder / "settings.toml").write_text("[default.acme]\nvolume = 5\n")
    config = Config.load(environ={})
    config.declare("acme", [VOLUME])
    config.finish()
    assert config.live.get("acme.volume", int) == 5


def test_a_plugin_s_alias_is_read(folder):
    config = Config.load(environ={"ACME_VOLUME": "6"})
    config.declare("acme", [Setting("acme.volume", int, 3, "How loud.", alias="ACME_VOLUME")])
    assert config.live.get("acme.volume", int) == 6


def test_a_plugin_s_bad_value_is_named_with_the_rest(folder):
    config = Config.load(environ={"NEXY_ACME__VOLUME": "12", "NEXY_ACME__VOLUMEN": "1"})
    config.declare("acme", [VOLUME])
    assert config.live.get("acme.volume", int) == 3
    with pytest.raises(
        ConfigError, match=r"(?s)acme.volume = \"12\".*at most 11.*acme.volumen.*Did you mean acme.volume"
    ):
        config.finish()


def test_a_plugin_enabled_later_is_checked_at_once(folder):
    config = Config.load(environ={"NEXY_ACME__VOLUME": "12"})
    config.finish(["acme"])
    with pytest.raises(ConfigError, match="at most 11"):
        config.declare("acme", [VOLUME])


def test_tables_of_unloaded_plugins_are_let_through(folder):
    environ = {"NEXY_ACME__VOLUME": "1", "NEXY_UPDATE__DIRR": "x", "NEXY_STORAGE__URL": "y"}
    Config.load(environ=environ).finish(["acme", "updates", "memory"])
    with pytest.raises(ConfigError, match=r"acme\.volume"):
        Config.load(environ=environ).finish(["updates", "memory"])


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (Setting("grpc.port", int, 1, ""), "already has"),
        (Setting("grpc.port.extra", int, 1, ""), "already has"),
        (Setting("grpc", int, 1, ""), "has a table"),
        (Setting("Acme.Volume", int, 1, ""), "lower case"),
        (Setting("acme.volume", int, "x", ""), "default"),
        (Setting("acme.volume", int, 1, "", by_env={"prod": 99}, maximum=9), "default"),
        (Setting("acme.volume", bytes, b"", ""), "unknown kind"),
    ],
)
def test_a_plugin_s_faulty_declaration_is_refused_and_leaves_nothing(folder, setting, said):
    config = Config.load(environ={})
    with pytest.raises(ConfigError, match=said):
        config.declare("acme", [Setting("acme.good", int, 1, ""), setting])
    assert "acme.good" not in config.declared
    assert "acme.good" not in config.live.current.values


def test_a_key_declared_twice_by_one_plugin_is_refused(folder):
    with pytest.raises(ConfigError, match="already has"):
        Config.load(environ={}).declare("acme", [VOLUME, VOLUME])


# --- every value of the table -------------------------------------------------------------------


@pytest.mark.parametrize("setting", core_settings(), ids=lambda setting: setting.key)
def test_the_bounds_hold_at_their_edges(setting):
    for bound, step in ((setting.minimum, -1), (setting.maximum, 1)):
        if bound is not None:
            assert parse(setting, setting.kind(bound), text=False) == bound
            with pytest.raises(BadValue):
                parse(setting, setting.kind(bound + step), text=False)


@given(st.text(), st.sampled_from(core_settings()))
def test_any_text_is_a_value_or_a_mistake(text, setting):
    with contextlib.suppress(BadValue):
        assert isinstance(parse(setting, text, text=True), setting.kind)
