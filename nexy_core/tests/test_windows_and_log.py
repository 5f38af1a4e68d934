"""The figures of each 60-second window are those that its log lines give, over minutes of calls on a test clock."""

import random
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import grpc
import pytest
from nexy_core.config import Config
from nexy_core.decisions import Decision, DecisionLog, parse_line
from nexy_core.errors import Cancelled, ErrorType, NexyError, RateLimitExceeded
from nexy_core.metrics import RPCS, Metrics
from nexy_core.metrics.objectives import tally
from nexy_core.metrics.windows import WINDOW_SECONDS
from nexy_core.observation import Observation
from nexy_core.trace import TurnTrace
from nexy_core.transport.interceptors import Failures, LoggingInterceptor

START = 1_800_000_000.25
MINUTES = 4
BUCKET_ERROR = 0.024
WAIT_SECONDS = 10


class Context:
    """A call whose client is there."""

    def done(self):
        return False

    async def abort(self, *_):
        raise grpc.aio.AbortError


class Calls:
    """Calls through the real interceptor, turns through the real observation."""

    def __init__(self, observation):
        self.observation = observation
        failures = Failures(observation.log, lambda _: ErrorType.INTERNAL)
        self.interceptor = LoggingInterceptor(observation.log, observation.metrics, failures)

    async def call(self, rpc, failure=None):
        async def handler(_request, _context):
            if failure is not None:
                raise failure

        async def found(_details):
            return grpc.unary_unary_rpc_method_handler(handler)

        details = SimpleNamespace(method=f"/streaming.StreamingService/{rpc}")
        wrapped = await LoggingInterceptor.intercept_service(self.interceptor, found, details)
        self.interceptor._wrapped.clear()
        try:
            await wrapped.unary_unary(None, Context())
        except (NexyError, grpc.aio.AbortError):
            return

    def turn(self, outcome, **marks_ms):
        trace = TurnTrace("turn", "session", "device", outcome=outcome, marks_ms=marks_ms)
        self.observation.turn_ended(trace)


@pytest.fixture
def clock(monkeypatch):
    now = [START]
    fake = SimpleNamespace(time=lambda: now[0], strftime=time.strftime, gmtime=time.gmtime)
    monkeypatch.setattr("nexy_core.decisions.log.time", fake)
    return now


async def test_every_minute_s_figures_are_those_of_its_lines(tmp_path, monkeypatch, clock):
    monkeypatch.chdir(tmp_path)
    config = Config.load(environ={})
    log = DecisionLog.open(config.live, console=False)
    observation = Observation(config, log, Metrics(lambda: clock[0]))
    calls, dice = Calls(observation), random.Random(9)
    refused = RateLimitExceeded("Slower.", retry_after_seconds=1.0)
    failures = [None, None, NexyError("No."), refused, Cancelled("Stopped.", reason="interrupted")]
    snapshots = []
    for second in range(MINUTES * WINDOW_SECONDS):
        for _ in range(dice.randrange(4)):
            clock[0] += 0.1
            await calls.call(dice.choice(RPCS), dice.choice(failures))
            first = dice.lognormvariate(6, 1)
            calls.turn(dice.choice(["complete", "internal", "cut"]), first_text=first, end=first + 100)
        clock[0] = START + second + 1
        if dice.random() < 0.05:
            snapshots.append((clock[0], observation.metrics.snapshot()))
    log.close(WAIT_SECONDS)
    text = (tmp_path / "data" / "logs" / "nexy.log").read_text()
    lines = [parse_line(line) for line in text.splitlines()]
    assert len(snapshots) > MINUTES
    for now, figures in snapshots:
        agree(figures, tally(line for line in lines if in_window(line, now)))


def in_window(line, now):
    oldest = int(now) - WINDOW_SECONDS
    return oldest < int(line.ts.timestamp()) and line.ts <= datetime.fromtimestamp(now, UTC)


def agree(figures, counted):
    assert figures["calls"] == counted.ended()
    for rpc in RPCS:
        assert figures["error_rate"].get(rpc) == pytest.approx(counted.error_rate(rpc), abs=1e-4)
    assert figures["backpressure_refusal_rate"] == pytest.approx(counted.refusal_rate(), abs=1e-4)
    assert figures["p95_latency_ms"]["StreamAudio"] == pytest.approx(counted.p95_latency_ms(), rel=BUCKET_ERROR)
    rates = {Decision(name): round(rate * WINDOW_SECONDS) for name, rate in figures["decision_rate"].items()}
    assert rates == counted.decisions
