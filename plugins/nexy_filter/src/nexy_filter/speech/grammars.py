"""Numbers and units by the grammars of damga (the extra ``speech``), behind this adapter because it is young."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

_log = logging.getLogger(__name__)
_WRITTEN = re.compile(r"[\d$€£¥₽%°№]|\b[IVXLC]{2,}\b|\w{2}\s[IVX]\b|\b[A-Za-zа-яё]{1,5}\.")
# A call takes longer the more figures it holds: parts of some 100 characters that end between two words or at a comma,
# so that what belongs together stays together; 280 at most, where the grammars end.
_PART = re.compile(
    r".{1,100}\Z|.{80,240}?(?:(?<=[^\W\d])|(?<=[,;:!?]))\s+(?=[^\W\d])|.{1,280}(?:\s+|\Z)|.{1,280}", re.DOTALL
)


@attrs.frozen
class Grammars:
    """One normaliser for each language it was loaded with; other languages go to ``fallback``."""

    _by_language: Mapping[str, Any]
    _fallback: Callable[[str, str], str]

    @classmethod
    def load(cls, languages: tuple[str, ...], *, fallback: Callable[[str, str], str]) -> "Grammars":
        """Slow: each language's grammars take 0.1 s and 20 to 80 MB."""
        import damga

        known = set(damga.available_languages())
        return cls({code: damga.Normalizer("tn", code) for code in languages if code in known}, fallback)

    def __call__(self, text: str, language: str) -> str:
        normaliser = self._by_language.get(language)
        if normaliser is None:
            return self._fallback(text, language)
        if not _WRITTEN.search(text):
            return text
        try:
            return "".join(_apply(normaliser, part) for part in _PART.findall(text))
        except (ValueError, LookupError, RuntimeError, ArithmeticError, TypeError) as error:
            _log.warning("damga failed", extra={"decision": "degrade", "ctx": {"reason": type(error).__name__}})
            return self._fallback(text, language)


def _apply(normaliser: Any, part: str) -> str:
    """A part keeps the blanks around it, which the grammars drop."""
    body = part.strip()
    lead = part[: len(part) - len(part.lstrip())]
    trail = part[len(part.rstrip()) :]
    return f"{lead}{normaliser.normalize(body)}{trail}" if body else part
