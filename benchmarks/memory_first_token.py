"""What memory adds to the time to the first token: the turn waits for ``Recall`` before it asks the model.

The baseline is the same turn's wait with memory off, an iterator that yields nothing; it is taken off. Each question
comes as it does from a client that sends COLLECT while the user speaks: nothing of the user is at hand before, memory
looks ahead at what was heard, then the question is timed. "Unannounced" leaves the look ahead out.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np

from benchmarks._memory import Bench, bench, drain
from benchmarks.harness import Comparison
from nexy_core import Recall, Remember

TIMES = 100
QUESTION = "which garden tea does my sister like in winter"


async def nothing() -> AsyncIterator[Any]:
    for event in ():
        yield event


def added_ms(bench_: Bench, *, announced: bool = True) -> Callable[[], float]:
    for number in range(4):
        remember = Remember("first", "s", f"t{time.perf_counter_ns()}", number, "Hello there", "Hello to you", False)
        bench_.run(drain(bench_.memory.process(remember)))
    return lambda: float(np.median([_waited_ms(bench_, announced=announced) - _off_ms(bench_) for _ in range(TIMES)]))


def _off_ms(bench_: Bench) -> float:
    began = time.perf_counter()
    bench_.run(drain(nothing()))
    return (time.perf_counter() - began) * 1000


def _waited_ms(bench_: Bench, *, announced: bool) -> float:
    work = bench_.memory._work  # noqa: SLF001  # everybody else's questions have driven this user's rows out
    assert work is not None
    work._facts._shelves.clear()  # noqa: SLF001
    if announced:
        bench_.run(drain(bench_.memory.process(Recall("first", "s", QUESTION, ahead=True))))
    began = time.perf_counter()
    bench_.run(drain(bench_.memory.process(Recall("first", "s", QUESTION))))
    return (time.perf_counter() - began) * 1000


def comparisons() -> Iterator[Comparison]:
    with bench(memory__consent=False) as anonymous, bench() as known, bench(memory__semantic="on") as semantic:
        known.fill(200_000)
        semantic.fill(1_000)

        def off() -> float:
            return float(np.median([_off_ms(anonymous) for _ in range(TIMES)]))

        for name, measure in (
            ("no consent", added_ms(anonymous)),
            ("500 facts of 200,000", added_ms(known)),
            ("500 facts, by meaning too", added_ms(semantic)),
            ("500 facts, unannounced", added_ms(known, announced=False)),
        ):
            yield Comparison(f"added to the first token, {name}", "ms", measure, off, "memory off", at_most=1)
