"""The metrics in Prometheus' format, with every label set there from the start."""

import math
from collections.abc import Iterator

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from nexy_core.decisions import Decision
from nexy_core.metrics.figures import OUTCOMES, P95, Metrics, error_rate, refusal_rate
from nexy_core.metrics.windows import WINDOW_SECONDS, Distribution

_STEPS_PER_DECADE = 5
_FIRST_EXPONENT = -5
_LAST_EXPONENT = 25
MS_PER_SECOND = 1000
BOUNDS_MS = tuple(10 ** (step / _STEPS_PER_DECADE) for step in range(_FIRST_EXPONENT, _LAST_EXPONENT + 1))


def expose(metrics: Metrics) -> bytes:
    """The Prometheus text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(metrics))
    return generate_latest(registry)


class _Families:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._canon()
        yield from self._counters()
        yield _histogram(
            "nexy_rpc_latency_seconds",
            "Time to a call's end; of StreamAudio, to its first words.",
            "rpc",
            self._metrics.latency,
        )
        yield _histogram(
            "nexy_stage_seconds", "When a turn reached a stage, and other waits.", "stage", self._metrics.stages
        )
        for gauge in self._metrics.gauges.values():
            yield GaugeMetricFamily(f"nexy_{gauge.name}", gauge.text, gauge.read())
        yield from _process()

    def _canon(self) -> Iterator[Metric]:
        calls = self._metrics.calls.window()
        latency = GaugeMetricFamily("nexy_p95_latency_ms", "95th percentile of the last minute.", labels=["rpc"])
        errors = GaugeMetricFamily(
            "nexy_error_rate", "Errors among the calls served in the last minute.", labels=["rpc"]
        )
        for rpc, distribution in self._metrics.latency.items():
            latency.add_metric([rpc], _known(distribution.percentile(P95)))
            errors.add_metric([rpc], error_rate(calls, rpc) or 0.0)
        yield latency
        yield errors
        text = "Refusals among the calls of the last minute."
        yield GaugeMetricFamily("nexy_backpressure_refusal_rate", text, refusal_rate(calls))
        rates = GaugeMetricFamily("nexy_decision_rate", "Decisions a second, over the last minute.", labels=["type"])
        decided = self._metrics.decisions.window()
        for decision in Decision:
            rates.add_metric([decision.value], decided.get(decision, 0) / WINDOW_SECONDS)
        yield rates

    def _counters(self) -> Iterator[Metric]:
        calls = CounterMetricFamily("nexy_calls", "Calls since the start.", labels=["rpc", "outcome"])
        total = self._metrics.calls.total()
        for rpc in self._metrics.latency:
            for outcome in OUTCOMES:
                calls.add_metric([rpc, outcome], total.get(f"{rpc} {outcome}", 0))
        yield calls
        decisions = CounterMetricFamily("nexy_decisions", "Decisions since the start.", labels=["type"])
        decided = self._metrics.decisions.total()
        for decision in Decision:
            decisions.add_metric([decision.value], decided.get(decision, 0))
        yield decisions


def _histogram(name: str, text: str, label: str, series: dict[str, Distribution]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=[label])
    for value, distribution in series.items():
        buckets = [
            ("+Inf" if math.isinf(bound) else f"{bound / MS_PER_SECOND:.4g}", count)
            for bound, count in distribution.cumulative(BOUNDS_MS)
        ]
        family.add_metric([value], buckets, distribution.sum / MS_PER_SECOND)
    return family


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _process() -> Iterator[Metric]:
    process = psutil.Process()
    with process.oneshot():
        times = process.cpu_times()
        yield CounterMetricFamily("nexy_process_cpu_seconds", "CPU time used.", times.user + times.system)
        yield GaugeMetricFamily("nexy_process_resident_bytes", "Memory in use.", process.memory_info().rss)
        yield GaugeMetricFamily("nexy_process_threads", "Threads.", process.num_threads())
        yield GaugeMetricFamily("nexy_process_handles", "Open files and sockets.", process.num_fds())
        yield GaugeMetricFamily("nexy_process_start_time_seconds", "When it started.", process.create_time())
