# ruff: noqa: E501  # tables of patterns read best one to a line
"""What a user asks of memory in so many words, in English and Russian. No model decides what is kept or erased."""

import re
from enum import StrEnum

import attrs


class Ask(StrEnum):
    """The kinds of request."""

    NOTHING = "nothing"
    REMEMBER = "remember"
    OVERVIEW = "overview"
    FORGET_LAST = "forget_last"
    FORGET_TEXT = "forget_text"
    FORGET_ALL = "forget_all"
    CONSENT = "consent"
    REFUSE = "refuse"


FORGETTING = frozenset({Ask.FORGET_LAST, Ask.FORGET_TEXT, Ask.FORGET_ALL, Ask.REFUSE})


@attrs.frozen
class Command:
    """``text``: what to remember or what to forget."""

    ask: Ask
    text: str = attrs.field(default="", repr=False)


_ME_EN = r"(?:about me|i(?:'ve| have)? (?:ever )?(?:told|said)(?: to)?(?: you)?|you (?:know|remember)(?: about me)?)"
_ME_RU = (
    r"(?:обо мне|про меня|что (?:ты )?(?:обо мне |про меня )?(?:знаешь|помнишь)(?: обо мне| про меня)?"
    r"|что я (?:тебе )?(?:говорил|сказал|рассказывал|рассказал)а?(?: тебе)?)"
)
_PATTERNS = (
    (Ask.REFUSE, r"(?:you (?:may not|must not|should not|can't|cannot)|don't|do not|stop|never) remember(?:ing)? (?:me|anything(?: about me)?|things about me|what i say)"),
    (Ask.REFUSE, r"(?:больше )?не (?:запоминай|помни)(?:те)?(?: больше)?(?: меня| ничего(?: обо мне)?| про меня| обо мне)?"),
    (Ask.CONSENT, r"(?:you (?:may|can)(?: now)? )?remember (?:me|what i (?:say|tell you)|things about me)(?: from now on)?"),
    (Ask.CONSENT, r"(?:ты )?(?:можешь|разрешаю(?: тебе)?) (?:меня )?(?:запомнить|запоминать|помнить)(?: меня| обо мне)?"),
    (Ask.CONSENT, r"запомни(?:те)? меня"),
    (Ask.FORGET_ALL, rf"(?:forget|erase|delete) everything(?: (?:that )?{_ME_EN})?"),
    (Ask.FORGET_ALL, r"(?:forget|erase|delete) (?:all )?(?:of )?my (?:data|memories)"),
    (Ask.FORGET_ALL, rf"(?:забудь|сотри|удали)(?:те)? вс[её],?(?: {_ME_RU})?"),
    (Ask.FORGET_ALL, r"(?:забудь|сотри|удали)(?:те)? (?:все )?мои (?:данные|воспоминания)"),
    (Ask.FORGET_LAST, r"forget (?:that|this|what i(?: just| have just|'ve just)? said)(?: now)?"),
    (Ask.FORGET_LAST, r"забудь(?:те)?,? (?:это|об этом|(?:то,? )?что я (?:только что |сейчас )?сказала?)"),
    (Ask.FORGET_TEXT, r"forget (?:that|about|everything about|what i(?: have|'ve)? (?:said|told you) about) (?P<text>.+)"),
    (Ask.FORGET_TEXT, r"forget (?P<text>(?:my|where|what|when|how|who) .+)"),
    (Ask.FORGET_TEXT, r"забудь(?:те)?,? (?:что|о|об|обо|про|вс[её] про|вс[её],? что связано с) (?P<text>.+)"),
    (Ask.FORGET_TEXT, r"забудь(?:те)?,? (?P<text>(?:мо[йяеёию]|мою|где|когда|как|кто) .+)"),
    (Ask.REMEMBER, r"(?:remember|keep in mind|don't forget|do not forget|make a note)(?: that |: ?|, ?)(?P<text>.+)"),
    (Ask.REMEMBER, r"(?:remember|don't forget) (?P<text>(?:i|i'm|i've|my|we|our|to) .+)"),
    (Ask.REMEMBER, r"(?:запомни|запиши|имей в виду|не забудь|учти)(?:те)?(?:,? что |: ?|, ?| )(?P<text>.+)"),
)  # fmt: skip
# Nearly nothing that is said asks anything of memory: without one of these it cannot.
_HINTS = (
    "remember", "forget", "erase", "delete", "mind", "note", "know", "tell", "told",
    "помн", "помин", "забу", "забы", "сотри", "удали", "запиши", "виду", "учти", "знаешь",
)  # fmt: skip
_OVERVIEW = re.compile(
    r"what (?:do|can) you (?:know|remember|tell me) about me|what have i told you|что ты (?:обо мне |про меня )?(?:знаешь|помнишь)(?: обо мне| про меня)?",
    re.IGNORECASE,
)
_COMPILED = tuple((ask, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for ask, pattern in _PATTERNS)
_POLITE = re.compile(r"^(?:(?:please|hey|ok|okay|nexy|пожалуйста|эй|слушай|нэкси|от меня)[,!.]?\s+)+", re.IGNORECASE)
_POLITE_END = re.compile(r"[\s,]+(?:please|пожалуйста)$", re.IGNORECASE)
_TYPOGRAPHIC = str.maketrans({"’": "'", "‘": "'"})
COMMAND_CHARS_MAX = 2_000
_NOTHING = Command(Ask.NOTHING)


def _may_ask(folded: str) -> bool:
    for hint in _HINTS:  # noqa: SIM110  # any() takes twice the time, and this is done for every turn, twice
        if hint in folded:
            return True
    return False


def parse(prompt: str) -> Command:
    """What ``prompt`` asks for; a question never asks for anything."""
    if not _may_ask(prompt[:COMMAND_CHARS_MAX].casefold()):
        return _NOTHING
    text = " ".join(prompt[:COMMAND_CHARS_MAX].translate(_TYPOGRAPHIC).split())
    if _OVERVIEW.fullmatch(text.rstrip("?!. ")):
        return Command(Ask.OVERVIEW)
    if text.endswith("?"):
        return _NOTHING
    text = _POLITE_END.sub("", _POLITE.sub("", text.rstrip(".! "))).rstrip(",")
    for ask, pattern in _COMPILED:
        found = pattern.fullmatch(text)
        if found:
            return Command(ask, found.groupdict().get("text", "").strip())
    return _NOTHING
