"""Recall@5 on the project's own questions, both halves of the ranking apart and together."""

import asyncio
import runpy
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from nexy_memory import embedding, ranking, stems

from benchmarks.harness import Comparison

SET = Path(__file__).parents[1] / "plugins" / "nexy_memory" / "tests" / "retrieval_set.py"
WAYS = ("words", "meaning", "both")
FOUND_MAX = 5


def scores() -> dict[tuple[str, str, str], float]:
    """Recall by way, the question's language and the fact's."""
    reader = runpy.run_path(str(SET), run_name="retrieval_set")
    facts = [fact for fact in reader["facts"]() if not fact.id.endswith("old")]
    return asyncio.run(measured(facts, reader["questions"]()))


async def measured(facts: list[Any], questions: list[Any]) -> dict[tuple[str, str, str], float]:
    embedder = embedding.Embedder()
    await embedder.open()
    vectors = np.stack([await embedder.passage(fact.text) for fact in facts])
    words = ranking.WordIndex(*stems.unpack([stems.pack(stems.stems(fact.text)) for fact in facts]))
    by_id = {fact.id: (index, fact.language) for index, fact in enumerate(facts)}
    hits: dict[tuple[str, str, str], list[bool]] = {}
    for question in questions:
        wanted, language = by_id[question.fact]
        vector = await embedder.question(question.text)
        assert vector is not None
        said, near = words.bm25(stems.stems(question.text)), ranking.nearness(vector, vectors)
        for way, score in zip(WAYS, (said, near, ranking.fuse(said, near)), strict=True):
            found = wanted in ranking.best(score, FOUND_MAX)
            hits.setdefault((way, question.language, language), []).append(found)
    embedder.close()
    return {key: sum(each) / len(each) for key, each in hits.items()}


def comparisons() -> Iterator[Comparison]:
    found = scores()
    unit = "recall@5, higher is better"
    for asked in ("en", "ru"):
        for told in ("en", "ru"):
            ours = found["both", asked, told]
            for way, name in (("words", "stems alone"), ("meaning", "embedding alone")):
                other = found[way, asked, told]
                yield Comparison(
                    f"{asked} asks for {told}",
                    unit,
                    partial(float, ours),
                    partial(float, other) if other else None,
                    f"{name}: {other}",
                    1,
                    at_least=0.9,
                )
