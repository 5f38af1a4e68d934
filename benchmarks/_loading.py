"""Loads the language model's plugin beside a heartbeat and prints the longest time between two beats, in ms of CPU.

``ours`` is how the plugin does it; ``plain`` imports litellm in a thread and makes its first call on the loop.
"""

import asyncio
import contextlib
import sys
import time

from nexy_llm import warmup
from nexy_llm.gateway import Gateway
from nexy_llm.settings import SETTINGS, Limits

from nexy_core import LiveSettings, Settings

MILLISECONDS = 1000
BEAT_SECONDS = 0.001


async def beat(gaps: list[float]) -> None:
    last = time.process_time()
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        now = time.process_time()
        gaps.append(now - last)
        last = now


async def load(way: str) -> None:
    limits = Limits.read(LiveSettings(Settings("dev", {setting.key: setting.default for setting in SETTINGS}, {})))
    gateway = Gateway()
    if way == "ours":
        await asyncio.to_thread(warmup.load, gateway, limits)
    else:
        await asyncio.to_thread(gateway.load)
        await warmup.rehearse(gateway, limits)


async def main(way: str) -> float:
    gaps: list[float] = []
    beating = asyncio.create_task(beat(gaps))
    await load(way)
    beating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await beating
    return max(gaps) * MILLISECONDS


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1])))
