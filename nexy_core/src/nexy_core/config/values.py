"""From what an operator wrote to a value of the declared type, or to what is wrong with it."""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from nexy_core.errors import ConfigError
from nexy_core.settings import Percent, Setting, Value

MASK = "***"
MAX_SHOWN_CHARS = 120
MIN_SECRET_CHARS = 8
PERCENT_ALL = 100.0
TRUE_WORDS = frozenset({"true", "1", "yes", "on"})
FALSE_WORDS = frozenset({"false", "0", "no", "off"})
KIND_WORDS: Mapping[type[Any], str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Percent: "true, false or a percentage from 0 to 100",
    list: "a list of texts",
    dict: "a table of texts",
}
_SECRET_NAME = re.compile(r"key|token|secret|passw|credential|dsn|url|auth", re.IGNORECASE)
_SECRET_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]*(?=@)")


class BadValue(Exception):
    """What is wrong with a value; the text never repeats the value."""


@attrs.frozen
class Problem:
    """One mistake in the settings: which key, with what value, from where, what is wrong and what to do."""

    key: str
    value: str
    source: str
    fault: str
    remedy: str

    def __str__(self) -> str:
        shown = f" = {self.value}" if self.value else ""
        return f"{self.key}{shown} ({self.source}): {self.fault}. {self.remedy}"

    def for_log(self) -> str:
        """Without the value, which may be a secret under a wrong name."""
        return f"{self.key} ({self.source}): {self.fault}. {self.remedy}"


class SettingsError(ConfigError):
    """All the mistakes in the settings, one a line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n  ".join([f"{count} in the settings:", *map(str, problems)]))
        self.problems = problems


def secret_name(variable: str) -> bool:
    """Does a variable's name say that it holds a secret (another library's key, perhaps)?"""
    return bool(_SECRET_VARIABLE.search(variable))


def shown(value: object, *, secret: bool) -> str:
    """A value as a person may see it: secrets masked, passwords in addresses too, long ones cut."""
    if secret and value != "":
        return MASK
    text = _toml(value)
    text = _URL_PASSWORD.sub(MASK, text)
    return text if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + "…"


def shown_unknown(key: str, value: object, *, secret: bool = False) -> str:
    """The value of a key nobody declared, which may be a misspelt secret: only what cannot be one is shown.

    ``secret``: its table has secrets.
    """
    harmless = isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) < MIN_SECRET_CHARS)
    return shown(value, secret=secret or not harmless or bool(_SECRET_NAME.search(key)))


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Percent):
        return f"{float(value):g}%"
    if isinstance(value, str):
        return '"' + "".join(char if char.isprintable() else repr(char)[1:-1] for char in value) + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    return str(value)


def parse(setting: Setting, raw: object, *, text: bool) -> Value:
    """The value of ``setting`` from ``raw``; ``text``: it came from an environment variable.

    Raises ``BadValue``.
    """
    value = _READERS[setting.kind](_from_text(setting, raw) if text and isinstance(raw, str) else raw)
    _check_range(setting, value)
    return value


def _from_text(setting: Setting, raw: str) -> object:
    word = raw.strip()
    if setting.kind is str:
        return raw
    if setting.kind in {list, dict}:
        return _from_toml(word, is_list=setting.kind is list)
    if setting.kind is bool or (setting.kind is Percent and not word.isdigit()):
        return _switch(word)
    return _number(word)


def _switch(word: str) -> object:
    if word.lower() in TRUE_WORDS | FALSE_WORDS:
        return word.lower() in TRUE_WORDS
    return _number(word)


def _number(word: str) -> object:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _from_toml(word: str, *, is_list: bool) -> object:
    if is_list and not word.startswith("["):
        return [item.strip() for item in word.split(",") if item.strip()]
    return parse_toml(word)


def parse_toml(word: str) -> object:
    """A TOML value written in an environment variable. Raises ``BadValue``."""
    try:
        return tomllib.loads(f"value = {word}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        raise BadValue("is not valid TOML") from None


def _bool(raw: object) -> Value:
    if not isinstance(raw, bool):
        raise BadValue(f"must be {KIND_WORDS[bool]}")
    return raw


def _int(raw: object) -> Value:
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise BadValue(f"must be {KIND_WORDS[int]}")
    return raw


def _float(raw: object) -> Value:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        raise BadValue(f"must be {KIND_WORDS[float]}")
    return float(raw)


def _str(raw: object) -> Value:
    if not isinstance(raw, str):
        raise BadValue(f"must be {KIND_WORDS[str]}, in quotes")
    if "\0" in raw:
        raise BadValue("must not contain a zero character")
    return raw


def _percent(raw: object) -> Value:
    if isinstance(raw, bool):
        return Percent(PERCENT_ALL if raw else 0)
    if not isinstance(raw, int | float) or not 0 <= raw <= PERCENT_ALL:
        raise BadValue(f"must be {KIND_WORDS[Percent]}")
    return Percent(raw)


def _list(raw: object) -> Value:
    if not isinstance(raw, list | tuple) or not all(isinstance(item, str) for item in raw):
        raise BadValue(f"must be {KIND_WORDS[list]}")
    return list(raw)


def _dict(raw: object) -> Value:
    if not isinstance(raw, Mapping) or not all(isinstance(item, str) for item in raw.values()):
        raise BadValue(f"must be {KIND_WORDS[dict]}")
    return {str(key).lower(): str(item) for key, item in raw.items()}


_READERS: Mapping[type[Any], Callable[[object], Value]] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    Percent: _percent,
    list: _list,
    dict: _dict,
}


def _own_check(setting: Setting, value: Value) -> str:
    try:
        return setting.check(value) if setting.check else ""
    except Exception as error:  # noqa: BLE001  # isolation: a plugin's function may raise anything
        return f"cannot be checked: {type(error).__name__}"


def _check_range(setting: Setting, value: Value) -> None:
    if isinstance(value, int | float):
        if setting.minimum is not None and value < setting.minimum:
            raise BadValue(f"must be at least {setting.minimum:.12g}")
        if setting.maximum is not None and value > setting.maximum:
            raise BadValue(f"must be at most {setting.maximum:.12g}")
    named = value if isinstance(value, list) else [value]
    if setting.choices and any(item not in setting.choices for item in named):
        raise BadValue(f"must be one of {', '.join(setting.choices)}")
    if fault := _own_check(setting, value):
        raise BadValue(fault)
