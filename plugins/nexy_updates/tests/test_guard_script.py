"""The documented one-line guard, run as it is written."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from nexy_updates.layout import Layout

DOCUMENT = Path(__file__).parents[3] / "docs" / "updates.md"
NEXY = """#!/bin/sh
# Stands in for "nexy": the guard says what the test wants, "updates" is the real one.
[ "$1" = guard ] && exit "$GUARD"
[ "$2" = check ] && exit "$CHECK"
exec "$REAL_NEXY" "$@"
"""


def documented_script():
    (line,) = re.findall(r"^nexy guard .*$", DOCUMENT.read_text(), re.MULTILINE)
    return line


@pytest.mark.parametrize(("guard", "check", "held"), [(0, 0, set()), (1, 0, {"2.0"}), (0, 1, {"2.0"}), (2, 2, {"2.0"})])
def test_the_guard_pauses_the_rollout_without_a_key(world, nexy, guard, check, held):
    world.publish("1.0")
    world.publish("2.0", "25")
    (world.tmp / "bin").mkdir()
    stand_in = world.tmp / "bin" / "nexy"
    stand_in.write_text(NEXY)
    stand_in.chmod(0o755)
    environ = dict(os.environ) | {
        "PATH": f"{stand_in.parent}:{os.environ['PATH']}",
        "GUARD": str(guard),
        "CHECK": str(check),
        "REAL_NEXY": nexy,
        "UPDATES_URL": "http://127.0.0.1",
        "NEXY_STORAGE__DATA_DIR": str(world.tmp / "data"),
        "NEXY_UPDATE__PUBLIC_KEYS": f'["{world.key.public.text}"]',
    }
    result = subprocess.run(
        ["sh", "-c", documented_script()], env=environ, cwd=world.tmp, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert Layout(world.tmp / "data" / "updates").read_holds() == held
