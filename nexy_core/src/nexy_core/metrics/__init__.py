"""The metrics: counted in a microsecond, read by /status, the log and Prometheus."""

from nexy_core.metrics.exposition import expose
from nexy_core.metrics.figures import OUTCOMES, RPCS, STAGES, Metrics
from nexy_core.metrics.loop import measure_lateness

__all__ = ["OUTCOMES", "RPCS", "STAGES", "Metrics", "expose", "measure_lateness"]
