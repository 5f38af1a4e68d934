"""``nexy guard``: the objectives, held against lines whose figures are known."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from nexy_core.cli.guard import guard
from nexy_core.config import Config
from nexy_core.decisions import Decision, format_line
from nexy_core.errors import ConfigError

METHOD = "/streaming.StreamingService/StreamAudio"


def stamp(ago):
    return (datetime.now(UTC) - ago).timestamp()


def call(decision, ago=timedelta(minutes=1)):
    return format_line(stamp(ago), "INFO", "grpc", METHOD, decision, {}, 1)


def turn(name, decision=Decision.COMPLETE, ago=timedelta(minutes=1), **marks):
    return format_line(stamp(ago), "INFO", "turn", METHOD, decision, {"turn": name, "marks_ms": marks}, 1)


def degraded(name):
    return format_line(stamp(timedelta(minutes=1)), "INFO", "turn", "-", Decision.DEGRADE, {"turn": name}, 0)


@pytest.fixture
def judge(tmp_path, monkeypatch):
    """Write lines and run the guard over them: its exit code and its report."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "logs").mkdir(parents=True)

    def run(lines, *args):
        (tmp_path / "data" / "logs" / "nexy.log").write_text("".join(f"{line}\n" for line in lines))
        result = CliRunner().invoke(guard, ["--json", *args], standalone_mode=False, catch_exceptions=False)
        return result.return_value, json.loads(result.stdout)

    return run


GOOD = [call(Decision.COMPLETE)] * 20 + [turn(f"t{n}", first_text=500) for n in range(20)]


def test_a_good_log_is_kept(judge):
    code, report = judge(GOOD)
    assert (code, report["kept"], report["calls"], report["turns"]) == (0, True, 20, 20)
    assert report["objectives"]["p95_latency_ms(StreamAudio)"]["value"] == 500


def test_the_percentile_is_exact(judge):
    _, report = judge([call(Decision.COMPLETE)] + [turn(f"t{n}", first_text=n) for n in range(1, 101)])
    assert report["objectives"]["p95_latency_ms(StreamAudio)"]["value"] == 95


BREAKING = {
    "p95_latency_ms(StreamAudio)": [turn(f"slow{n}", first_text=1500) for n in range(2)],
    "error_rate(StreamAudio)": [call(Decision.ERROR)] * 2,
    "backpressure_refusal_rate": [call(Decision.REFUSE)] * 2,
    "degrade_rate": [degraded(f"t{n}") for n in range(5)],
}


@pytest.mark.parametrize("name", BREAKING)
def test_each_objective_breaks_alone(judge, name):
    code, report = judge(GOOD + BREAKING[name])
    assert code == 1
    assert [found for found, one in report["objectives"].items() if not one["kept"]] == [name]


def test_a_turn_that_failed_before_its_first_words_counts_to_its_end_and_a_cut_one_does_not(judge):
    failed = [turn(f"f{n}", Decision.ERROR, end=5000) for n in range(10)]
    assert judge(GOOD + failed)[1]["objectives"]["p95_latency_ms(StreamAudio)"]["value"] == 5000
    cut = [turn(f"c{n}", Decision.ABORT, end=5000) for n in range(10)]
    assert judge(GOOD + cut)[0] == 0


def test_cancels_are_no_errors(judge):
    code, report = judge(GOOD + [call(Decision.ABORT)] * 20)
    assert (code, report["calls"]) == (0, 40)


def test_starts_are_no_calls_of_their_own(judge):
    assert judge([call(Decision.START)] * 5)[0] == 3


def test_what_is_older_than_the_window_is_left_out(judge):
    old = [call(Decision.ERROR, ago=timedelta(minutes=20))] * 20
    assert judge(GOOD + old)[0] == 0
    assert judge(GOOD + old, "--window", "30m")[0] == 1


def test_too_few_calls_say_nothing(judge):
    assert judge([])[0] == 3
    assert judge(GOOD, "--min-calls", "21")[0] == 3
    assert judge(GOOD, "--min-calls", "20")[0] == 0


def test_the_objectives_are_settings(judge, monkeypatch):
    monkeypatch.setenv("NEXY_SLO__P95_LATENCY_MS", "400")
    assert judge(GOOD)[0] == 1


def test_a_broken_line_is_counted_not_hidden(judge):
    assert judge([*GOOD, "Traceback"])[1]["unread_lines"] == 1


def test_the_text_names_what_is_broken_and_what_to_look_at(judge, tmp_path):
    judge([*GOOD, *BREAKING["error_rate(StreamAudio)"], call(Decision.TRIP)])
    result = CliRunner().invoke(guard, [], standalone_mode=False)
    assert "error_rate(StreamAudio)" in result.stdout
    assert "nexy logs --decision trip" in result.stdout
    assert result.stdout.rstrip().endswith("BROKEN")


def test_without_a_log_it_says_where_it_looked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="data/logs"):
        CliRunner().invoke(guard, [], standalone_mode=False, catch_exceptions=False)


def test_the_defaults_are_the_canon_s():
    live = Config.load(environ={}).live
    assert live.get("slo.p95_latency_ms", float) == 1000
    assert live.get("slo.error_rate", float) == 0.05
