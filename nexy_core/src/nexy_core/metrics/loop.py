"""How late the event loop runs: what blocks it shows here first."""

import asyncio
import time

from nexy_core.metrics.figures import Metrics

SAMPLE_SECONDS = 0.5
_MS_PER_SECOND = 1000


async def measure_lateness(metrics: Metrics) -> None:
    """Sample for ever how much later than asked a sleep ends."""
    while True:
        due = time.monotonic() + SAMPLE_SECONDS
        await asyncio.sleep(SAMPLE_SECONDS)
        metrics.stage("loop_lateness", (time.monotonic() - due) * _MS_PER_SECOND)
