"""The service files agree with the server; nothing here can boot them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from nexy_core.core_settings import core_settings

ROOT = Path(__file__).parent.parent
UNIT = (ROOT / "deploy" / "systemd" / "nexy.service").read_text(encoding="utf-8")
ENVIRONMENT = (ROOT / "deploy" / "systemd" / "nexy.env").read_text(encoding="utf-8")
CONTAINER = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
NGINX = (ROOT / "deploy" / "nginx" / "nexy.conf").read_text(encoding="utf-8")
EXPOSURE_LIMIT = 2.0
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze: apt-get install systemd"
)


def unit_value(name):
    return re.search(rf"^{name}=(.*)$", UNIT, re.MULTILINE)[1]


@needs_systemd
def test_the_unit_is_well_formed(tmp_path):
    unit = tmp_path / "nexy.service"
    unit.write_text(UNIT.replace("/opt/nexy/.venv/bin/nexy", "/bin/true"), encoding="utf-8")
    result = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


@needs_systemd
def test_the_unit_is_hardened():
    command = ["systemd-analyze", "security", "--offline=yes", ROOT / "deploy" / "systemd" / "nexy.service"]
    report = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert float(re.search(r"exposure level for nexy.service: ([\d.]+)", report)[1]) <= EXPOSURE_LIMIT


def test_every_copied_path_of_the_container_exists():
    copied = re.findall(r"^COPY --from=build /opt/nexy/(\S+)", CONTAINER, re.MULTILINE)
    assert [path for path in copied if path != ".venv" and not (ROOT / path).exists()] == []
    assert "USER nexy" in CONTAINER.split("FROM")[-1]


def test_the_units_of_the_service_and_root_s_command_agree():
    command = (ROOT / "deploy" / "nexy").read_text(encoding="utf-8")
    files = re.findall(r"^EnvironmentFile=(\S+)$", UNIT, re.MULTILINE)
    assert files == re.findall(r"^\. (\S+)$", command, re.MULTILINE)
    assert f"runuser -u {unit_value('User')} -- {unit_value('ExecStart').removesuffix(' serve')}" in command


def prod_default(key):
    (setting,) = [setting for setting in core_settings() if setting.key == key]
    return setting.by_env.get("prod", setting.default)


@pytest.mark.parametrize("limit", ["client_body_timeout", "grpc_read_timeout", "grpc_send_timeout"])
def test_nginx_waits_longer_than_the_server(limit):
    seconds = int(re.search(rf"{limit} (\d+)s;", NGINX)[1])
    assert seconds > prod_default("backpressure.idle_timeout_seconds")
    assert seconds > prod_default("backpressure.max_turn_seconds")


def test_systemd_waits_longer_than_the_drain():
    assert int(unit_value("TimeoutStopSec")) > prod_default("shutdown.grace_seconds")


def test_every_variable_of_the_unit_and_the_container_is_a_setting():
    keys = {setting.key for setting in core_settings()}
    names = re.findall(r"NEXY_([A-Z_]+)=", ENVIRONMENT + CONTAINER)
    unknown = {name for name in names if name.lower().replace("__", ".") not in keys}
    assert unknown == {"ENV", "SETTINGS_DIR"}


def test_nginx_asks_the_ports_the_server_listens_on_by_default():
    assert re.findall(r"server 127\.0\.0\.1:(\d+);", NGINX) == ["50051", "8080", "8081"]
