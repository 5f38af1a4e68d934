"""A machine for guides to change: this one's files and network in namespaces of their own.

Users are added, /opt and /etc written and the real ports taken as a guide says, and nothing of it is left.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAND_IN = Path(__file__).with_name("systemctl.py")
SYSTEM_PYTHON = Path("/usr/bin/python3.11")
LIMIT_SECONDS = 860
NAMESPACES = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")

PRELUDE = """
set -euo pipefail
mount --make-rprivate /
mount -t tmpfs tmpfs /run
ip link set lo up
for name in etc opt var usr/local; do
    mkdir -p "$UPPER/$name/upper" "$UPPER/$name/work"
    layers="lowerdir=/$name,upperdir=$UPPER/$name/upper,workdir=$UPPER/$name/work"
    mount -t overlay overlay -o "$layers" "/$name"
done
install -d /usr/local/bin /etc/ssl/nexy
install -m 0755 "$STAND_IN" /usr/local/bin/systemctl
printf '#!/bin/sh\\nexec nsenter --net=/proc/self/fd/9 %s "$@"\\n' "$REAL_UV" > /usr/local/bin/uv
chmod +x /usr/local/bin/uv
PATH="/usr/local/bin:$PATH"
umask 022
"""


def namespaces_work():
    """Whether this user may have such a machine, and the parts of the guides are here."""
    if os.geteuid() != 0 or not SYSTEM_PYTHON.exists() or not all(map(shutil.which, ("unshare", "ip", "runuser"))):
        return False
    tried = [*NAMESPACES, "mount", "-t", "tmpfs", "tmpfs", "/run"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


needs_machine = pytest.mark.skipif(
    not namespaces_work(), reason="needs root, namespaces (unshare, ip) and /usr/bin/python3.11: run it in `.ci/run`"
)


def follow(folder, script, **variables):
    """Run the bash script on a machine of its own; only ``uv`` reaches the package index."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("NEXY_", "PYTHON", "VIRTUAL_ENV"))}
    environ = kept | {"UPPER": str(folder), "STAND_IN": str(STAND_IN), "REAL_UV": shutil.which("uv"), **variables}
    command = ["bash", "-c", 'exec 9</proc/self/ns/net; exec "$@"', "-", *NAMESPACES, "bash", "-c", PRELUDE + script]
    return subprocess.run(
        command, env=environ, cwd=folder, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )


def snapshot(folder):
    """The repository's files as they are now, in ``folder``."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def git(folder, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, stdout=sys.stderr)
