"""Which memories answer a question: BM25 over stems, nearness over embeddings, fused by reciprocal rank."""

import numpy as np
import numpy.typing as npt

from nexy_memory.stems import Stems

Floats = npt.NDArray[np.float32]
_SATURATION = 1.2
_LENGTH_WEIGHT = 0.75
_STEMS_AT_ONCE = 16
_RANK_OFFSET = 60.0
_NEAR_MIN = 0.15
"""Below it two texts have nothing to do with each other: 98 of 100 questions of the retrieval set lie above."""


class WordIndex:
    """Which documents hold which stem, and how often.

    ``stems`` are those of all documents, one after another; ``lengths`` says how many belong to each.
    """

    def __init__(self, stems: Stems, lengths: npt.NDArray[np.intp]) -> None:
        self._stems = stems  # not sorted: that costs more than a question's words do
        self._owners = np.repeat(np.arange(len(lengths)), lengths)
        mean = max(float(lengths.mean()), 1.0) if len(lengths) else 1.0
        self._norm = _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * lengths / mean)

    def bm25(self, question: Stems) -> Floats:
        """``[documents]`` scores, 0 for a document that shares no stem with the question."""
        wanted = np.array(list(set(question.tolist())), dtype=question.dtype)
        scores = np.zeros(len(self._norm))
        for start in range(0, len(wanted), _STEMS_AT_ONCE):
            scores += self._of(wanted[start : start + _STEMS_AT_ONCE])
        return scores.astype(np.float32)

    def _of(self, wanted: Stems) -> npt.NDArray[np.float64]:
        """All at once: each call of numpy's takes longer than its work on some hundred facts."""
        count = len(self._norm)
        hits = np.flatnonzero(wanted[:, np.newaxis] == self._stems)  # nonzero takes ten times longer over two axes
        which, place = np.divmod(hits, max(1, len(self._stems)))
        cells = np.bincount(which * count + self._owners[place], minlength=len(wanted) * count)
        frequency = cells.reshape(len(wanted), count)
        holders = np.count_nonzero(frequency, axis=1)
        rarity = np.log1p((count - holders + 0.5) / (holders + 0.5))
        scores: npt.NDArray[np.float64] = rarity @ (frequency * (_SATURATION + 1) / (frequency + self._norm))
        return scores


def nearness(question: Floats, documents: Floats) -> Floats:
    """``[documents]`` cosines, 0 for what is not near at all; a row of zeros (no embedding yet) gets 0."""
    cosines: Floats = documents @ question
    return np.where(cosines >= _NEAR_MIN, cosines, 0).astype(np.float32)


def fuse(*scorings: Floats) -> Floats:
    """Reciprocal ranks, summed; a score of 0 or less gives nothing. Ties share the better rank."""
    fused = np.zeros(len(scorings[0]), dtype=np.float32)
    for scores in scorings:
        found = np.flatnonzero(scores > 0)
        falling = -scores[found]
        fused[found] += 1 / (_RANK_OFFSET + np.searchsorted(np.sort(falling), falling))
    return fused


def best(scores: Floats, limit: int) -> list[int]:
    """Indices of the highest positive scores, best first; of equals the later one (it is newer)."""
    found = np.flatnonzero(scores > 0)
    order = np.lexsort((-found, -scores[found]))
    return [int(index) for index in found[order[:limit]]]
