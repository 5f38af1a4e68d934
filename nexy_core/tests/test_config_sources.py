"""Where values come from, and which source wins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_core.config import Config

from nexy_core import ConfigError, Percent, Setting


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a configuration from texts: the files by name, and variables."""
    monkeypatch.chdir(tmp_path)

    def make(settings="", env_file="", strict=True, files=None, **environ):
        folder = tmp_path / "settings"
        folder.mkdir(exist_ok=True)
        for name, text in {"settings.toml": settings, **(files or {})}.items():
            (folder / name).write_text(text)
        (tmp_path / "config.env").write_text(env_file)
        return Config.load(environ=environ, strict=strict)

    return make


def value(config, key):
    return config.live.current.values[key]


def test_without_a_settings_folder_the_defaults_serve(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = Config.load(environ={})
    assert config.env == "local"
    assert value(config, "grpc.port") == 50051
    assert config.live.current.sources["grpc.port"] == "default"


CANON = {
    "grpc.host": ("127.0.0.1", "0.0.0.0", "127.0.0.1", "127.0.0.1"),
    "grpc.port": (50051,) * 4,
    "grpc.max_workers": (10, 10, 100, 100),
    "http.host": ("127.0.0.1", "0.0.0.0", "127.0.0.1", "127.0.0.1"),
    "http.port": (8080,) * 4,
    "backpressure.max_concurrent_streams": (10, 10, 25, 50),
    "backpressure.max_message_rate_per_second": (5, 5, 8, 10),
    "backpressure.idle_timeout_seconds": (60, 60, 180, 300),
    "features.use_module_coordinator": (True,) * 4,
    "features.forward_assistant_actions": (Percent(0),) * 4,
    "kill_switches.disable_module_coordinator": (False,) * 4,
    "kill_switches.disable_forward_assistant_actions": (False,) * 4,
    "update.host": ("127.0.0.1", "0.0.0.0", "127.0.0.1", "127.0.0.1"),
    "update.port": (8081,) * 4,
}


@pytest.mark.parametrize("key", CANON)
def test_the_canon_s_values_by_environment(load, key):
    found = [value(load(**environ), key) for environ in ({}, *({"NEXY_ENV": env} for env in ("dev", "stage", "prod")))]
    assert tuple(found) == CANON[key]
    assert all(type(one) is type(CANON[key][0]) for one in found)


ALIASES = {
    "GRPC_HOST": ("grpc.host", "10.0.0.1", "10.0.0.1"),
    "GRPC_PORT": ("grpc.port", "1234", 1234),
    "MAX_WORKERS": ("grpc.max_workers", "7", 7),
    "HTTP_HOST": ("http.host", "10.0.0.2", "10.0.0.2"),
    "HTTP_PORT": ("http.port", "1235", 1235),
    "BACKPRESSURE_MAX_STREAMS": ("backpressure.max_concurrent_streams", "3", 3),
    "BACKPRESSURE_MAX_RATE": ("backpressure.max_message_rate_per_second", "4", 4),
    "BACKPRESSURE_IDLE_TIMEOUT": ("backpressure.idle_timeout_seconds", "99", 99),
    "USE_MODULE_COORDINATOR": ("features.use_module_coordinator", "false", False),
    "NEXY_KS_DISABLE_MODULE_COORDINATOR": ("kill_switches.disable_module_coordinator", "true", True),
    "UPDATE_HOST": ("update.host", "10.0.0.3", "10.0.0.3"),
    "UPDATE_PORT": ("update.port", "1236", 1236),
}


@pytest.mark.parametrize("alias", ALIASES)
def test_every_alias_works_in_the_environment_and_in_config_env(load, alias):
    key, written, meant = ALIASES[alias]
    in_environment = load(**{alias: written})
    assert value(in_environment, key) == meant
    assert in_environment.live.current.sources[key] == alias
    in_file = load(env_file=f"{alias}={written}\n")
    assert value(in_file, key) == meant
    assert in_file.live.current.sources[key] == f"{alias} in config.env"
    in_environment.finish()
    in_file.finish()


@pytest.mark.parametrize("env", ["local", "dev", "stage", "prod"])
@pytest.mark.parametrize("key", ["grpc.host", "http.host", "update.host"])
def test_auto_is_the_environment_s_default(load, env, key):
    alias = key.replace(".", "_").upper()
    expected = "0.0.0.0" if env == "dev" else "127.0.0.1"
    settings = f'[default.{key.partition(".")[0]}]\nhost = "192.168.1.1"\n'
    assert value(load(settings, f"{alias}=auto\n", NEXY_ENV=env), key) == expected
    assert value(load(settings, NEXY_ENV=env, **{alias: "AUTO"}), key) == expected


# The sources from the weakest to the strongest, each with how it sets grpc.port.
LADDER = ("default", "dev", "local", "env_file_alias", "env_file", "alias", "variable")


@given(st.sets(st.sampled_from(LADDER), min_size=1))
def test_the_strongest_source_wins_whatever_else_is_set(tmp_path_factory, present):
    folder = tmp_path_factory.mktemp("settings")
    ports = {source: 1000 + n for n, source in enumerate(LADDER)}
    sections = [f"[{s}.grpc]\nport = {ports[s]}\n" for s in ("default", "dev", "local") if s in present]
    (folder / "settings.toml").write_text("".join(sections))
    names = {"env_file_alias": "GRPC_PORT", "env_file": "NEXY_GRPC__PORT"}
    lines = [f"{name}={ports[source]}\n" for source, name in names.items() if source in present]
    (folder / "config.env").write_text("".join(lines))
    names = {"alias": "GRPC_PORT", "variable": "NEXY_GRPC__PORT"}
    environ = {name: str(ports[source]) for source, name in names.items() if source in present}
    config = Config.load(folder, environ, folder / "config.env")
    strongest = max(present, key=LADDER.index)
    assert value(config, "grpc.port") == ports[strongest]


def test_stage_inherits_prod_where_it_says_nothing(load):
    settings = "[default.grpc]\nport = 1\n[prod.grpc]\nport = 2\n[prod.http]\nport = 3\n[stage.http]\nport = 4\n"
    stage = load(settings, NEXY_ENV="stage")
    assert (value(stage, "grpc.port"), value(stage, "http.port")) == (2, 4)
    assert value(load(settings, NEXY_ENV="dev"), "grpc.port") == 1


def test_local_takes_dev_s_values_but_never_its_public_address(load):
    settings = '[dev.grpc]\nhost = "0.0.0.0"\nport = 5\n'
    local = load(settings)
    assert (value(local, "grpc.host"), value(local, "grpc.port")) == ("127.0.0.1", 5)
    assert value(load(settings, NEXY_ENV="dev"), "grpc.host") == "0.0.0.0"


def test_lists_replace_from_files_and_from_the_environment(load):
    settings = '[default.plugins]\nrequired = ["llm", "tts"]\n[prod.plugins]\nrequired = ["llm"]\n'
    assert value(load(settings, NEXY_ENV="prod"), "plugins.required") == ["llm"]
    assert value(load(settings, NEXY_PLUGINS__REQUIRED='["llm", "memory"]'), "plugins.required") == ["llm", "memory"]
    assert value(load(settings, NEXY_PLUGINS__REQUIRED="memory, tts"), "plugins.required") == ["memory", "tts"]
    assert value(load(settings, NEXY_PLUGINS__REQUIRED=""), "plugins.required") == []


def test_a_later_file_s_list_replaces_too(load):
    local = '[default.plugins]\nrequired = ["memory"]\n'
    config = load('[default.plugins]\nrequired = ["llm"]\n', files={"settings.local.toml": local})
    assert value(config, "plugins.required") == ["memory"]


def test_tables_merge_key_by_key(load):
    settings = '[default.turn.phrases.greeting]\nen = "Hey"\n[prod.turn.phrases.greeting]\nDE = "Hallo"\n'
    greeting = value(load(settings, NEXY_ENV="prod"), "turn.phrases.greeting")
    assert greeting["en"] == "Hey"
    assert greeting["de"] == "Hallo"
    assert greeting["ru"]
    assert value(load(settings, NEXY_TURN__PHRASES__GREETING__EN="Yo"), "turn.phrases.greeting")["en"] == "Yo"


def test_keys_come_in_any_case(load):
    assert value(load("[DEFAULT.Grpc]\nPort = 7\n"), "grpc.port") == 7
    assert value(load(nexy_grpc__Port="8"), "grpc.port") == 8


def test_a_table_in_one_variable(load):
    config = load(NEXY_GRPC="{port = 9, max_workers = 2}")
    assert (value(config, "grpc.port"), value(config, "grpc.max_workers")) == (9, 2)
    assert config.live.current.sources["grpc.port"] == "NEXY_GRPC"


SWITCH = "kill_switches.disable_forward_assistant_actions"


@pytest.mark.parametrize("weak", [True, False])
@pytest.mark.parametrize("strong", [True, False])
def test_a_kill_switch_is_on_when_any_source_says_so(load, weak, strong):
    settings = f"[default.kill_switches]\ndisable_forward_assistant_actions = {str(weak).lower()}\n"
    config = load(settings, NEXY_KILL_SWITCHES__DISABLE_FORWARD_ASSISTANT_ACTIONS=str(strong))
    assert value(config, SWITCH) is (weak or strong)


def test_the_short_form_kills_any_plugin(load):
    assert value(load(NEXY_KS_DISABLE_ACME="1"), "kill_switches.disable_acme") is True


def test_plugin_toggles_of_any_name(load):
    config = load("[default.plugins.acme]\nenabled = false\n", NEXY_PLUGINS__OTHER__ENABLED="off")
    assert value(config, "plugins.acme.enabled") is False
    assert value(config, "plugins.other.enabled") is False


def test_the_environment_s_name_can_come_from_config_env(load):
    assert load(env_file="NEXY_ENV=prod\n").env == "prod"
    assert load(env_file="NEXY_ENV=prod\n", NEXY_ENV="dev").env == "dev"


def test_config_env_is_never_written_into_the_environment(load):
    import os

    load(env_file="NEXY_GRPC__PORT=77\n")
    assert "NEXY_GRPC__PORT" not in os.environ


def test_the_settings_folder_can_be_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "settings.toml").write_text("[default.grpc]\nport = 1\n")
    (tmp_path / "config.env").write_text("HTTP_PORT=2\n")
    config = Config.load(environ={"NEXY_SETTINGS_DIR": "elsewhere"})
    assert (value(config, "grpc.port"), value(config, "http.port")) == (1, 2)
    with pytest.raises(ConfigError, match="not there"):
        Config.load(environ={"NEXY_SETTINGS_DIR": "nowhere"})


def test_dynaconf_s_own_markers_resolve(load, monkeypatch):
    monkeypatch.setenv("HOME", "/srv/someone")
    config = load('[default.storage]\ndata_dir = "@format {env[HOME]}/nexy"\n')
    assert value(config, "storage.data_dir") == "/srv/someone/nexy"


@pytest.mark.parametrize("text", ["123456", "0123", "1e5", "true", "{a", '"quoted"', "[1]", " spaced ", "@me"])
def test_a_text_from_a_variable_stays_as_it_is_written(load, text):
    config = load(NEXY_ACME__KEY=text)
    config.declare("acme", [Setting("acme.key", str, "", "A key.", secret=True)])
    config.finish()
    assert value(config, "acme.key") == text


@pytest.mark.parametrize(
    ("written", "meant"), [("true", 100), ("false", 0), ("25", 25), ("0.5", 0.5), ("on", 100), ("1", 1), ("0", 0)]
)
def test_a_feature_is_true_false_or_a_percentage(load, written, meant):
    found = value(load(NEXY_FEATURES__FORWARD_ASSISTANT_ACTIONS=written), "features.forward_assistant_actions")
    assert isinstance(found, Percent)
    assert found == meant
