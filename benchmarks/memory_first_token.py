"""What memory adds to the time to the first token: the turn waits for ``Recall`` before it asks the model.

The baseline is the same turn's wait with memory off: an iterator that yields nothing.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from benchmarks._memory import Bench, bench, drain, median_ms
from benchmarks.harness import Comparison
from nexy_core import Recall, Remember

TIMES = 200
QUESTION = "which garden tea does my sister like in winter"


async def nothing() -> AsyncIterator[Any]:
    for event in ():
        yield event


def recall(bench_: Bench) -> Callable[[], float]:
    for number in range(4):
        remember = Remember("first", "s", f"t{time.perf_counter_ns()}", number, "Hello there", "Hello to you", False)
        bench_.run(drain(bench_.memory.process(remember)))
    return lambda: median_ms(lambda: bench_.run(drain(bench_.memory.process(Recall("first", "s", QUESTION)))), TIMES)


def comparisons() -> Iterator[Comparison]:
    with bench(memory__consent=False) as anonymous, bench() as known, bench(memory__semantic="on") as semantic:
        known.fill(200_000)
        semantic.fill(1_000)

        def off() -> float:
            return median_ms(lambda: anonymous.run(drain(nothing())), TIMES)

        yield Comparison("first token, no consent", "ms", recall(anonymous), off, "memory off")
        yield Comparison("first token, 500 facts of 200,000", "ms", recall(known), off, "memory off")
        yield Comparison("first token, embedding prefetched", "ms", recall(semantic), off, "memory off")
