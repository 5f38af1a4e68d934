"""Memory is data for the model: what is handed over can neither end its line nor look like the model's own markup."""

import re
import unicodedata

FACT_CHARS_MAX = 300
_MARKUP = re.compile(
    r"<\|[^|>]{0,40}\|>|<\|?/?(?:system|user|assistant|im_start|im_end|s|sys|inst|tool|think)\|?>|\[/?INST\]|<</?SYS>>"
    r"|^\s*#{1,6}\s+|`{3,}|~{3,}|^\s*(?:system|assistant|developer|user)\s*:",
    re.IGNORECASE,
)
_KEPT_FORMATS = frozenset("\u200d")
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def as_data(text: str) -> str:
    """One line, at most ``FACT_CHARS_MAX`` characters, free of control characters and chat markup."""
    text = unicodedata.normalize("NFC", text)
    line = " ".join((text if text.isprintable() else "".join(map(_plain, text))).split())
    before = ""
    while before != line:  # what is left after a cut must not make new markup
        before, line = line, " ".join(_MARKUP.sub(" ", line).split())
    return line[:FACT_CHARS_MAX].strip()


def _plain(letter: str) -> str:
    if letter in _KEPT_FORMATS:
        return letter
    category = unicodedata.category(letter)
    if category in _DROPPED:
        return "" if category == "Cf" else " "
    return letter
