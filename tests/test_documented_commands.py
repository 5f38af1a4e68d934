"""Every command the documents show is run as it is written, and says what is expected; or it is said why it is not."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess

from tests.ingress.kit import free_port

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "plugins").glob("*/README.md"))]
BLOCK = re.compile(r"^```(?:bash|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
KEY = re.compile(r"[A-Za-z0-9+/]{43}=")

# What a command's output must show. Run in this order, in one folder, against one server of fakes.
EXPECTED = {
    'uv run nexy ask "What is the capital of France?"': r"You said: What is the capital of France\?",
    "uv run nexy config show": r"grpc\.port .*NEXY_GRPC__PORT",
    "uv run nexy config show llm": r"llm\.model",
    "uv run nexy config show --changed": r"grpc\.port",
    "uv run nexy config check": r"",
    "nexy logs --json | jq -r 'select(.decision == \"refuse\") | .ctx.reason' | sort | uniq -c": r"1 unimplemented",
    "curl -sS -i http://127.0.0.1:8080/health": r"HTTP/1\.1 200 OK\s[\s\S]*max-age=30[\s\S]*\"ready\": true",
    "nexy updates publish Nexy.dmg --version 2.0.0.33 --short-version 2.0 --notes notes.md --min-system 12.0": r"",
    "nexy updates promote 2.0.0.33": r"25",
    "nexy updates verify": r"",
}

ELSEWHERE = {
    "uv run nexy serve": "tests/e2e/test_real_turns.py",
    "nexy serve": "tests/e2e/test_real_turns.py",
    "nexy smoke --host nexy.example.org --entrance": "tests/ingress/test_smoke.py",
    "nexy updates keygen sparkle.key": "tests/test_documented_commands.py",
    "nexy updates check https://updates.example.com --full": "plugins/nexy_updates/tests",
    "nexy updates publish Nexy.dmg --version 2.0.0.33 --rollout 1 --key sparkle.key": "plugins/nexy_updates/tests",
    "nexy updates promote 2.0.0.33 --key sparkle.key": "plugins/nexy_updates/tests",
    "nexy voices list --all ru": "plugins/nexy_tts/tests",
    "nexy voices get ru_RU-irina-medium": "plugins/nexy_tts/tests",
    "nexy voices try ru_RU-irina-medium --out irina.wav": "plugins/nexy_tts/tests",
}

NOT_RUN = {
    "it runs this very test": r"uv run nox",
    "compared with what nexy guard says: tests/test_guard_one_liners.py": r"nexy logs --since .*",
    "needs an account, a model server or a released package": r"NEXY_LLM__MODEL=.*|pip install .*|export NEXY_.*",
    "needs a host on the internet": r"curl .*https://your\.host.*|rsync .*|nexy guard .* nexy updates pause",
    "changes the machine": r"useradd .*|systemctl .*|install -d .*|cp deploy/systemd/.*",
    "the install guide, followed as a whole below": r"cd /opt/nexy|git .*|uv (venv|pip sync|sync) .*|cp settings/.*"
    r"|install -m .*|NEXY_ENV=prod .*",
}


def documented():
    """(page, command) of every line of every block; a comment after the command is dropped."""
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            lines = [re.sub(r"\s{2,}# .*$", "", line).strip() for line in block.splitlines()]
            yield from ((page, line) for line in lines if line and not line.startswith("#"))


def test_every_documented_command_is_accounted_for():
    reasons = re.compile("|".join(f"(?:{pattern})" for pattern in NOT_RUN.values()))
    shown = {command for _, command in documented()}
    unknown = [command for command in shown if command not in EXPECTED | ELSEWHERE and not reasons.fullmatch(command)]
    assert not unknown
    assert not [command for command in EXPECTED | ELSEWHERE if command not in shown]
    assert not [place for place in ELSEWHERE.values() if not (ROOT / place).exists()]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with what the examples speak of, a server, and the environment in which commands reach it."""
    folder = tmp_path_factory.mktemp("operator")
    ports = {f"NEXY_{table}__PORT": str(free_port()) for table in ("GRPC", "HTTP", "UPDATE")}
    environ = {key: value for key, value in os.environ.items() if not key.startswith("NEXY_")} | ports
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    made = run("nexy updates keygen sparkle.key", folder, environ)
    environ["NEXY_UPDATE__PUBLIC_KEYS"] = json.dumps([KEY.search(made.stdout)[0]])
    environ["NEXY_UPDATE__KEY_FILE"] = str(folder / "sparkle.key")
    (folder / "Nexy.dmg").write_bytes(b"an application")
    (folder / "notes.md").write_text("# Better\n", encoding="utf-8")
    fakes = {"NEXY_PLUGINS__MODULES": json.dumps(modules("llm", "tts", "memory", "filter", "interrupt"))}
    with ServerProcess(folder, {**ports, **fakes}) as server:
        refused(server.address)
        yield folder, environ


def refused(address):
    """One refusal for the log's examples to find."""
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary("/streaming.StreamingService/NoSuchRpc")(b"", timeout=10)


def run(command, folder, environ):
    command = command.replace("uv run nexy", "nexy").replace(
        "127.0.0.1:8080", f"127.0.0.1:{environ['NEXY_HTTP__PORT']}"
    )
    return subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=environ, capture_output=True, text=True, timeout=100, check=False
    )


@pytest.mark.parametrize("command", EXPECTED)
def test_the_command_does_what_its_document_says(place, command):
    folder, environ = place
    result = run(command, folder, environ)
    assert result.returncode == 0, result.stderr
    assert re.search(EXPECTED[command], result.stdout)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_install_guide_followed_word_for_word(tmp_path):
    """In a clean clone, its folders moved below the test's; what changes the machine itself is left out."""
    opt, etc = tmp_path / "opt", tmp_path / "etc"
    etc.mkdir()
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    install = BLOCK.findall(page.split("## Install", 1)[1])[0]
    skipped = re.compile(NOT_RUN["changes the machine"])
    lines = [line for line in install.splitlines() if not skipped.match(line)]
    script = "\n".join(lines).replace("/opt/nexy", str(opt)).replace("/etc/nexy", str(etc))
    script = script.replace("git clone . ", f"git clone {ROOT} ")
    clean = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV" and key[:5] != "NEXY_"}
    subprocess.run(["bash", "-exc", script], cwd=tmp_path, env=clean, check=True, timeout=500)
    environ = {**clean, "NEXY_ENV": "prod", "NEXY_SETTINGS_DIR": str(etc)}
    checked = subprocess.run(
        [opt / ".venv" / "bin" / "nexy", "config", "check"], cwd=tmp_path, env=environ, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert not (opt / ".venv" / "bin" / "pytest").exists()
    assert (etc / "secrets.env").stat().st_mode & 0o777 == 0o600
