"""Finished phrases, so that what is said often is said at once."""

import hashlib
from collections import OrderedDict

import attrs

from nexy_tts.pcm import Mark

_LARGEST_SHARE = 8  # a phrase may take an eighth of the cache, or one answer would flush it


@attrs.frozen
class Phrase:
    """48 kHz ``int16`` bytes, and when words end in them where the voice knows."""

    pcm: bytes = attrs.field(repr=False)
    marks: tuple[Mark, ...] = ()


def phrase_key(*identity: object) -> bytes:
    """A digest of everything the sound depends on; the text itself is not kept."""
    return hashlib.blake2b(repr(identity).encode(), digest_size=16).digest()


class PhraseCache:
    """The phrases used last, up to ``max_bytes``."""

    def __init__(self, max_bytes: int) -> None:
        self.max_entry_bytes = max_bytes // _LARGEST_SHARE
        self._max_bytes = max_bytes
        self._phrases: OrderedDict[bytes, Phrase] = OrderedDict()
        self.used_bytes = 0

    def get(self, key: bytes) -> Phrase | None:
        phrase = self._phrases.get(key)
        if phrase is not None:
            self._phrases.move_to_end(key)
        return phrase

    def put(self, key: bytes, phrase: Phrase) -> None:
        """Keep ``phrase``, unless it is empty or too large."""
        if not 0 < len(phrase.pcm) <= self.max_entry_bytes:
            return
        self.used_bytes -= len(self._phrases.pop(key, _NOTHING).pcm)
        self._phrases[key] = phrase
        self.used_bytes += len(phrase.pcm)
        while self.used_bytes > self._max_bytes:
            self.used_bytes -= len(self._phrases.popitem(last=False)[1].pcm)

    def clear(self) -> None:
        self._phrases.clear()
        self.used_bytes = 0


_NOTHING = Phrase(b"")
