"""The metrics: counted in a microsecond, read by /status, the log and Prometheus."""

from nexy_core.metrics import exposition as _exposition  # noqa: F401  # imported now, not at the first scrape
from nexy_core.metrics.figures import OUTCOMES, RPCS, STAGES, Metrics
from nexy_core.metrics.loop import measure_lateness

__all__ = ["OUTCOMES", "RPCS", "STAGES", "Metrics", "measure_lateness"]
