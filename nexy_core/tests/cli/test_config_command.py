"""``nexy config``: what it shows, what it refuses, what it writes nowhere."""

import json

import pytest
from click.testing import CliRunner
from nexy_core.cli.config import config
from nexy_core.errors import ConfigError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args):
    return CliRunner().invoke(config, args, standalone_mode=False, catch_exceptions=False)


def test_every_value_is_shown_with_its_source(monkeypatch):
    monkeypatch.setenv("GRPC_PORT", "1234")
    lines = run("show", "grpc").stdout.splitlines()
    assert lines[0] == "environment: local"
    assert ["grpc.port", "1234", "GRPC_PORT"] in [line.split() for line in lines]
    assert all(line.startswith("grpc.") for line in lines[1:])


def test_a_prefix_is_whole_words():
    assert run("show", "grp").stdout.splitlines() == ["environment: local"]
    assert len(run("show", "grpc.port").stdout.splitlines()) == 2


def test_only_what_was_changed(monkeypatch):
    monkeypatch.setenv("NEXY_LOG__LEVEL", "DEBUG")
    assert [line.split()[0] for line in run("show", "--changed").stdout.splitlines()[1:]] == ["log.level"]


def test_json_for_scripts(monkeypatch):
    monkeypatch.setenv("NEXY_ENV", "prod")
    found = json.loads(run("show", "http.port", "--json").stdout)
    assert found == {"env": "prod", "settings": [{"key": "http.port", "value": "8080", "source": "default"}]}


def test_a_mistake_is_told_beside_what_is_good(monkeypatch):
    monkeypatch.setenv("GRPC_PORT", "abc")
    result = run("show", "grpc.port")
    assert result.return_value == 2
    assert "50051" in result.stdout
    assert "must be a whole number" in result.stderr


def test_check_names_every_mistake_and_shows_no_secret(monkeypatch):
    monkeypatch.setenv("GRPC_PORT", "abc")
    monkeypatch.setenv("NEXY_GRPC__API_KYE", "sk-canary")
    with pytest.raises(ConfigError, match=r"(?s)2 problems.*grpc\.port.*grpc\.api_kye") as caught:
        run("check")
    assert "sk-canary" not in str(caught.value)


def test_check_of_good_settings_counts_them(monkeypatch):
    result = run("check")
    assert result.return_value == 0
    assert "0 of them set, environment local" in result.stdout


def test_looking_leaves_nothing_behind(home):
    run("show")
    run("check")
    assert list(home.iterdir()) == []


def test_the_table_goes_between_a_document_s_marks(home):
    page = home / "page.md"
    page.write_text("before\n<!-- settings: begin -->\nwhat was there\n<!-- settings: end -->\nafter\n")
    run("docs", "--write", str(page))
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "what was there" not in text
    assert "| `grpc.port` | int | `50051` | 0–65535 |" in text
