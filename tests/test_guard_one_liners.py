"""The jq one-liners of docs/health-and-ci.md give the figures that ``nexy guard`` gives."""

import json
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from nexy_core.decisions import Decision, format_line

DOCUMENT = Path(__file__).parent.parent / "docs" / "health-and-ci.md"
METHOD = "/streaming.StreamingService/StreamAudio"

pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed: apt-get install jq")


def one_liners():
    block = re.search(r"```bash\n# the latency.*?```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL).group(0)
    return [line for line in block.splitlines() if line.startswith("nexy ")]


@pytest.fixture
def home(tmp_path):
    """A folder with a log of random calls."""
    rng, lines = random.Random(7), []
    at = time.time() - 120
    for n in range(60):
        decision = rng.choice([Decision.COMPLETE] * 8 + [Decision.ERROR, Decision.REFUSE])
        lines.append(format_line(at, "INFO", "grpc", METHOD, Decision.START, {}, 0))
        lines.append(format_line(at, "INFO", "grpc", METHOD, decision, {}, 0))
        if decision is Decision.COMPLETE:
            ctx = {"turn": f"t{n}", "marks_ms": {"first_text": rng.randrange(100, 2000)}}
            lines.append(format_line(at, "INFO", "turn", METHOD, decision, ctx, 0))
    lines.append(format_line(at, "INFO", "grpc", "-", Decision.REFUSE, {"reason": "unimplemented"}, 0))
    folder = tmp_path / "data" / "logs"
    folder.mkdir(parents=True)
    (folder / "nexy.log").write_text("".join(f"{line}\n" for line in lines))
    return tmp_path


def run(command, home):
    done = subprocess.run(command, shell=True, cwd=home, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout


def test_the_one_liners_agree_with_the_guard(home):
    report = json.loads(run("nexy guard --json", home))
    latency, errors, refusals, decisions = (run(command, home) for command in one_liners())
    objectives = {name: one["value"] for name, one in report["objectives"].items()}
    assert float(latency) == objectives["p95_latency_ms(StreamAudio)"]
    assert float(errors) == pytest.approx(objectives["error_rate(StreamAudio)"])
    assert float(refusals) == pytest.approx(objectives["backpressure_refusal_rate"])
    assert 0 < float(refusals) < 1
    counted = {word: int(number) for number, word in (line.split() for line in decisions.splitlines())}
    assert counted == report["decisions"]
