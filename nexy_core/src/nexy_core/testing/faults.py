"""Faults on demand for the fakes, written into a prompt or a setting.

A fault is ``[[PART.WHEN.KIND]]`` or ``[[PART.WHEN.KIND.ARGUMENT]]``:

- PART: ``llm``, ``tts``, ``filter``, ``recall``, ``remember``, ``store``, ``interrupt``, ``updates``
- WHEN: ``first`` (before the first event), ``mid`` (after the first event), ``last`` (after the last one)
- KIND: ``raise`` (ARGUMENT: an error type of the taxonomy, ``degraded``, ``foreign``, ``connection``, ``exit`` or
  ``cancel``), ``hang``, ``stubborn`` (hangs and ignores its first cancellation), ``sleep`` and ``block`` (ARGUMENT:
  milliseconds; ``block`` holds the event loop), ``garbage`` (an event of a wrong type), ``stop`` (ends early)
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any, TypeVar

import attrs

from nexy_core.errors import (
    Cancelled,
    Degraded,
    NexyError,
    RateLimitExceeded,
    StreamLimitExceeded,
    TimedOut,
    Unavailable,
    ValidationFailed,
)

EventT = TypeVar("EventT")
MARKER = re.compile(
    r"\[\[(?P<part>[a-z]+)\.(?P<when>first|mid|last)\.(?P<kind>[a-z]+)(?:\.(?P<argument>[a-z_0-9]+))?\]\]"
)
DEFAULT_MS = 100
_NEXY_ERRORS: Mapping[str, type[NexyError]] = {
    "timeout": TimedOut,
    "unavailable": Unavailable,
    "cancelled_by_user": Cancelled,
    "stream_limit_exceeded": StreamLimitExceeded,
    "rate_limit_exceeded": RateLimitExceeded,
    "validation_failed": ValidationFailed,
    "internal": NexyError,
    "degraded": Degraded,
}
_FOREIGN_ERRORS: Mapping[str, Callable[[], BaseException]] = {
    "foreign": lambda: RuntimeError("a secret of a library: hunter2"),
    "connection": lambda: ConnectionError("a peer's words"),
    "exit": SystemExit,
    "cancel": asyncio.CancelledError,
}


@attrs.frozen
class Fault:
    """One fault; see the module's text."""

    part: str
    when: str
    kind: str
    argument: str = ""


class Garbage:
    """An event no role knows."""


class _Stop(Exception):
    """End the events here."""


def find_faults(text: str, part: str) -> list[Fault]:
    """The faults of ``part`` that ``text`` asks for."""
    found = (Fault(**{key: value or "" for key, value in match.groupdict().items()}) for match in MARKER.finditer(text))
    return [fault for fault in found if fault.part == part]


def without_faults(text: str, *parts: str) -> str:
    """``text`` without the faults of ``parts``."""
    return MARKER.sub(lambda match: "" if match["part"] in parts else match[0], text)


async def with_faults(events: AsyncGenerator[EventT], faults: list[Fault]) -> AsyncIterator[EventT]:
    """``events``, disturbed by ``faults``."""
    if not faults:
        async with aclosing(events) as calm:
            async for event in calm:
                yield event
        return
    with suppress(_Stop):
        async with aclosing(_disturbed(events, faults)) as disturbed:
            async for event in disturbed:
                yield event


async def _disturbed(events: AsyncGenerator[EventT], faults: list[Fault]) -> AsyncGenerator[EventT]:
    async for wrong in _strike_all(faults, "first"):
        yield wrong
    begun = False
    async with aclosing(events) as source:
        async for event in source:
            yield event
            async for wrong in _strike_all([] if begun else faults, "mid"):
                yield wrong
            begun = True
    async for wrong in _strike_all(faults, "last"):
        yield wrong


async def _strike_all(faults: list[Fault], when: str) -> AsyncGenerator[Any]:
    for fault in faults:
        if fault.when == when:
            async for wrong in strike(fault):
                yield wrong


async def strike(fault: Fault) -> AsyncGenerator[Garbage]:
    """Do what ``fault`` says; yields only for ``garbage``."""
    match fault.kind:
        case "raise":
            raise _error(fault.argument)
        case "hang":
            await asyncio.Event().wait()
        case "stubborn":
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        case "sleep":
            await asyncio.sleep(_seconds(fault))
        case "block":
            time.sleep(_seconds(fault))  # noqa: ASYNC251  # blocking the loop is the fault
        case "stop":
            raise _Stop
        case "garbage":
            yield Garbage()
        case _:
            raise ValidationFailed(f"The fake knows no fault {fault.kind!r}.")


def _error(name: str) -> BaseException:
    if name in _NEXY_ERRORS:
        return _NEXY_ERRORS[name]("The fake failed, as asked.", reason=f"fake_{name}")
    return _FOREIGN_ERRORS[name or "foreign"]()


def _seconds(fault: Fault) -> float:
    return int(fault.argument or DEFAULT_MS) / 1000
