"""The speech capability in this process, and what its CPU time buys."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self

import uvloop
from nexy_tts.options import SETTINGS
from nexy_tts.synthesizer import PiperSynthesizer

from benchmarks import _piper as piper
from benchmarks._listeners import BYTES_PER_SECOND, MS
from benchmarks.harness import Measure
from nexy_core import LiveSettings, Sentence, Settings

SPOKEN = (
    "The oldest lighthouse on this coast was built by sailors who had lost their friends in the winter storms.",
    "It took them eleven summers, and every stone was carried from the quarry on their backs.",
    "Today it is a museum that children like to visit.",
)
LONG = "They walked on and on along the river until the evening came over the hills and the stars came out. " * 3
MOMENTS_SECONDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
SPEAKERS = 3


class Synthesis:
    """A context manager: the voice is loaded on entry and gone on exit."""

    def __init__(self) -> None:
        values = {setting.key: setting.default for setting in SETTINGS}
        values |= {"tts.cache_bytes": 0, "tts.noise_scale": 0.0, "tts.noise_w": 0.0, "storage.data_dir": ""}
        self._synthesizer = PiperSynthesizer(LiveSettings(Settings("prod", values, {})))
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._turns = map(str, itertools.count())
        self._moments = itertools.cycle(MOMENTS_SECONDS)
        self._piper = piper.load_piper()

    def __enter__(self) -> Self:
        self._runner.run(self._synthesizer.initialize())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._synthesizer.cleanup())
        self._runner.close()

    async def _say(self, spoken: Sequence[str]) -> int:
        """How many bytes ``spoken`` takes, as one turn."""
        turn = next(self._turns)
        size = 0
        for index, text in enumerate(spoken):
            async for chunk in self._synthesizer.process(Sentence(turn, index, text, text)):
                size += len(chunk.data)
        return size

    async def _say_together(self) -> int:
        return sum(await asyncio.gather(*(self._say(SPOKEN) for _ in range(SPEAKERS))))

    def cpu_alone(self) -> float:
        """CPU ms a second of speech with one speaker."""
        return _cpu_ms_per_second(lambda: self._runner.run(self._say(SPOKEN)) / BYTES_PER_SECOND)

    def cpu_of_several(self) -> float:
        """The same with more speakers than cores."""
        return _cpu_ms_per_second(lambda: self._runner.run(self._say_together()) / BYTES_PER_SECOND)

    def bare_cpu(self, threads: int, *, callers: int = 1) -> Measure:
        """The same for `session.run` alone, over and over, from so many threads at once."""
        session, feeds = piper.bare_session(threads), piper.feeds(self._piper, SPOKEN)
        rate = self._piper.config.sample_rate

        def speak(_: int) -> float:
            return float(sum(session.run(None, feed)[0].size for feed in feeds) / rate)

        def all_at_once() -> float:
            with ThreadPoolExecutor(callers) as pool:
                return sum(pool.map(speak, range(callers)))

        return lambda: _cpu_ms_per_second(all_at_once)

    def burnt(self) -> tuple[Measure, Measure]:
        """CPU ms that a synthesis still takes after it was given up: ours, and a thread that nobody stops."""

        def ours() -> float:
            return self._runner.run(self._abandon(next(self._moments)))

        return ours, lambda: piper.burnt_after_cancel_ms(self._piper, LONG, next(self._moments))

    async def _abandon(self, after_seconds: float) -> float:
        task = asyncio.create_task(self._say([LONG]))
        await asyncio.sleep(after_seconds)
        before = time.process_time()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        while self._synthesizer.status().figures["workers_busy"]:
            await asyncio.sleep(0.0005)
        return (time.process_time() - before) * MS


def _cpu_ms_per_second(speak: Callable[[], float]) -> float:
    before = time.process_time()
    seconds = speak()
    return (time.process_time() - before) * MS / seconds
