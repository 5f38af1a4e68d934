# ruff: noqa: E501  # tables of patterns read best one to a line
"""Secrets that are never stored: passwords, codes, card and account numbers, keys. Labels in English and Russian."""

import re

WITHHELD = "[not stored]"
_LABEL = (
    r"(?:pass(?:word|code|phrase)s?(?! manager)|pin(?:[ -]?code)?|cv[vc]2?|security code|(?:api|secret|private|access|ssh)[ -]?keys?"
    r"|(?:access|auth|bearer) tokens?|token|seed phrase|recovery (?:phrase|code|key)s?"
    r"|парол[ьяеию]\w*|пин(?:[ -]?код\w*)?|код (?:доступа|безопасности)|(?:секретн|приватн|закрыт)\w+ ключ\w*"
    r"|(?:api|апи)[ -]?ключ\w*|ключ\w* (?:api|апи)|токен\w*|сид[ -]?фраз\w*)"
)
_LINK = r"(?:\s+(?:to|for|of|on|from|от|для|к|на)\s+[^.!?;\n]{1,60}?)?\s*(?:\bis\b|\bare\b|\bwas\b|[:=]|[—–]|\s-\s|\bэто\b|\bтакой\b)"
_LABELLED = re.compile(rf"\b{_LABEL}{_LINK}\s*[^\n]+", re.IGNORECASE)
_BARE_LABELLED = re.compile(rf"\b{_LABEL}\s+(?=\S*[\d_#$%&*@!])\S{{3,}}", re.IGNORECASE)
_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{8,}"
    r"|\bAKIA[0-9A-Z]{12,}|\bgh[pousr]_\w{16,}|\bxox[abpr]-[\w-]{8,}|\bAIza[\w-]{20,}|\bglpat-[\w-]{12,}"
    r"|\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?"
    r"|(?<![A-Za-z0-9+/_=-])(?=[A-Za-z0-9+/_=-]*+(?<=[A-Za-z0-9+/_=-]{24}))(?=[^A-Za-z\s]*[A-Za-z])(?=[^\d\s]*\d)[A-Za-z0-9+/_=-]{24,}",
    re.DOTALL,
)
_DIGITS = re.compile(r"(?<!\d)\d(?:[ \u00a0.-]?\d){12,18}(?!\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_NINE, _TEN, _NINETY_SEVEN, _IBAN_HEAD = 9, 10, 97, 4


def _luhn(number: str) -> bool:
    digits = [int(letter) for letter in number if letter.isdigit()]
    doubled = [digit * 2 - _NINE * (digit * 2 > _NINE) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % _TEN == 0


def _iban(text: str) -> bool:
    plain = text.replace(" ", "")
    moved = plain[_IBAN_HEAD:] + plain[:_IBAN_HEAD]
    return int("".join(str(int(letter, 36)) for letter in moved)) % _NINETY_SEVEN == 1


# What every pattern above needs: most talk has none of it, and is told apart in a tenth of the time.
_SHAPE_HINT = re.compile(r"\d|BEGIN |[spr]k[-_]|AKIA|gh[pousr]_|xox|AIza|glpat|eyJ")
_LABEL_HINT = re.compile(r"pass|pin|cv[vc]|code|key|token|phrase|парол|пин|код|ключ|токен|фраз")


def redact(text: str) -> str:
    """``text`` with every secret replaced by ``WITHHELD``."""
    if _SHAPE_HINT.search(text):
        text = _SHAPES.sub(WITHHELD, text)
        text = _DIGITS.sub(lambda found: WITHHELD if _luhn(found[0]) else found[0], text)
        text = _IBAN.sub(lambda found: WITHHELD if _iban(found[0]) else found[0], text)
    if _LABEL_HINT.search(text.casefold()):
        text = _BARE_LABELLED.sub(WITHHELD, _LABELLED.sub(WITHHELD, text))
    return text


def holds_secret(text: str) -> bool:
    """Whether ``text`` says one."""
    return redact(text) != text
