"""One watch over all running calls: a capability that stays silent too long is given up."""

import asyncio

from nexy_core.plugins.route import Supervision
from nexy_core.settings import LiveSettings

SWEEP_SECONDS = 0.25


async def watch_stalls(supervision: Supervision, settings: LiveSettings) -> None:
    """Cancel calls that wait longer than ``plugins.stall_timeout_seconds`` for their capability's next event."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        limit = settings.get("plugins.stall_timeout_seconds", float)
        for call in list(supervision.calls):
            if call.waiting_since and not call.stalled and loop.time() - call.waiting_since > limit:
                call.stalled = True
                if call.task is not None:
                    call.task.cancel()
