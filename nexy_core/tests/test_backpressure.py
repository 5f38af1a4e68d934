"""Admission: buckets that start full, slots that never leak, a table with a cap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_core.backpressure import Admission, RateLimiter, TokenBucket
from nexy_core.errors import RateLimitExceeded, StreamLimitExceeded
from nexy_core.settings import LiveSettings, Settings

VALUES = {
    "backpressure.max_concurrent_streams": 2,
    "backpressure.max_message_rate_per_second": 5,
    "backpressure.max_collect_rate_per_second": 20,
    "backpressure.retry_after_seconds": 60.0,
    "backpressure.max_devices": 10,
    "backpressure.max_speech_backlog_seconds": 3.0,
    "backpressure.speech_per_turn_seconds": 6.0,
}


def admission(real_time_factor=0.0, **changes):
    return Admission(LiveSettings(Settings("local", {**VALUES, **changes}, {})), lambda: real_time_factor)


def test_a_bucket_starts_full_and_says_when_the_next_message_fits():
    gate = admission()
    for _ in range(5):
        gate.check_message("A")
    with pytest.raises(RateLimitExceeded) as refused:
        gate.check_message("A")
    assert 0 < refused.value.retry_after_seconds <= 1 / 5


def test_one_device_never_spends_anothers_messages():
    gate = admission()
    for _ in range(5):
        gate.check_message("A")
    gate.check_message("B")


def test_speaking_never_trips_the_message_rate():
    gate = admission()
    for _ in range(20):
        gate.check_collect("A")
    gate.check_message("A")


@given(st.lists(st.floats(0, 3), max_size=60), st.floats(0.5, 20))
def test_a_bucket_never_lets_more_through_than_its_rate(gaps, rate):
    bucket, now, taken = TokenBucket(max(rate, 1.0), 0.0), 0.0, 0
    for gap in gaps:
        now += gap
        if bucket.take(rate, max(rate, 1.0), now) == 0.0:
            taken += 1
    assert taken <= max(rate, 1.0) + rate * now + 1e-6


@given(st.floats(0.5, 20))
def test_waiting_as_told_is_enough(rate):
    bucket = TokenBucket(0.0, 0.0)
    wait = bucket.take(rate, max(rate, 1.0), 0.0)
    assert wait > 0
    assert bucket.take(rate, max(rate, 1.0), wait + 1e-6) == 0.0


def test_the_device_table_has_a_cap_and_forgets_the_quietest():
    limiter = RateLimiter()
    for number in range(25):
        limiter.check(f"device-{number}", 5.0, max_devices=10)
    assert len(limiter) == 10


def test_slots_are_given_and_taken_back():
    gate = admission()
    gate.take_slot(0.0)
    gate.take_slot(0.0)
    with pytest.raises(StreamLimitExceeded) as refused:
        gate.take_slot(0.0)
    assert refused.value.retry_after_seconds == 60
    gate.free_slot()
    gate.take_slot(0.0)


def test_speech_already_owed_refuses_new_turns_but_never_the_only_one():
    gate = admission()
    gate.take_slot(99.0)
    with pytest.raises(StreamLimitExceeded) as refused:
        gate.take_slot(99.0)
    assert refused.value.reason == "speech_owed"


def admitted(gate, burst):
    count = 0
    for _ in range(burst):
        try:
            gate.take_slot(0.0)
        except StreamLimitExceeded as refused:
            assert refused.reason == "speech_owed"
        else:
            count += 1
    return count


@pytest.mark.parametrize(("speed", "expected"), [(2.0, 2), (5.0, 3), (14.0, 8), (1000.0, 12)])
def test_a_burst_is_let_in_as_far_as_the_voice_can_keep_up_though_nothing_is_owed_yet(speed, expected):
    gate = admission(1 / speed, **{"backpressure.max_concurrent_streams": 50})
    assert admitted(gate, 12) == expected
    gate.free_slot()
    assert admitted(gate, 12) == (1 if expected < 12 else 12)


def test_without_a_voice_speech_refuses_nobody():
    assert admitted(admission(0.0, **{"backpressure.max_concurrent_streams": 50}), 50) == 50


def test_the_expected_speech_follows_its_setting():
    ample = {"backpressure.max_concurrent_streams": 50, "backpressure.speech_per_turn_seconds": 0.0}
    assert admitted(admission(1.0, **ample), 50) == 50
