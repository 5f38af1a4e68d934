"""How late the event loop runs, and how many tasks it has: what blocks it or is left behind shows here first."""

import asyncio
import time

from nexy_core.metrics.figures import Metrics

SAMPLE_SECONDS = 0.5
_MS_PER_SECOND = 1000


async def measure_lateness(metrics: Metrics) -> None:
    """Count the loop's tasks whenever somebody looks; sample for ever how much later than asked a sleep ends."""
    loop = asyncio.get_running_loop()
    metrics.gauge("loop_tasks", "Tasks of the event loop.", lambda: len(asyncio.all_tasks(loop)))
    while True:
        due = time.monotonic() + SAMPLE_SECONDS
        await asyncio.sleep(SAMPLE_SECONDS)
        metrics.stage("loop_lateness", (time.monotonic() - due) * _MS_PER_SECOND)
