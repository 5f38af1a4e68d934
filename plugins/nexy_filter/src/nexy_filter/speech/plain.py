"""Numbers and units by num2words2 and a few rules: the default, without large downloads."""

import re
from collections.abc import Callable, Mapping

from nexy_filter.speech import plain_en, plain_ru

_LONG = re.compile(r"\d{16,}")
_BY_LANGUAGE: Mapping[str, Callable[[str], str]] = {"en": plain_en.spell, "ru": plain_ru.spell}


def spell(text: str, language: str) -> str:
    """``text`` with its numbers in words; in other languages than English and Russian the voice reads them itself."""
    writer = _BY_LANGUAGE.get(language)
    return writer(_LONG.sub(lambda found: " ".join(found[0]), text)) if writer else text
