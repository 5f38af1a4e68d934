"""What memory adds to the time to the first token: the turn waits for ``Recall`` before it asks the model.

The baseline is the same turn's wait with memory off, an iterator that yields nothing; it is taken off.

Four ways a question comes. Announced: nothing of the user is at hand, a COLLECT says what was heard so far, then the
question is timed. Going on: nothing announces it, but the user asked something a moment ago. Coming back: they did so
within a day, or before the server's restart; whether they agreed and what was said last must be read. Out of the blue:
nothing is at hand, so their facts must be read too.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np

from benchmarks._memory import Bench, bench, drain, median_ms
from benchmarks.harness import Comparison
from nexy_core import Recall, Remember

TIMES = 100
QUESTION = "which garden tea does my sister like in winter"


async def nothing() -> AsyncIterator[Any]:
    nobody: tuple[Any, ...] = ()
    for event in nobody:
        yield event


def added_ms(bench_: Bench, before: Callable[[Bench], None]) -> Callable[[], float]:
    for number in range(4):
        remember = Remember("first", "s", f"t{time.perf_counter_ns()}", number, "Hello there", "Hello to you", False)
        bench_.run(drain(bench_.memory.process(remember)))
    ask(bench_)

    def once() -> float:
        before(bench_)
        return median_ms(lambda: ask(bench_), 1) - off_ms(bench_, 1)

    return lambda: float(np.median([once() for _ in range(TIMES)]))


def ask(bench_: Bench, *, ahead: bool = False) -> None:
    bench_.run(drain(bench_.memory.process(Recall("first", "s", QUESTION, ahead=ahead))))


def coming_back(bench_: Bench) -> None:
    """Their facts are kept, or were read when the server started."""
    work = bench_.memory._work  # noqa: SLF001
    assert work is not None
    work._recent._by_key.clear()  # noqa: SLF001
    work._consents._said.clear()  # noqa: SLF001


def out_of_the_blue(bench_: Bench) -> None:
    """Everybody else's questions have driven this user's facts out as well."""
    coming_back(bench_)
    work = bench_.memory._work  # noqa: SLF001
    assert work is not None
    work._facts._shelves.clear()  # noqa: SLF001


def announced(bench_: Bench) -> None:
    out_of_the_blue(bench_)
    ask(bench_, ahead=True)


def going_on(_: Bench) -> None:
    """The question before this one has left everything at hand."""


def off_ms(bench_: Bench, times: int) -> float:
    return median_ms(lambda: bench_.run(drain(nothing())), times)


def comparisons() -> Iterator[Comparison]:
    with bench(memory__consent=False) as anonymous, bench() as known, bench(memory__semantic="on") as semantic:
        known.fill(200_000)
        semantic.fill(1_000)

        def off() -> float:
            return off_ms(anonymous, TIMES)

        for name, measure in (
            ("no consent", added_ms(anonymous, going_on)),
            ("500 facts of 200,000, announced", added_ms(known, announced)),
            ("500 facts, by meaning too, announced", added_ms(semantic, announced)),
            ("500 facts, going on", added_ms(known, going_on)),
            ("500 facts, coming back", added_ms(known, coming_back)),
            ("500 facts, out of the blue", added_ms(known, out_of_the_blue)),
        ):
            yield Comparison(f"added to the first token, {name}", "ms", measure, off, "memory off", at_most=1)
