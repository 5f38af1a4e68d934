"""What observing costs: a decision line, a metric, reading a percentile, and all of it on, for each message.

Baselines: loguru writing a line to a file as its documentation shows it; a Prometheus histogram whose child is kept;
the same transport with nothing that observes it.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from loguru import logger
from nexy_core.config import Config
from nexy_core.decisions import Decision, DecisionLog
from nexy_core.metrics import Metrics
from prometheus_client import CollectorRegistry, Histogram

from benchmarks._wire import Server, server_ports
from benchmarks.harness import Comparison, Measure

US = 1_000_000
LINES = 5000
OBSERVATIONS = 50_000
READS = 20
ROUNDS = 41
SETTLE_SECONDS = 0.15
TURNS = {
    "a short answer (1 text, 12 audio)": (json.dumps([["text_chunk", 40, 1], ["audio_chunk", 8192, 12]]), 40),
    "an answer (4 texts, 60 audio)": (json.dumps([["text_chunk", 60, 4], ["audio_chunk", 8192, 60]]), 12),
}
METHOD = "/streaming.StreamingService/StreamAudio"


def per_item(work: Callable[[], object], items: int) -> Measure:
    """CPU microseconds of this thread for each item."""

    def run() -> float:
        started = time.thread_time()
        work()
        return (time.thread_time() - started) / items * US

    return run


def each(do: Callable[[float], object], values: Iterable[float]) -> None:
    for value in values:
        do(value)


def our_lines(log: DecisionLog) -> None:
    for n in range(LINES):
        log.write(Decision.COMPLETE, scope="grpc", method=METHOD, dur_ms=12, session="abcdef", chars=n, ok=True)


def their_lines(sink: Any) -> None:
    for n in range(LINES):
        sink.info("complete {} session={} chars={} ok={}", METHOD, "abcdef", n, True)


def comparisons() -> Iterator[Comparison]:
    yield from of_lines()
    yield from of_metrics()
    yield from of_messages()


def of_lines() -> Iterator[Comparison]:
    with tempfile.TemporaryDirectory() as folder:
        environ = {"NEXY_STORAGE__DATA_DIR": folder, "NEXY_LOG__BUFFER_LINES": str(LINES * 4)}
        log = DecisionLog.open(Config.load(environ=environ).live, console=False)
        log.observe = Metrics().decisions.add
        handler = logger.add(Path(folder) / "theirs.log", filter=lambda record: "theirs" in record["extra"])
        theirs = logger.bind(theirs=True)
        yield Comparison(
            "a decision line, on the loop",
            "µs CPU",
            per_item(lambda: our_lines(log), LINES),
            per_item(lambda: their_lines(theirs), LINES),
            "loguru to a file",
            at_most=5,
        )
        logger.remove(handler)
        log.close(10)


def of_metrics() -> Iterator[Comparison]:
    metrics = Metrics()
    stage = metrics.stages["first_token"]
    durations_ms = [float(n) for n in range(OBSERVATIONS)]
    child = Histogram("stage", "Stage.", ["stage"], registry=CollectorRegistry()).labels("first_token")
    yield Comparison(
        "a metric's observation",
        "µs CPU",
        per_item(lambda: each(stage.observe, durations_ms), OBSERVATIONS),
        per_item(lambda: each(child.observe, durations_ms), OBSERVATIONS),
        "prometheus; both kept",
        at_most=1,
    )
    yield Comparison(
        "reading a p95",
        "µs CPU",
        per_item(lambda: [stage.percentile(0.95) for _ in range(READS)], READS),
        at_most=1000,
    )
    yield Comparison("a whole snapshot", "µs CPU", per_item(lambda: [metrics.snapshot() for _ in range(READS)], READS))


def of_messages() -> Iterator[Comparison]:
    with server_ports("benchmarks._observed_wire") as (observed, unobserved):
        for name, (script, turns) in TURNS.items():
            yield Comparison(
                f"all observability on: {name}",
                "CPU µs/message",
                cpu_of(observed, script, turns),
                cpu_of(unobserved, script, turns),
                "the same, unobserved",
                ROUNDS,
                ratio_at_most=1.1,
            )


def cpu_of(server: Server, script: str, turns: int) -> Measure:
    """CPU µs a message, with what the log's writer does after the last of them."""

    def once() -> float:
        server.turn(script)
        time.sleep(SETTLE_SECONDS)
        before = server.cpu_us()
        sent = sum(len(server.turn(script)) for _ in range(turns))
        time.sleep(SETTLE_SECONDS)
        return (server.cpu_us() - before) / sent

    return once
