"""One decision, one line (C18): the words of ``decision``, how a line is written and how it is read back."""

import json
import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote_json
from typing import Any

import attrs

MAX_TEXT_CHARS = 500
MASK = "***"
CACHED_WORDS = 1024
"""Scopes, methods, decisions and keys are few and come again and again."""
_MS_PER_SECOND = 1000
_FRACTIONS = tuple(f".{ms:03d}Z" for ms in range(_MS_PER_SECOND))
LEVEL_NUMBERS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
_NUMBERS = frozenset({int, float, bool, type(None)})
_UNCHANGING = _NUMBERS | {str}
_PLAIN_WORD = re.compile(r"[!-~]+")
_UNSAFE = re.compile(r"[^!-~]+")
_LINE = re.compile(
    r"ts=(?P<ts>\S+) level=(?P<level>[A-Z]+) scope=(?P<scope>\S+) method=(?P<method>\S+) "
    r"decision=(?P<decision>[a-z_]+) ctx=(?P<ctx>\{.*\}) dur_ms=(?P<dur_ms>\d+)"
)


class Decision(StrEnum):
    """Every value ``decision=`` can have."""

    # a call
    START = "start"
    ABORT = "abort"
    COMPLETE = "complete"
    REFUSE = "refuse"
    ERROR = "error"
    # a turn
    DEGRADE = "degrade"
    ACTION = "action"
    WITHHOLD = "withhold"
    NOTE = "note"
    FALLBACK = "fallback"
    # plugins and capabilities
    LOAD = "load"
    ENABLE = "enable"
    DISABLE = "disable"
    QUARANTINE = "quarantine"
    TRIP = "trip"
    RECOVER = "recover"
    # the server
    LISTEN = "listen"
    WARN = "warn"
    RELOAD = "reload"
    DRAIN = "drain"
    STOP = "stop"
    METRICS = "metrics"
    # what is no decision of ours
    LOG = "log"
    DROP = "drop"


@attrs.frozen
class Line:
    """A line read back."""

    ts: datetime
    level: str
    scope: str
    method: str
    decision: Decision
    ctx: Mapping[str, Any]
    dur_ms: int


def format_line(
    at: float,
    level: str,
    scope: str,
    method: str,
    decision: str,
    ctx: Mapping[str, object] | str,
    dur_ms: int,
) -> str:
    """The line without its newline; whatever is in the arguments, it stays one line and parses.

    ``at`` is in seconds since 1970; ``ctx`` may be encoded already.
    """
    second = int(at)
    return (
        f"ts={_second(second)}{_FRACTIONS[int((at - second) * _MS_PER_SECOND)]} "
        f"{_head(level, scope, method, decision)}{ctx if isinstance(ctx, str) else _encode_context(ctx)} "
        f"dur_ms={max(0, dur_ms)}"
    )


@lru_cache(1)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


@lru_cache(CACHED_WORDS)
def _head(level: str, scope: str, method: str, decision: str) -> str:
    return f"level={level} scope={_word(scope)} method={_word(method)} decision={decision!s} ctx="


def _word(text: str) -> str:
    if _PLAIN_WORD.fullmatch(text):
        return text[:MAX_TEXT_CHARS]
    return _UNSAFE.sub("_", text)[:MAX_TEXT_CHARS] or "-"


def settle_context(ctx: Mapping[str, object]) -> Mapping[str, object] | str:
    """What ``format_line`` may be given later.

    Words and numbers stay as they are, tables of numbers are copied, what else may change is encoded now.
    """
    if _UNCHANGING.issuperset(map(type, ctx.values())):
        return ctx
    tables = {key: _copied(value) for key, value in ctx.items() if type(value) not in _UNCHANGING}
    return _encode_context(ctx) if None in tables.values() else {**ctx, **tables}


def _copied(value: object) -> dict[Any, Any] | None:
    """A copy of a table of numbers; ``None`` for anything else."""
    return dict(value) if type(value) is dict and _NUMBERS.issuperset(map(type, value.values())) else None


def _encode_context(ctx: Mapping[str, object]) -> str:
    return "{" + ",".join([f"{_encode_key(key)}{_encode(value)}" for key, value in ctx.items()]) + "}"


@lru_cache(CACHED_WORDS)
def _encode_key(key: str) -> str:
    return _encode_text(str(key)) + ":"


def _encode(value: object) -> str:
    kind = type(value)
    if kind is str:
        return _encode_text(value)  # type: ignore[arg-type]  # kind says so
    if kind is int:
        return str(value)
    if kind is float:
        return _encode_float(value)  # type: ignore[arg-type]  # kind says so
    if kind is bool:
        return "true" if value else "false"
    return _encode_other(value)


def _encode_text(value: str) -> str:
    if len(value) > MAX_TEXT_CHARS:
        value = value[:MAX_TEXT_CHARS] + "…"
    return quote_json(value)


def _encode_other(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, int | float):
        return str(int(value)) if isinstance(value, int) else _encode_float(value)
    if isinstance(value, Mapping):
        return _encode_context(value)
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ",".join([_encode(item) for item in value]) + "]"
    # Of other things only the type is known to be harmless.
    return _encode_text(str(value) if isinstance(value, str) else type(value).__name__)


def _encode_float(value: float) -> str:
    text = f"{value:.6g}"
    return text if text not in {"nan", "inf", "-inf"} else f'"{text}"'


def parse_line(text: str) -> Line | None:
    """The decision in a line, or ``None`` for what is no decision line."""
    found = _LINE.fullmatch(text.rstrip("\n"))
    if found is None:
        return None
    try:
        ctx = json.loads(found["ctx"])
        return Line(
            datetime.fromisoformat(found["ts"]).astimezone(UTC),
            found["level"],
            found["scope"],
            found["method"],
            Decision(found["decision"]),
            ctx,
            int(found["dur_ms"]),
        )
    except (ValueError, RecursionError, OverflowError):
        return None


def hide_secrets(line: str, secrets: Iterable[str]) -> str:
    """The line with each secret masked where others' words stand, so that it stays a line whatever the secret is."""
    found = _LINE.fullmatch(line)
    if found is None:
        return MASK
    scope, method, ctx = found["scope"], found["method"], json.loads(found["ctx"])
    for secret in secrets:
        scope, method = scope.replace(secret, MASK), method.replace(secret, MASK)
        ctx = _masked(ctx, secret)
    return (
        f"ts={found['ts']} level={found['level']} scope={scope} method={method} decision={found['decision']} "
        f"ctx={json.dumps(ctx, separators=(',', ':'))} dur_ms={found['dur_ms']}"
    )


def _masked(value: Any, secret: str) -> Any:
    if isinstance(value, dict):
        return {key.replace(secret, MASK): _masked(item, secret) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, secret) for item in value]
    if isinstance(value, str):
        return value.replace(secret, MASK)
    return MASK if secret in json.dumps(value) else value
