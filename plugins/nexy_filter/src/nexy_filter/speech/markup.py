"""Markdown and emoji taken off: what remains is what the author would read out."""

import re
from collections.abc import Iterable
from typing import Any

import attrs

_MARKED = re.compile(r"[*_`#>|~\[\]\\<&!-]|^\s*(?:[+•]|\d+[.)])\s", re.MULTILINE)
_RULE_OR_BAR = re.compile(r"^[|:\s=*_-]+$")
_ROW = re.compile(r"^\s*\|(.*?)\|?\s*$", re.MULTILINE)
_STRAY = re.compile(r"\*\*+|__|~~+|`+|(?<![\w*])[*_](?=[^\s\d])|(?<=[^\s\d])[*_](?![\w*])")
_BULLET = re.compile(r"^\s*[•‣◦▪●]\s*", re.MULTILINE)
_KEYCAP = re.compile("([0-9#*])\ufe0f?\u20e3")
_MAYBE_EMOJI = re.compile("[\u00a9\u00ae\u2000-\u2bff\u3000-\u303f\u3297\u3299\ufe0f\U0001f000-\U000e007f]")
_PRODUCT = re.compile(r"(?<=\d)\s?\*\s?(?=\d)")
_TASK = re.compile(r"^(\s*(?:[-*+]|\d+[.)])\s+)\[[ xX]\]\s+", re.MULTILINE)


@attrs.frozen
class Markup:
    """Strips CommonMark, tables and strikethrough; texts cut inside an emphasis lose their stray marks too."""

    _parser: Any
    _replace_emoji: Any

    @classmethod
    def load(cls) -> "Markup":
        """Slow: imports the parser and the emoji table."""
        from emoji import replace_emoji
        from markdown_it import MarkdownIt

        parser = MarkdownIt("commonmark", {"html": True}).enable("strikethrough").disable(["code", "lheading"])
        return cls(parser, replace_emoji)

    def strip(self, text: str) -> str:
        """The words of ``text``; line breaks become spaces."""
        if _RULE_OR_BAR.match(text):
            return ""
        text = self._without_emoji(text)
        if not _MARKED.search(text):
            return _BULLET.sub("", text)
        text = _PRODUCT.sub(" × ", text)
        text = _ROW.sub(_read_row, _TASK.sub(r"\1", _BULLET.sub("", text)))
        return _STRAY.sub("", " ".join(_words(self._parser.parse(text))))

    def _without_emoji(self, text: str) -> str:
        if not _MAYBE_EMOJI.search(text):
            return text
        return str(self._replace_emoji(_KEYCAP.sub(r"\1 ", text), _unless_text))


def _unless_text(found: str, _data: object) -> str:
    """Marks that Unicode counts as emoji but people write as text."""
    return found if found in {"©", "®", "™"} else " "


def _read_row(row: re.Match[str]) -> str:
    cells = [cell.strip() for cell in row[1].split("|")]
    if all(_RULE_OR_BAR.match(cell) for cell in cells if cell):
        return ""
    return ", ".join(cell for cell in cells if cell)


def _words(tokens: Iterable[Any]) -> Iterable[str]:
    for token in tokens:
        if token.type == "list_item_open" and token.info:
            yield f"{token.info}."
        elif token.type == "inline":
            yield "".join(_inline(token.children))


def _inline(tokens: Iterable[Any]) -> Iterable[str]:
    for token in tokens:
        if token.type in {"text", "code_inline", "text_special", "image"}:
            yield token.content
        elif token.type in {"softbreak", "hardbreak", "html_inline"}:
            yield " "
