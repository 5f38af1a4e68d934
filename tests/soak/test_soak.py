"""A short soak, so that the long one can be trusted to start."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_short_soak_holds_every_invariant():
    command = [sys.executable, "-m", "tests.soak", "--minutes", "0.5"]
    result = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=150, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Every invariant held." in result.stdout
