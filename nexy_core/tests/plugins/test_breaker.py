"""The circuit breaker against every order of calls."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from nexy_core.plugins.breaker import STRIKE_MEMORY, Breaker
from nexy_core.testing import FakeClock

ALLOWED = 3
RESET_SECONDS = 10.0


@pytest.fixture
def clock():
    return FakeClock()


def breaker_on(clock):
    return Breaker(lambda: ALLOWED, lambda: RESET_SECONDS, clock)


class Calls(RuleBasedStateMachine):
    """A model of it beside the real one; time passes in whole rests, too few for a strike to fade."""

    def __init__(self):
        super().__init__()
        self.clock = FakeClock()
        self.breaker = breaker_on(self.clock)
        self.in_a_row = self.strikes = self.rests = 0
        self.opened_at = None

    @property
    def rested(self):
        return self.opened_at is None or self.clock.now - self.opened_at >= RESET_SECONDS

    @invariant()
    def calls_go_through_exactly_when_closed_or_rested(self):
        assert self.breaker.allows() is self.rested
        assert self.breaker.is_open is (self.opened_at is not None)

    @precondition(lambda self: self.rests < STRIKE_MEMORY - 1)
    @rule()
    def rest(self):
        self.rests += 1
        self.clock.advance(RESET_SECONDS)

    @rule()
    def strike(self):
        self.strikes += 1
        opens = self.opened_at is None and self.strikes >= ALLOWED
        assert self.breaker.strike() is opens
        self.opened_at = self.clock.now if opens else self.opened_at

    @precondition(lambda self: self.rested)
    @rule(outcome=st.sampled_from(["succeed", "fail", "abandon"]))
    def call(self, outcome):
        self.breaker.begin()
        assert self.breaker.allows() is (self.opened_at is None), "one probe at a time"
        getattr(self.breaker, outcome)()
        if outcome == "succeed":
            self.strikes = 0 if self.opened_at is not None else self.strikes
            self.in_a_row, self.opened_at = 0, None
        elif outcome == "fail":
            self.in_a_row += 1
            if self.opened_at is not None or self.in_a_row >= ALLOWED:
                self.opened_at = self.clock.now


TestCalls = Calls.TestCase


def test_it_says_once_that_it_opened_and_once_that_it_closed(clock):
    breaker = breaker_on(clock)
    assert [breaker.fail() for _ in range(4)] == [False, False, True, False]
    clock.advance(RESET_SECONDS)
    breaker.begin()
    assert breaker.fail() is False
    assert not breaker.allows(), "a failed probe starts the rest anew"
    clock.advance(RESET_SECONDS)
    breaker.begin()
    assert breaker.succeed() is True
    assert breaker.succeed() is False
    assert (breaker.failures, breaker.is_open) == (5, False)


def test_strikes_add_up_across_successes_and_fade_with_time(clock):
    breaker = breaker_on(clock)
    assert breaker.strike() is False
    breaker.succeed()
    assert breaker.strike() is False
    clock.advance(STRIKE_MEMORY * RESET_SECONDS + 1)
    assert breaker.strike() is False
    breaker.succeed()
    assert [breaker.strike(), breaker.strike()] == [False, True]
