"""The steps from a written sentence to a spoken one."""

import importlib.util
import re
from collections.abc import Callable

import attrs

from nexy_core import ConfigError
from nexy_filter.speech.abbreviations import expand
from nexy_filter.speech.dates import write_dates
from nexy_filter.speech.links import write_links
from nexy_filter.speech.markup import Markup
from nexy_filter.speech.rewrites import rewrite
from nexy_filter.speech.roman import write_roman
from nexy_filter.speech.symbols import write_symbols

Speller = Callable[[str, str], str]
"""Takes a text without markup and its language; returns it with numbers and units in words."""

_FENCE = re.compile(r"\s*(?:```|~~~)")
_TO_DO = re.compile(
    r"[^\w\s,.!?;:'’\"“”«»()—–…-]"  # signs, markup, emoji
    r"|[\d_\n¼-¾⅐-⅞]|\w\.\S|^\s*-\s|\s-\w|\betc\."
    r"|(?<!\w)\w{1,5}\.(?!\s*\Z)"  # perhaps an abbreviation
    r"|\b[IVXLC]{2,}\b|\w{2}\s[IVX]\b"  # Roman numerals
    r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w{0,2}[-–]"
)
# Plain words to one stop: told in a tenth of the time, and nothing is to be done for them.
_ORDINARY = re.compile(r" *+(?:[A-ZА-ЯЁ]?[a-zа-яё][a-zа-яё'’]*+[,;:]? *+)++[.!?…]?+ *+")
_SPEAKABLE = re.compile(r"[^\W_]")
_MAX_CHARS = 2000  # more than any sentence: the work on it must stay bounded
# A sentence cut at a word, which goes on in the next piece: the voice must not fall there.
_CUT = re.compile(r"[^\W\d_] ")
_BLANKS = re.compile(r"\s+")
_BLANK_BEFORE_STOP = re.compile(r"\s+(?=[,.;:!?…](?:\s|\Z))")
_REPEATED_STOPS = re.compile(r"[,;:]\s*(?=[,;:.!?…])")


@attrs.frozen
class SpeechWriter:
    """Writes sentences for the voice. ``name`` says who writes out the numbers."""

    name: str
    _markup: Markup
    _spell: Speller

    @classmethod
    def load(cls, speller: str, languages: tuple[str, ...]) -> "SpeechWriter":
        """``speller`` is auto, damga or plain; slow (imports libraries, loads grammars)."""
        from nexy_filter.speech.plain import spell

        if speller == "damga" and not _has_damga():
            raise ConfigError("filter.speech is damga, which is not installed: install nexy-filter[speech]")
        if speller == "plain" or not _has_damga():
            return cls("plain", Markup.load(), spell)
        from nexy_filter.speech.grammars import Grammars

        return cls("damga", Markup.load(), Grammars.load(languages, fallback=spell))

    def is_quick(self, text: str) -> bool:
        """Whether ``write`` will hardly do anything, so that a thread would cost more."""
        ordinary = _ORDINARY.fullmatch(text) and "etc." not in text
        return bool(ordinary) or not _TO_DO.search(text)

    def write(self, text: str, language: str) -> str:
        """What to say for ``text``; "" for what is not said at all, such as code, rules and lone emoji."""
        if self.is_quick(text):
            return self.read(text)
        return _unfinished(text, self._write(text, language))

    def read(self, text: str) -> str:
        """What to say for a text that ``is_quick``."""
        return _unfinished(text, text.strip() if _SPEAKABLE.search(text) else "")

    def _write(self, text: str, language: str) -> str:
        if _FENCE.match(text):
            return ""
        if len(text) > _MAX_CHARS:
            return _tidied(text)
        plain = self._markup.strip(text)
        if not _SPEAKABLE.search(plain):
            return ""
        plain = write_links(plain, language)
        plain = write_dates(plain, language)
        plain = rewrite(plain, language)
        plain = write_roman(plain, language)
        plain = expand(plain, language)
        plain = write_symbols(plain, language)
        return _tidied(self._spell(plain, language))


def _unfinished(text: str, spoken: str) -> str:
    return f"{spoken}," if spoken and _CUT.fullmatch(text, max(0, len(text) - 2)) else spoken


def _has_damga() -> bool:
    return importlib.util.find_spec("damga") is not None


def _tidied(text: str) -> str:
    text = _BLANKS.sub(" ", text).strip()
    return _REPEATED_STOPS.sub("", _BLANK_BEFORE_STOP.sub("", text))
