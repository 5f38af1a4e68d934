"""What the server tells its log and metrics of turns, interrupts and secrets."""

import pytest
from nexy_core.config import Config
from nexy_core.decisions import Decision, DecisionLog, parse_line
from nexy_core.observation import Observation
from nexy_core.sessions import LiveTurns, StopReason
from nexy_core.trace import TurnTrace

from nexy_core import Setting

WAIT_SECONDS = 10


@pytest.fixture
def observed(tmp_path, monkeypatch):
    """An observation and a way to read the log it wrote."""
    monkeypatch.chdir(tmp_path)
    config = Config.load(environ={"NEXY_ACME__KEY": "sk-canary", "OTHER_API_KEY": "other-canary"})
    log = DecisionLog.open(config.live, console=False)

    def read():
        log.close(WAIT_SECONDS)
        return [parse_line(line) for line in (tmp_path / "data" / "logs" / "nexy.log").read_text().splitlines()]

    return Observation(config, log), read


@pytest.mark.parametrize(
    ("outcome", "decision"),
    [
        ("complete", Decision.COMPLETE),
        ("cut", Decision.ABORT),
        ("cancelled_by_user", Decision.ABORT),
        ("internal", Decision.ERROR),
        ("timeout", Decision.ERROR),
    ],
)
def test_a_turn_leaves_one_line_with_its_times(observed, outcome, decision):
    observation, read = observed
    trace = TurnTrace("turn-1", "session-mask", "device-mask")
    trace.mark("first_text")
    trace.end(outcome, "why")
    observation.turn_ended(trace)
    (line,) = read()
    assert (line.scope, line.decision, line.ctx["outcome"], line.ctx["reason"]) == ("turn", decision, outcome, "why")
    assert set(line.ctx["marks_ms"]) == {"first_text", "end"}
    assert observation.metrics.snapshot()["decision_rate"] == {decision.value: pytest.approx(1 / 60, abs=1e-4)}


async def test_an_interrupt_is_timed_until_the_turn_is_over(observed):
    import asyncio

    observation, _ = observed
    turns = LiveTurns(observation.turn_closed)
    for reason in (StopReason.INTERRUPTED, StopReason.IDLE):
        turn = turns.open("device", reason.value)
        turn.task = asyncio.create_task(asyncio.sleep(100))
        await asyncio.sleep(0)
        assert turn.stop(reason)
        with pytest.raises(asyncio.CancelledError):
            await turn.task
        turns.close(turn)
    assert sum(observation.metrics.stages["interrupt_to_silence"].total().values()) == 1


def test_secrets_of_plugins_and_of_other_libraries_are_hidden(observed):
    observation, read = observed
    observation.config.declare("acme", [Setting("acme.key", str, "", "A key.", secret=True)])
    observation.hide_secrets()
    observation.log.write(Decision.ERROR, scope="acme", text="refused sk-canary and other-canary")
    (line,) = read()
    assert line.ctx["text"] == "refused *** and ***"


def test_the_loggers_of_installed_plugins_are_trusted(tmp_path, monkeypatch, observed):
    folder = tmp_path / "acme-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[nexy.plugins]\nacme = acme_voice.plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    observation, _ = observed
    again = Observation(observation.config, observation.log)
    assert again.log.trusts("acme_voice.engine")
    assert not again.log.trusts("acme_other")


def test_lost_and_waiting_lines_are_gauges(observed):
    observation, _ = observed
    observation.gauges(turns=("Turns.", lambda: 2.0))
    assert observation.metrics.snapshot()["gauges"]["turns"] == 2.0
    assert observation.metrics.snapshot()["gauges"]["log_lines_lost"] == 0
