"""Finding five of a user's 500 facts in a table of 200,000 rows, the question's embedding at hand.

Baselines: the same in a table of 1,000 rows (cost must not grow with the others' rows), and SQLite's own full-text
index over all 200,000 rows, asked for one user's best five (by words alone; and an index that must be erased too).
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from nexy_memory import embedding, shelves
from nexy_memory.recent import estimate_tokens

from benchmarks._memory import Bench, bench, median_ms
from benchmarks.harness import Comparison, Measure
from nexy_core import Forget

QUESTION = "which garden tea does my sister like in winter"
TIMES = 30


def ranking(bench_: Bench) -> Measure:
    """Read and rank on the reader's side, as the first question of a user does."""
    user = bench_.memory._work._user(Forget("first"))  # type: ignore[union-attr]  # noqa: SLF001
    vector = np.random.default_rng(1).standard_normal(embedding.DIMS).astype(np.float32)
    vector /= np.linalg.norm(vector)

    def job(db: object) -> int:
        shelf = shelves.fetch(db, user, None, 1.0, semantic=True)
        assert len(shelf.texts) == 500
        return sum(map(estimate_tokens, shelf.ranked(QUESTION, vector, 5, 1.0)))

    return lambda: median_ms(lambda: bench_.run(bench_.shared.database().read(job)), TIMES)


@contextlib.contextmanager
def full_text(bench_: Bench) -> Iterator[Measure]:
    """One index over everybody's rows."""
    with contextlib.closing(sqlite3.connect(Path(bench_.folder.name) / "nexy.sqlite")) as source:
        rows = source.execute("SELECT user_id, text FROM memories").fetchall()
    with contextlib.closing(sqlite3.connect(Path(bench_.folder.name) / "fts.sqlite")) as db:
        db.execute("CREATE VIRTUAL TABLE found USING fts5(user UNINDEXED, text, tokenize='porter')")
        db.executemany("INSERT INTO found VALUES (?, ?)", rows)
        words = " OR ".join(QUESTION.split())
        query = "SELECT text FROM found WHERE found MATCH ? AND user = ? ORDER BY bm25(found) LIMIT 5"
        yield lambda: median_ms(lambda: db.execute(query, (words, rows[0][0])).fetchall(), 5)


def comparisons() -> Iterator[Comparison]:
    with bench() as small, bench() as large:
        small.fill(1_000)
        large.fill(200_000)
        ours = ranking(large)
        yield Comparison(
            "recall of 500 facts, p50", "ms", ours, ranking(small), "1,000 rows in all", at_most=15, ratio_at_most=1.3
        )
        with full_text(large) as baseline:
            yield Comparison("recall of 500 facts, p50", "ms", ours, baseline, "one FTS5 table", 5)
