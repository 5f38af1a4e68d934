"""docs/configuration.md shows the settings that the code declares, and its examples are true."""

import subprocess
import sys
from pathlib import Path

import pytest
from nexy_core.config import Config
from nexy_core.config.document import between_marks, markdown
from nexy_core.core_settings import core_settings
from nexy_core.decisions import DecisionLog
from nexy_core.errors import ConfigError
from nexy_core.host import Host

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "configuration.md"


def test_the_table_is_the_code_s(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = Config.load(environ={})
    Host(config, DecisionLog.quiet(config.live)).load()
    text = DOCUMENT.read_text(encoding="utf-8")
    remedy = "run: uv run nexy config docs --write docs/configuration.md"
    assert between_marks(text, markdown(config.declared)) == text, remedy


def test_every_setting_of_the_core_is_read_somewhere():
    """A setting that changes nothing misleads whoever sets it."""
    members = [ROOT / "nexy_core" / "src", *(ROOT / "plugins").glob("*/src")]
    declaring = {"core_settings.py", "core_settings_operations.py"}
    files = [path for member in members for path in member.rglob("*.py") if path.name not in declaring]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    # Some are read through a table's prefix: f"backpressure.{name}", f"roles.{role}".
    unread = [
        setting.key
        for setting in core_settings()
        if setting.key not in source and f'"{setting.key.partition(".")[2]}"' not in source
    ]
    assert unread == []


def test_the_example_of_mistakes_is_what_is_said(tmp_path):
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "settings.toml").write_text("[default.grpc]\nprot = 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "nexy_core", "config", "check"],
        cwd=tmp_path,
        env={"GRPC_PORT": "abc", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.strip() in DOCUMENT.read_text(encoding="utf-8")


def test_the_operator_s_file_is_good(monkeypatch):
    monkeypatch.chdir(ROOT)
    for env in ("", "dev", "stage", "prod"):
        config = Config.load(environ={"NEXY_ENV": env})
        Host(config, DecisionLog.quiet(config.live)).load()


def test_a_document_without_marks_is_refused():
    with pytest.raises(ConfigError, match="settings: begin"):
        between_marks("text", "table")
