"""Which language a sentence is in, by its script: cheap enough for every sentence, and enough to choose a voice."""

import re
from collections import Counter

_SCRIPTS = {
    "cyrillic": "\u0400-\u052f\u1c80-\u1c8f",
    "latin": "A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff",
    "han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "kana": "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff",
    "hebrew": "\u0590-\u05ff",
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "devanagari": "\u0900-\u097f",
    "thai": "\u0e00-\u0e7f",
    "georgian": "\u10a0-\u10ff",
    "armenian": "\u0530-\u058f",
}
# In scripts written without spaces a run is a phrase: count its characters by pairs instead.
_WITHOUT_SPACES = frozenset({"han", "kana", "thai"})
_LANGUAGES: dict[str, tuple[str, ...]] = {
    "cyrillic": ("ru", "uk", "be", "bg", "sr", "mk", "kk", "ky", "mn", "tg", "tt"),
    "han": ("zh", "ja"),
    "kana": ("ja",),
    "hangul": ("ko",),
    "arabic": ("ar", "fa", "ur", "ps", "ug"),
    "hebrew": ("he", "yi"),
    "greek": ("el",),
    "devanagari": ("hi", "mr", "ne", "sa"),
    "thai": ("th",),
    "georgian": ("ka",),
    "armenian": ("hy",),
}
_NOT_LATIN = frozenset(code for codes in _LANGUAGES.values() for code in codes)
_RUNS = re.compile("|".join(f"(?P<{name}>[{span}]+)" for name, span in _SCRIPTS.items()))
_NOT_PROSE = re.compile(r"`[^`\n]*`|\S+://\S+|\S+@\S+")
_UKRAINIAN = re.compile("[іїєґІЇЄҐ]")
_CHARS_A_WORD = 2
_LATIN_DEFAULT = "en"


def detect(text: str, default: str) -> str:
    """The language code of ``text``; ``default`` where it has no letters or the script fits ``default``."""
    if text.isascii() and _is_latin(default):
        return default
    words = _words_by_script(_NOT_PROSE.sub(" ", text)) or _words_by_script(text)
    if not words:
        return default
    script = _dominant(words, default)
    if script == "latin":
        return default if _is_latin(default) else _LATIN_DEFAULT
    if script == "cyrillic" and default not in _LANGUAGES["cyrillic"] and _UKRAINIAN.search(text):
        return "uk"
    languages = _LANGUAGES[script]
    return default if default in languages else languages[0]


def _words_by_script(text: str) -> Counter[str]:
    words: Counter[str] = Counter()
    for run in _RUNS.finditer(text):
        script = run.lastgroup
        assert script is not None
        if not (words and script == "latin" and run[0][0].isupper()):  # names travel: "Скачай Visual Studio"
            words[script] += _weight(script, run.end() - run.start())
    return words


def _weight(script: str, chars: int) -> int:
    return -(-chars // _CHARS_A_WORD) if script in _WITHOUT_SPACES else 1


def _dominant(words: Counter[str], default: str) -> str:
    """The script with most words; Japanese mixes kana and Han; on a tie the default's script wins."""
    if words["kana"]:
        words["kana"] += words.pop("han", 0)
    most = max(words.values())
    tied = [script for script, count in words.items() if count == most]
    fitting = [s for s in tied if default in _LANGUAGES.get(s, ()) or (s == "latin" and _is_latin(default))]
    return (fitting or tied)[0]


def _is_latin(language: str) -> bool:
    return language not in _NOT_LATIN
