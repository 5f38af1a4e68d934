#!/usr/bin/python3
"""Stands in for systemctl where no systemd runs: starts a unit's command as its user, with no privilege at all."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

UNIT = Path("/etc/systemd/system/nexy.service")
PID = Path("/run/nexy.pid")
OUTPUT = Path("/run/nexy.out")
FOLDERS = {"StateDirectory": "/var/lib", "LogsDirectory": "/var/log", "ConfigurationDirectory": "/etc"}


def read_unit():
    values = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            values.setdefault(name, []).append(value)
    return values


def environment(files):
    found = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    for file in files:
        for line in Path(file).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.partition("=")
                found[name] = "".join(shlex.split(value))
    return found


def start():
    unit = read_unit()
    (user,), (group,) = unit["User"], unit["Group"]
    for kind, root in FOLDERS.items():
        folder = Path(root, *unit[kind])
        folder.mkdir(exist_ok=True)
        if root != "/etc":
            shutil.chown(folder, user, group)
        folder.chmod(int(unit.get(f"{kind}Mode", ["0755"])[0], 8))
    dropped = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--clear-groups"]
    command = ["setpriv", f"--reuid={user}", f"--regid={group}", *dropped, *shlex.split(unit["ExecStart"][0])]
    with OUTPUT.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=unit["WorkingDirectory"][0],
            env=environment(unit["EnvironmentFile"]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            umask=int(unit["UMask"][0], 8),
        )
    PID.write_text(str(process.pid), encoding="utf-8")


def running(pid):
    """Whether the process is there and has not merely yet to be reaped."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    return False


def stop():
    pid, limit_seconds = int(PID.read_text(encoding="utf-8")), int(read_unit()["TimeoutStopSec"][0])
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + limit_seconds
    while running(pid):
        if time.monotonic() > deadline:
            sys.exit(f"{pid} is there {limit_seconds} s after SIGTERM: {OUTPUT.read_text(encoding='utf-8')[-2000:]}")
        time.sleep(0.05)


def reload_nginx():
    file = Path("/run/nginx.pid")
    running = file.exists() and file.read_text(encoding="utf-8").strip()  # `nginx -t` leaves an empty one
    subprocess.run(["nginx", *(["-s", "reload"] if running else [])], check=True)


match sys.argv[1:]:
    case ["daemon-reload"]:
        read_unit()
    case ["enable", "--now", "nexy"]:
        start()
    case ["restart", "nexy"]:
        stop()
        start()
    case ["stop", "nexy"]:
        stop()
    case ["reload", "nexy"]:
        os.kill(int(PID.read_text(encoding="utf-8")), signal.SIGHUP)
    case ["reload", "nginx"]:
        reload_nginx()
    case other:
        sys.exit(f"this stand-in knows no systemctl {' '.join(other)}")
