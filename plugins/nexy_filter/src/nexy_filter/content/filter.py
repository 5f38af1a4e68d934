"""Finds what must not be shown and masks or drops it."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import attrs

from nexy_core import ConfigError, LiveSettings
from nexy_filter.content.patterns import OperatorPatterns
from nexy_filter.content.profanity import WordList
from nexy_filter.content.secrets import find_secrets

Span = tuple[int, int, str]
_SETTINGS = {"secret": "filter.secrets", "pattern": "filter.patterns_action", "profanity": "filter.profanity"}
_MASK = "•••"
_DOUBLE_BLANKS = re.compile(r"[ \t]{2,}")
_BLANK_BEFORE_STOP = re.compile(r"[ \t]+(?=[,.;:!?…](?:\s|\Z))")
_MAX_WORDS_FILE_BYTES = 1024 * 1024


@attrs.define
class ContentFilter:
    """Each kind of finding (``profanity``, ``secret``, ``pattern``) is masked, dropped or passed, by its setting."""

    _settings: LiveSettings
    _words: WordList
    _patterns: OperatorPatterns
    counts: Counter[str] = attrs.field(init=False, factory=Counter)

    @classmethod
    def load(cls, settings: LiveSettings) -> "ContentFilter":
        """With the built-in word lists and the operator's; ``ConfigError`` when the file cannot be read."""
        extra = _read_words(settings.get("filter.words_file", str))
        patterns = OperatorPatterns.compile(settings.get("filter.patterns", list))
        return cls(settings, WordList.load(extra), patterns)

    def clean(self, text: str) -> tuple[str, list[str]]:
        """``text`` as it may be shown, and the kinds of what was found in it."""
        return self._replace(text, speech=False)

    def for_speech(self, text: str) -> str:
        """``text`` as it may be spoken: what is masked on the screen is left out."""
        return self._replace(text, speech=True)[0]

    def _replace(self, text: str, *, speech: bool) -> tuple[str, list[str]]:
        found = list(self._spans(text))
        if not found:
            return text, []
        spans = _without_overlaps(found)
        parts: list[str] = []
        at = 0
        for start, end, kind in spans:
            keep = not speech and self._action(kind) == "mask"
            parts += [text[at:start], _masked(text[start:end], kind) if keep else ""]
            at = end
        if not speech:
            self.counts.update(kind for _, _, kind in spans)
        return _tidied("".join(parts) + text[at:]), [kind for _, _, kind in spans]

    def _spans(self, text: str) -> Iterable[Span]:
        if self._action("secret") != "pass":
            yield from ((start, end, "secret") for start, end in find_secrets(text))
        if self._action("pattern") != "pass":
            yield from ((start, end, "pattern") for start, end in self._patterns.find(text))
        if self._action("profanity") != "pass":
            yield from ((start, end, "profanity") for start, end in self._words.find(text))

    def _action(self, kind: str) -> str:
        return self._settings.get(_SETTINGS[kind], str)


def _masked(found: str, kind: str) -> str:
    return found[0] + "*" * (len(found) - 1) if kind == "profanity" else _MASK


def _tidied(text: str) -> str:
    body = text.rstrip()
    blanks = text[len(body) :]
    return _BLANK_BEFORE_STOP.sub("", _DOUBLE_BLANKS.sub(" ", body)) + blanks if body else ""


def _without_overlaps(spans: Iterable[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in sorted(spans):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
        elif span[1] > kept[-1][1]:
            kept[-1] = (kept[-1][0], span[1], kept[-1][2])
    return kept


def _read_words(path: str) -> list[str]:
    if not path:
        return []
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MAX_WORDS_FILE_BYTES + 1)
        if len(data) > _MAX_WORDS_FILE_BYTES:
            raise ConfigError(f"filter.words_file: {path} is larger than {_MAX_WORDS_FILE_BYTES} bytes")
        return data.decode().splitlines()
    except OSError as error:
        raise ConfigError(f"filter.words_file: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"filter.words_file: {path} is not UTF-8 text") from error
