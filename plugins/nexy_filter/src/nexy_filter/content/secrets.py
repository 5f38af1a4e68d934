"""Secrets that must not be read aloud: card numbers (by their checksum), keys and tokens, passwords that are named."""

import re
from collections.abc import Iterator

_CARD = re.compile(r"(?<![\d.,-])\d(?:[ \u00a0-]?\d){12,18}(?![\d-]|[.,]\d)")
_CARD_STARTS = ("2", "3", "4", "5", "6")
_TOKENS = re.compile(
    r"""
    \b(?:
        sk-[A-Za-z0-9_-]{16,}                      # OpenAI, Anthropic, and others after them
      | (?:AKIA|ASIA)[0-9A-Z]{16}                  # AWS
      | gh[pousr]_[A-Za-z0-9]{30,}                 # GitHub
      | github_pat_[A-Za-z0-9_]{30,}
      | glpat-[A-Za-z0-9_-]{20,}                   # GitLab
      | xox[abeprs]-[A-Za-z0-9-]{10,}              # Slack
      | AIza[0-9A-Za-z_-]{35}                      # Google
      | hf_[A-Za-z0-9]{30,}                        # Hugging Face
      | (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}  # Stripe
      | eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*  # JWT
      | [0-9]{8,10}:[A-Za-z0-9_-]{35}              # Telegram
    )
    """,
    re.VERBOSE,
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_NAMED = re.compile(
    r"(?:\b(?:password|passwd|passphrase|pwd|(?:api|secret)[ _-]?key|(?:access|auth)[ _-]?token|pin(?: code)?|cvv)"
    r"|(?<!\w)(?:парол[ья]|пин-?код|ключ api|api-?ключ|токен))"
    r"[\"'`*]{0,3}\s?(?:[:=]|\bis\b:?|—|-)[\"'`*]{0,3}\s?[\"'`*«“]{0,3}(?P<value>[^\s\"'`*»”,;]{4,})",
    re.IGNORECASE,
)
# What each kind cannot do without: nearly no sentence has any of it, and these are found in a tenth of the time.
_DIGIT = re.compile(r"\d")
_LONG_RUN = re.compile(r"\S{15}")
_DOTS = str.maketrans({"ı": "i", "\u0307": ""})  # re.IGNORECASE takes any i for an i, casefold does not
_NAMES = ("pass", "pwd", "key", "token", "pin", "cvv", "парол", "пин", "ключ", "токен")
_STRONG = re.compile(r"[\d_!@#$%^&+=~-]")


def find_secrets(text: str) -> Iterator[tuple[int, int]]:
    """The spans of the secrets in ``text``."""
    if _DIGIT.search(text):
        yield from (match.span() for match in _CARD.finditer(text) if _is_card(match[0]))
    if _LONG_RUN.search(text):
        yield from (match.span() for match in _TOKENS.finditer(text))
    if "-----BEGIN" in text:
        yield from (match.span() for match in _PRIVATE_KEY.finditer(text))
    if _names_a_secret(text.casefold().translate(_DOTS)):
        yield from _named(text)


def _names_a_secret(folded: str) -> bool:
    for name in _NAMES:  # noqa: SIM110  # any() takes twice the time, and this is done for every sentence
        if name in folded:
            return True
    return False


def _named(text: str) -> Iterator[tuple[int, int]]:
    for match in _NAMED.finditer(text):
        value = match["value"].rstrip(".!?")
        if _STRONG.search(value):  # "the password is wrong" names no password
            yield match.start("value"), match.start("value") + len(value)


def _is_card(written: str) -> bool:
    digits = [int(char) for char in written if char.isdigit()]
    return written.startswith(_CARD_STARTS) and len(set(digits)) > 1 and _luhn(digits)


def _luhn(digits: list[int]) -> bool:
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]  # noqa: PLR2004  # the checksum's own numbers
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
