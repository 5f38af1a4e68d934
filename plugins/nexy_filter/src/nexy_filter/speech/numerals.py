"""The one place that knows num2words2: numbers of English and Russian in words.

It has the interface of num2words, whose own requirement (docopt) is published without a wheel.
"""

from typing import Any

from num2words2 import num2words


def in_words(number: int, language: str = "en", **form: Any) -> str:
    """``number`` in words. ``form``: ``to`` (ordinal, year), and in Russian ``case``, ``gender`` and ``plural``."""
    return str(num2words(number, lang=language, **form))  # type: ignore[no-untyped-call]
