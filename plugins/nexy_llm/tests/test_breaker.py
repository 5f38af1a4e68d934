"""The breaker against a model of it: any order of outcomes, any passing of time."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from nexy_llm.breaker import Breaker

ALLOWED = 3
WAIT_SECONDS = 10.0


class BreakerMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker(ALLOWED, WAIT_SECONDS, clock=lambda: self.now)
        self.in_a_row = 0
        self.failed_at = 0.0
        self.turns = []

    @rule(seconds=st.sampled_from([0.5, 9.5, 10.0, 100.0]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule()
    def a_turn_asks(self):
        closed = self.in_a_row < ALLOWED
        waited = self.now >= self.failed_at + WAIT_SECONDS
        probing = any(self.turns)
        admitted = self.breaker.admit()
        assert admitted == (closed or (waited and not probing))
        if admitted:
            self.turns.append(not closed)

    @precondition(lambda self: self.turns)
    @rule(outcome=st.sampled_from(["succeeded", "failed", "interrupted"]), which=st.integers(0, 100))
    def a_turn_ends(self, outcome, which):
        probe = self.turns.pop(which % len(self.turns))
        if outcome == "interrupted":
            if probe:
                self.breaker.released()
            return
        getattr(self.breaker, outcome)()
        self.in_a_row = 0 if outcome == "succeeded" else self.in_a_row + 1
        self.failed_at = self.now if outcome == "failed" else self.failed_at
        self.turns = [False] * len(self.turns)  # any verdict ends what an older probe stood for

    @invariant()
    def open_after_enough_failures(self):
        assert self.breaker.open == (self.in_a_row >= ALLOWED)


TestBreaker = BreakerMachine.TestCase
