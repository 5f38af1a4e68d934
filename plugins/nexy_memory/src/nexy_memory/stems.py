"""Words reduced to stems, English and Russian, as numbers: what a memory's row keeps for ranking."""

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import snowballstemmer

Stems = npt.NDArray[np.uint32]
_BYTES_EACH = 4
_WORDS_MAX = 16_384
_WORD = re.compile(r"\w+")
_CYRILLIC = re.compile(r"[а-я]")
_EN = (
    "a an the i me my mine we us our you your he him his she her it its they them their this that these those is are "
    "am was were be been do does did have has had will would can could should of to in on at by for from with about "
    "as and or but not no if so than then there here what which who whom whose when where why how s t m re ve ll d"
)
_RU = (
    "я мне меня мной мы нас нам ты тебя тебе вы вас вам он его ему она ее ей оно они их им мой моя мое мои моего моей "
    "моему моих наш свой это этот эта эти тот та те то в во на по за с со у к ко о об от до из для при и или а но не "
    "ни ли бы же что чтобы как где когда кто кого чем чему какой какая какое какую каком какие чей есть был была было "
    "были быть вот там тут уже еще если так"
)
STOP_WORDS = frozenset(f"{_EN} {_RU}".split())


def words(text: str) -> list[str]:
    """The words of ``text`` that carry meaning, lower case, ё as е."""
    folded = text.casefold().replace("ё", "е")
    return [word for word in _WORD.findall(folded) if word not in STOP_WORDS]


def stem_words(text: str) -> list[str]:
    """The stems of those words, in order."""
    return [_stem(word) for word in words(text)]


@lru_cache(_WORDS_MAX)
def _stem(word: str) -> str:
    """Kept, for the words of a language come again and again and finding a stem takes 40 µs."""
    return str(snowballstemmer.stemmer("russian" if _CYRILLIC.search(word) else "english").stemWord(word))


def forget_words() -> None:
    """Drop the words kept: somebody has asked to be forgotten."""
    _stem.cache_clear()


def stems(text: str) -> Stems:
    """``stem_words`` as ``[n] uint32``."""
    return np.array([zlib.crc32(stem.encode()) for stem in stem_words(text)], dtype=np.uint32)


def pack(values: Stems) -> bytes:
    """For the row."""
    return values.astype("<u4").tobytes()


def unpack(rows: Sequence[bytes]) -> tuple[Stems, npt.NDArray[np.intp]]:
    """From the rows: all stems in a row, and how many each has. A damaged row has none."""
    sizes = np.fromiter(map(len, rows), dtype=np.intp, count=len(rows))
    if (sizes % _BYTES_EACH).any():
        return unpack([row if len(row) % _BYTES_EACH == 0 else b"" for row in rows])
    return np.frombuffer(b"".join(rows), dtype="<u4"), sizes // _BYTES_EACH
