"""docs/deployment.md followed word for word, from install to roll back; with a real nginx, model and voice."""

import subprocess

import pytest

from tests.guides.machine import ROOT, STAND_IN, follow, git, needs_machine, snapshot
from tests.guides.reading import section, steps, unprinted
from tests.ingress.kit import NAME, NGINX, certificate

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    needs_machine,
    pytest.mark.skipif(NGINX is None, reason="needs nginx: apt-get install nginx"),
]
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
VERSION = '\nversion = "0.1.0"\n'

# This machine may be busy with other tests.
PATIENCE = "echo NEXY_PLUGINS__INITIALIZE_TIMEOUT_SECONDS=300 >> /etc/nexy/secrets.env"
ROOT_ONLY = """
test "$(stat -c '%U %a' /etc/nexy/secrets.env)" = "root 600"
test "$(stat -c '%U %a' /var/lib/nexy)" = "nexy 700"
test "$(ps -o user= -p "$(cat /run/nexy.pid)")" = nexy
grep -q '^CapBnd:[[:space:]]*0*$' "/proc/$(cat /run/nexy.pid)/status"
test ! -e .venv/bin/pytest
"""


@pytest.fixture
def releases(tmp_path):
    """A clone with two releases, where the reader stands at the first."""
    folder = tmp_path / "clone"
    folder.mkdir()
    snapshot(folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "first")
    git(folder, "tag", "v0.1.0")
    project = folder / "nexy_core" / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    assert VERSION in text
    project.write_text(text.replace(VERSION, VERSION.replace("0.1.0", "0.1.1")), encoding="utf-8")
    git(folder, "commit", "--quiet", "--all", "--message", "second")
    git(folder, "tag", "v0.1.1")
    git(folder, "checkout", "--quiet", "v0.1.0")
    return folder


def test_from_install_to_roll_back(tmp_path, releases):
    certificate(tmp_path)
    upgrade = list(steps(section(PAGE, "Upgrade and roll back")))
    back = [(command.replace("v0.1.1", "v0.1.0"), printed) for command, printed in upgrade]
    assert back != upgrade
    installed = list(steps(section(PAGE, "Install")))
    at = installed.index(("systemctl daemon-reload", []))
    installed.insert(at, (PATIENCE, []))
    opened = list(steps(section(PAGE, "Open the door")))
    followed = [
        *installed,
        (ROOT_ONLY, []),
        *opened,
        *upgrade,
        *back,
        ("systemctl stop nexy\necho stopped", ["stopped"]),
    ]
    ready = f"""
cd {releases}
echo "127.0.0.1 {NAME}" >> /etc/hosts
cp {tmp_path}/fullchain.pem {tmp_path}/privkey.pem /etc/ssl/nexy/
export SSL_CERT_FILE=/etc/ssl/nexy/fullchain.pem GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=/etc/ssl/nexy/fullchain.pem
set -x
"""
    try:
        done = follow(tmp_path, ready + "\n".join(command for command, _ in followed))
    except subprocess.TimeoutExpired as slow:
        pytest.fail(f"{slow}\n{slow.stdout}\n{slow.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr
    expected = [line for _, printed in followed for line in printed]
    assert unprinted(expected, done.stdout) == [], done.stdout


def test_the_stand_in_refuses_what_it_does_not_know():
    """So that a new line of the guide cannot pass unseen."""
    refused = subprocess.run([STAND_IN, "edit", "nexy"], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "knows no systemctl edit nexy" in refused.stderr
