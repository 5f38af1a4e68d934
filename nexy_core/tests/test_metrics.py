"""Figures of the last 60 seconds, against a plain recomputation; the Prometheus text, through its own parser."""

import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_core.decisions import Decision
from nexy_core.metrics import RPCS, STAGES, Metrics, expose
from nexy_core.metrics.windows import WINDOW_SECONDS, Distribution, SharedSlots, Slots
from prometheus_client.parser import text_string_to_metric_families

STREAM = "/streaming.StreamingService/StreamAudio"
USAGE = "/streaming.StreamingService/ReportUsage"
BUCKET_ERROR = 0.024


class Clock:
    """Time that the test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def exact_percentile(values, share):
    values = sorted(values)
    return values[max(0, math.ceil(share * len(values)) - 1)]


@given(st.lists(st.floats(min_value=0.01, max_value=1e7), min_size=1, max_size=300), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_percentile_is_within_its_bucket_of_the_exact_one(values, share):
    distribution = Distribution(Clock())
    for value in values:
        distribution.observe(value)
    assert distribution.percentile(share) == pytest.approx(exact_percentile(values, share), rel=BUCKET_ERROR)


@given(st.lists(st.tuples(st.floats(min_value=0, max_value=40), st.sampled_from("abc")), max_size=60))
def test_counts_are_those_of_the_window_and_totals_those_of_all_time(steps):
    clock = Clock()
    slots, seen = Slots(clock), []
    for step, key in steps:
        clock.now += step
        slots.add(key)
        seen.append((int(clock.now), key))
    recent = [key for second, key in seen if second > int(clock.now) - WINDOW_SECONDS]
    assert slots.window() == {key: recent.count(key) for key in set(recent)}
    everything = [key for _, key in seen]
    assert slots.total() == {key: everything.count(key) for key in set(everything)}


def test_what_is_a_minute_old_has_left_the_window(clock):
    slots = Slots(clock)
    slots.add("a")
    clock.now += WINDOW_SECONDS - 1
    assert slots.window() == {"a": 1}
    clock.now += 1
    assert slots.window() == {}
    assert slots.total() == {"a": 1}


def test_threads_that_count_at_once_lose_nothing():
    slots = SharedSlots()
    threads = [threading.Thread(target=lambda: [slots.add("a") for _ in range(20_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert slots.total() == {"a": 80_000}


def test_memory_does_not_grow_with_time(clock):
    slots = Slots(clock)
    for _ in range(1000):
        clock.now += 1
        slots.add("a")
    assert len(slots._counts) == WINDOW_SECONDS
    assert slots.total() == {"a": 1000}


@pytest.mark.parametrize("value", [0.0, -1.0, 1e300, math.inf])
def test_absurd_durations_land_in_the_outermost_buckets(value):
    distribution = Distribution(Clock())
    distribution.observe(value)
    assert distribution.percentile(0.5) is not None


def test_errors_count_cancels_do_not_and_refusals_have_their_own_rate(clock):
    metrics = Metrics(clock)
    for _ in range(6):
        metrics.observe(STREAM, 100)
    metrics.observe(STREAM, 100, error=True)
    metrics.observe(STREAM, 100_000, cancelled=True)
    for _ in range(2):
        metrics.refused(STREAM)
    found = metrics.snapshot()
    assert found["error_rate"] == {"StreamAudio": 1 / 8}
    assert found["backpressure_refusal_rate"] == 2 / 10
    assert found["calls"] == 10


def test_the_latency_of_a_turn_is_the_time_to_its_first_words(clock):
    metrics = Metrics(clock)
    metrics.observe(STREAM, 60_000)
    metrics.turn_ended({"first_token": 100, "first_text": 200, "first_audio": 400, "end": 60_000})
    metrics.turn_ended({"end": 200})
    metrics.turn_ended({"end": 90_000}, cancelled=True)
    found = metrics.snapshot()
    assert found["p95_latency_ms"]["StreamAudio"] == pytest.approx(200, rel=BUCKET_ERROR)
    assert found["stage_p50_ms"]["first_audio"] == pytest.approx(400, rel=BUCKET_ERROR)


def test_the_latency_of_another_call_is_its_own_without_the_cancelled(clock):
    metrics = Metrics(clock)
    metrics.observe(USAGE, 10)
    metrics.observe(USAGE, 10_000, cancelled=True)
    assert metrics.snapshot()["p95_latency_ms"] == {"ReportUsage": pytest.approx(10, rel=BUCKET_ERROR)}


def test_without_calls_there_are_no_figures_and_no_division_by_zero(clock):
    found = Metrics(clock).snapshot()
    assert found["p95_latency_ms"] == {}
    assert found["error_rate"] == {}
    assert found["backpressure_refusal_rate"] == 0.0


def test_decisions_are_a_rate_by_type(clock):
    metrics = Metrics(clock)
    for _ in range(30):
        metrics.decisions.add(Decision.REFUSE)
    assert metrics.snapshot()["decision_rate"] == {"refuse": 0.5}
    clock.now += WINDOW_SECONDS
    assert metrics.snapshot()["decision_rate"] == {}


def test_an_unknown_method_makes_no_label_of_its_own(clock):
    metrics = Metrics(clock)
    metrics.observe("/evil/" + "x" * 1000, 1)
    assert list(metrics.snapshot()["error_rate"]) == ["other"]


def test_gauges_are_read_when_somebody_looks(clock):
    metrics = Metrics(clock)
    depth = [1.0]
    metrics.gauge("queue_depth", "How many wait.", lambda: depth[0])
    depth[0] = 3.0
    assert metrics.snapshot()["gauges"] == {"queue_depth": 3.0}
    assert samples(metrics)["nexy_queue_depth", ()] == 3.0


def samples(metrics):
    families = text_string_to_metric_families(expose(metrics).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_exposition_agrees_with_the_snapshot(clock):
    metrics = Metrics(clock)
    for n in range(1, 101):
        metrics.observe(STREAM, n * 10)
        metrics.turn_ended({"first_text": n * 10})
        metrics.stage("first_token", n)
    metrics.observe(STREAM, 5, error=True)
    metrics.decisions.add(Decision.START)
    found, snapshot = samples(metrics), metrics.snapshot()
    rpc = (("rpc", "StreamAudio"),)
    assert found["nexy_p95_latency_ms", rpc] == pytest.approx(snapshot["p95_latency_ms"]["StreamAudio"], abs=1e-3)
    assert found["nexy_error_rate", rpc] == snapshot["error_rate"]["StreamAudio"]
    assert found["nexy_decision_rate", (("type", "start"),)] == pytest.approx(1 / 60)
    assert found["nexy_calls_total", (("outcome", "ok"), *rpc)] == 100
    assert found["nexy_stage_seconds_count", (("stage", "first_token"),)] == 100
    assert found["nexy_stage_seconds_sum", (("stage", "first_token"),)] == pytest.approx(5.05)
    assert found["nexy_process_resident_bytes", ()] > 1e6


def test_a_histogram_s_buckets_are_cumulative_and_true(clock):
    metrics = Metrics(clock)
    values = [0.5, 5, 50, 500, 5000, 50_000]
    for value in values:
        metrics.stage("end", value)
    buckets = {
        float(dict(labels)["le"]): value
        for (name, labels), value in samples(metrics).items()
        if name == "nexy_stage_seconds_bucket" and dict(labels)["stage"] == "end"
    }
    for bound, count in buckets.items():
        assert count == sum(value < bound * 1000 for value in values)


def test_every_label_is_there_from_the_start(clock):
    empty, metrics = samples(Metrics(clock)), Metrics(clock)
    for rpc in RPCS:
        metrics.observe(f"/s/{rpc}", 1)
    for stage in STAGES:
        metrics.stage(stage, 1)
    for decision in Decision:
        metrics.decisions.add(decision)
    assert samples(metrics).keys() == empty.keys()
