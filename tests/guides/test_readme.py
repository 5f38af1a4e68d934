"""The README's start, followed in a clean clone: two commands, a real model and voice, an answer."""

import pytest

from tests.guides.machine import ROOT, follow, needs_machine, snapshot
from tests.guides.reading import section, steps

# Packages come from the outside network; what is then run has the machine's own.
UV = """
cat > /usr/local/bin/uv <<END
#!/bin/sh
test "\\$1" = run && shift
nsenter --net=/proc/self/fd/9 "$REAL_UV" sync --quiet && exec "$REAL_UV" run --no-sync --offline "\\$@"
END
"""


@pytest.mark.long
@pytest.mark.timeout(900)
@needs_machine
def test_two_commands_and_the_server_answers(tmp_path):
    (serve, _), (ask, _), (nox, _), *_ = steps(section((ROOT / "README.md").read_text(encoding="utf-8"), "Start"))
    assert (serve.split()[-1], ask.split()[3], nox) == ("serve", "ask", "uv run nox")
    clone = tmp_path / "clone"
    clone.mkdir()
    snapshot(clone)
    waiting = "curl -fs --retry 300 --retry-delay 1 --retry-all-errors http://127.0.0.1:8080/health"
    done = follow(tmp_path, f"{UV}\ncd {clone}\n{serve} > ../server.log 2>&1 &\n{waiting}\n{ask} --out ../answer.wav\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Paris" in done.stdout
    assert (tmp_path / "answer.wav").stat().st_size > 48_000
