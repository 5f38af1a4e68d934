"""Every member can be released alone: `.ci/release.py` builds it twice and finds nothing wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MEMBERS = ("nexy-core", "nexy-sdk", *(path.name.replace("_", "-") for path in sorted((ROOT / "plugins").iterdir())))


@pytest.mark.long
@pytest.mark.parametrize("member", MEMBERS)
def test_the_wheel_and_the_sdist_can_be_released(member, tmp_path):
    command = [sys.executable, ".ci/release.py", member, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.suffix for path in tmp_path.iterdir()} >= {".whl", ".gz"}
