"""Acknowledged writes a second on SQLite with synchronous=FULL, and what they do to the loop.

The baseline is bare sqlite3 in this thread: the same rows, the same group size, prepared statements, one commit and
sync a group. It blocks whoever calls it.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from nexy_memory.engines import SqliteEngine

from benchmarks._memory import Bench, bench, drain, stalls
from benchmarks.harness import Comparison
from nexy_core import Remember, StoreUsage

WRITES = 4_000
AT_ONCE = 400
TURN = "INSERT INTO turns (id, user, turn, prompt, answer, at) VALUES (NULL, ?, ?, ?, ?, ?)"


def usage(bench_: Bench, number: int) -> Any:
    return bench_.store.process(StoreUsage(f"d{number}", "s", "cli", f"m{number % 10}", 100, 50))


def turn(bench_: Bench, number: int) -> Any:
    name = f"{time.perf_counter_ns()}-{number}"
    return bench_.memory.process(Remember(f"d{number % 50}", "s", name, number, "What is it?", "x" * 120, False))


def burst(bench_: Bench, make: Callable[[Bench, int], Any]) -> Callable[[], float]:
    """A measure: ``WRITES`` requests, ``AT_ONCE`` under way; acknowledged ones a second."""

    async def work() -> float:
        numbers = iter(range(WRITES))

        async def client() -> None:
            for number in numbers:
                await drain(make(bench_, number))

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(AT_ONCE)))
        return WRITES / (time.perf_counter() - began)

    return lambda: float(bench_.run(work()))


def paced(bench_: Bench, make: Callable[[Bench, int], Any], *, lock: bool = False) -> Callable[[], float]:
    """A measure: 4,000 requests a second for a second, evenly; the p99 of how late the loop is, in ms.

    The loop is watched until the last one is acknowledged. ``lock``: another process's write lock is held for that
    second, so that they all wait and are then written at once.
    """

    async def work() -> float:
        other = sqlite3.connect(Path(bench_.folder.name) / "nexy.sqlite", isolation_level=None) if lock else None
        if other is not None:
            other.execute("BEGIN IMMEDIATE")
        began = time.perf_counter()
        writes: list[asyncio.Task[Any]] = []
        async with stalls() as late:
            while (passed := time.perf_counter() - began) < 1.0:
                due = int(passed * WRITES)
                writes += [asyncio.create_task(drain(make(bench_, number))) for number in range(len(writes), due)]
                await asyncio.sleep(0.001)
            if other is not None:
                other.execute("ROLLBACK")
                other.close()
            await asyncio.gather(*writes)
        return float(np.percentile(late, 99))

    return lambda: float(bench_.run(work()))


def idle(bench_: Bench) -> Callable[[], float]:
    """The floor of lateness: the same loop with nothing to do."""

    async def work() -> float:
        async with stalls() as late:
            await asyncio.sleep(1.0)
        return float(np.percentile(late, 99))

    return lambda: float(bench_.run(work()))


def bare() -> float:
    """The floor: the same number of turns in groups of ``AT_ONCE``, nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        engine = SqliteEngine(Path(folder) / "bare.sqlite", timeout_seconds=5)
        engine.prepare()
        db = engine.db.connection()
        db.execute("CREATE TABLE turns (id INTEGER PRIMARY KEY, user, turn UNIQUE, prompt, answer, at)")
        began = time.perf_counter()
        for start in range(0, WRITES, AT_ONCE):
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                TURN, [(n % 50, str(n), "What is it?", "x" * 120, 1.0) for n in range(start, start + AT_ONCE)]
            )
            db.execute("COMMIT")
        rate = WRITES / (time.perf_counter() - began)
        engine.db.close()
        engine.release()
        return rate


def comparisons() -> Iterator[Comparison]:
    unit = "acknowledged/s, higher is better"
    with bench() as small, bench() as large:
        small.fill(1_000)
        large.fill(200_000)
        yield Comparison("usage, 200,000 rows", unit, burst(large, usage), bare, "bare sqlite3", 5, at_least=4000)
        yield Comparison("turns, 200,000 rows", unit, burst(large, turn), bare, "bare sqlite3", 5, at_least=4000)
        small_rate = burst(small, turn)
        yield Comparison(
            "turns, 200,000 rows", unit, burst(large, turn), small_rate, "with 1,000 rows", 5, ratio_at_least=0.77
        )
        rest = (idle(large), "an idle loop")
        yield Comparison("loop late p99, usage", "ms", paced(large, usage), *rest, 5, at_most=5)
        yield Comparison("loop late p99, turns", "ms", paced(large, turn), *rest, 5, at_most=5)
        yield Comparison("loop late p99, usage, locked 1 s", "ms", paced(large, usage, lock=True), *rest, 5, at_most=5)
        yield Comparison("loop late p99, turns, locked 1 s", "ms", paced(large, turn, lock=True), *rest, 5, at_most=5)
