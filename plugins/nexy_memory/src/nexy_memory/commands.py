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
_NOT_EN = r"(?:don'?t|do not)"
_PATTERNS = (
    (Ask.REFUSE, rf"(?:you (?:may not|must not|should not|can't|cannot)|{_NOT_EN}|stop|never) remember(?:ing)? (?:me|anything(?: about me| i say)?|things about me|what i say)"),
    (Ask.REFUSE, r"(?:больше )?не (?:запоминай|помни)(?:те)?(?: больше)?(?: меня| ничего(?: обо мне)?| про меня| обо мне)?"),
    (Ask.CONSENT, r"(?:(?:you (?:may|can|are allowed to)|i (?:allow|permit) you to)(?: now)? )?remember (?:me|what i (?:say|tell you)|things about me)(?: from now on)?"),
    (Ask.CONSENT, r"(?:(?:ты|я) )?(?:теперь )?(?:можешь|разрешаю(?: тебе)?) (?:меня )?(?:запомнить|запоминать|помнить)(?: меня| обо мне)?"),
    (Ask.CONSENT, r"(?:за)?помни(?:те)? меня"),
    (Ask.FORGET_ALL, rf"(?:forget|erase|delete) everything(?: (?:that )?{_ME_EN})?"),
    (Ask.FORGET_ALL, rf"(?:forget|erase|delete) all (?:that )?{_ME_EN}"),
    (Ask.FORGET_ALL, r"forget (?:me|about me|all of it)"),
    (Ask.FORGET_ALL, r"(?:forget|erase|delete|clear|wipe) (?:all )?(?:of )?(?:my (?:data|memories)|your (?:memory|memories)(?: (?:of|about) me)?)"),
    (Ask.FORGET_ALL, rf"(?:забудь|сотри|удали)(?:те)? вс[её],?(?: {_ME_RU})?"),
    (Ask.FORGET_ALL, r"забудь(?:те)? (?:меня|обо мне|про меня)"),
    (Ask.FORGET_ALL, r"(?:забудь|сотри|удали)(?:те)? (?:(?:все )?мои (?:данные|воспоминания)|(?:все данные|всю информацию) (?:обо мне|про меня))"),
    (Ask.FORGET_ALL, r"(?:сотри|очисти)(?:те)? свою память(?: обо мне)?"),
    (Ask.FORGET_LAST, r"forget (?:(?:about )?(?:that|this)|what i(?: just| have just|'ve just)? said)(?: now)?"),
    (Ask.FORGET_LAST, rf"{_NOT_EN} remember (?:that|this|it)"),
    (Ask.FORGET_LAST, r"забудь(?:те)?,? (?:это|об этом|про это|(?:то,? )?что я (?:только что |сейчас )?сказала?)"),
    (Ask.FORGET_LAST, r"не запоминай(?:те)? (?:это|этого)"),
    (Ask.FORGET_TEXT, r"forget (?:that|about|(?:everything|all) about|(?:what|everything|all) (?:that )?i(?: have|'ve)? (?:said|told you) about) (?P<text>.+)"),
    (Ask.FORGET_TEXT, r"forget (?P<text>(?:my|where|what|when|how|who) .+)"),
    (Ask.FORGET_TEXT, rf"{_NOT_EN} remember that (?P<text>.+)"),
    (Ask.FORGET_TEXT, r"забудь(?:те)?,? (?:что|о|об|обо|про|вс[её] про|вс[её],? что связано с) (?P<text>.+)"),
    (Ask.FORGET_TEXT, r"забудь(?:те)?,? (?P<text>(?:мо[йяеёию]|мою|где|когда|как|кто) .+)"),
    (Ask.FORGET_TEXT, r"не запоминай(?:те)?,? что (?P<text>.+)"),
    (Ask.REMEMBER, rf"(?:remember|keep in mind|{_NOT_EN} forget|never forget|make a note)(?:,? that |: ?|, ?)(?P<text>.+)"),
    (Ask.REMEMBER, rf"(?:remember|{_NOT_EN} forget) (?P<text>(?:i|i'm|i've|my|we|our|to) .+)"),
    (Ask.REMEMBER, r"(?:запомни|запиши|имей в виду|не забудь|не забывай|учти)(?:те)?(?:,? что |: ?|, ?| )(?P<text>(?!(?:это|вс[её])$).+)"),
    (Ask.REMEMBER, r"помни(?:те)?(?:,? что |: ?)(?P<text>.+)"),
    (Ask.REMEMBER, r"(?P<text>.+)[.,!] (?:please,? )?remember (?:that|this)"),
    (Ask.REMEMBER, r"(?P<text>.+)[.,!] (?:пожалуйста,? )?запомни(?:те)? это"),
)  # fmt: skip
# Nearly nothing that is said asks anything of memory: without one of these it cannot.
_HINTS = (
    "remember", "forget", "erase", "delete", "wipe", "clear", "mind", "note", "know", "tell", "told",
    "помн", "помин", "забу", "забы", "сотри", "стере", "очисти", "удали", "запиши", "виду", "учти", "знаешь",
)  # fmt: skip
_OVERVIEW = re.compile(
    r"what (?:do|can) you (?:know|remember|tell me) about me|what have i told you|что ты (?:обо мне |про меня )?(?:знаешь|помнишь)(?: обо мне| про меня)?",
    re.IGNORECASE,
)
_COMPILED = tuple((ask, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for ask, pattern in _PATTERNS)
_POLITE = re.compile(
    r"^(?:(?:please|hey|hi|ok|okay|nexy|yes|no|well|and|so|now|actually|also|i(?:'d| would)? (?:want|like) you to"
    r"|пожалуйста|эй|слушай|нэкси|от меня|да|нет|ну|хорошо|ладно|и|а|теперь)[,!.]?\s+)+",
    re.IGNORECASE,
)
_POLITE_END = re.compile(r"[\s,]+(?:please|пожалуйста)$", re.IGNORECASE)
# "Can you remember that I am blind?" asks for it; "Can you forget everything?" may just want to know.
_CAN_YOU = re.compile(
    r"(?:(?:can|could|will|would) you|(?:[тв]ы )?(?:не )?(?:мож(?:ешь|ете)|мог(?:ла|ли)? бы)(?: ли)?(?: [тв]ы)?)"
    r"(?:,? (?:please|пожалуйста),?)? ",
    re.IGNORECASE,
)
_SURELY = re.compile(r"\b(?:please|could|would|пожалуйста|бы)\b", re.IGNORECASE)
_ON_ONESELF = re.compile(r"(?:i|my|we|our|я|мы|мне|меня|у меня|мо\w+|наш\w*)\b", re.IGNORECASE)
_IMPERATIVES = {"запомнить": "запомни", "забыть": "забудь", "стереть": "сотри", "удалить": "удали"}
_INFINITIVE = re.compile(rf"^(?:{'|'.join(_IMPERATIVES)})\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")
_TYPOGRAPHIC = str.maketrans({"’": "'", "‘": "'"})
COMMAND_CHARS_MAX = 2_000
_NOTHING = Command(Ask.NOTHING)


def _may_ask(folded: str) -> bool:
    for hint in _HINTS:  # noqa: SIM110  # any() takes twice the time, and this is done for every turn, twice
        if hint in folded:
            return True
    return False


def parse(prompt: str) -> Command:
    """What ``prompt`` asks for. A question asks for nothing, but "can you remember that my..." and what stands before."""
    if not _may_ask(prompt[:COMMAND_CHARS_MAX].casefold()):
        return _NOTHING
    text = " ".join(prompt[:COMMAND_CHARS_MAX].translate(_TYPOGRAPHIC).split())
    if _OVERVIEW.fullmatch(text.rstrip("?!. ")):
        return Command(Ask.OVERVIEW)
    sentences = _SENTENCE_END.split(text)
    told = sentences.copy()
    while told and told[-1].endswith("?"):
        told.pop()
    command = _told(" ".join(told))
    if len(told) < len(sentences) and command.ask is Ask.FORGET_LAST:
        return _NOTHING  # "forget that" before a question says no more than "well"
    return _asked(text) if command is _NOTHING and len(sentences) == 1 else command


def _told(text: str) -> Command:
    text = _POLITE_END.sub("", _POLITE.sub("", text.rstrip(".! "))).rstrip(",")
    for ask, pattern in _COMPILED:
        found = pattern.fullmatch(text)
        if found:
            return Command(ask, found.groupdict().get("text", "").strip())
    return _NOTHING


def _asked(text: str) -> Command:
    plain = _POLITE.sub("", text.rstrip("?!. "))
    asked = _CAN_YOU.match(plain)
    if asked is None:
        return _NOTHING
    command = _told(_INFINITIVE.sub(lambda verb: _IMPERATIVES[verb[0].casefold()], plain[asked.end() :]))
    if command.ask is Ask.REMEMBER:
        return command if _ON_ONESELF.match(command.text) else _NOTHING
    return command if command.ask in FORGETTING and _SURELY.search(plain) else _NOTHING
