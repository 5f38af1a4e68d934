"""A short soak, so that the long one can be trusted to start and to write its page."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "long-run.md"
SAMPLE = re.compile(r"^\| (after the warm-up|at the end) \| [\d.]+ \| \d+ \| \d+ \| \d+ \|$", re.MULTILINE)


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_short_soak_holds_every_invariant(tmp_path):
    page = tmp_path / "long-run.md"
    command = [sys.executable, "-m", "tests.soak", "--minutes", "0.5", "--report", page]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Every invariant held." in result.stdout
    assert page.read_text(encoding="utf-8").endswith(result.stdout)


def test_the_page_is_of_a_whole_run_without_a_breach():
    text = PAGE.read_text(encoding="utf-8")
    minutes, calls = re.search(r"^([\d.]+) minutes, seed \d+, (\d+) calls;", text, re.MULTILINE).groups()
    assert float(minutes) >= 10
    assert int(calls) > 1000
    assert len(SAMPLE.findall(text)) == 2
    assert text.endswith("Every invariant held.\n")
