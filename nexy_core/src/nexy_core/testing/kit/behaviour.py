"""The rules of a capability at work, each checked on the real object."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Any

import attrs

from nexy_core.capability import ROLES, Capability
from nexy_core.errors import ErrorType, NexyError
from nexy_core.events import AudioChunk, Sentence, Status, TextDelta
from nexy_core.plugins.bounded import bounded
from nexy_core.plugins.loader import describe
from nexy_core.plugins.route import event_types
from nexy_core.testing.kit.rules import Broken, Rule
from nexy_core.testing.kit.samples import Samples, samples_for
from nexy_core.testing.kit.watch import Traces, loop_lag, settled

CANCEL_MS = 100
BLOCK_MS = 50
STATUS_MS = 20
ATTEMPTS = 3
STARTED_SECONDS = 0.03
REQUEST_SECONDS = 60.0
CLEANUP_SECONDS = 5.0
TOGETHER = 3
FRAME_BYTES = 2
MAX_EVENTS = 20

Classify = Callable[[BaseException], ErrorType | None]


@attrs.frozen(eq=False)
class Subject:
    """A capability under check."""

    capability: Capability[Any, Any]
    classify: Classify
    initialize_seconds: float = REQUEST_SECONDS

    @property
    def role(self) -> type[Capability[Any, Any]]:
        """The role it plays."""
        return next(role for role in ROLES if isinstance(self.capability, role))

    @property
    def samples(self) -> Samples:
        """Requests for it."""
        return samples_for(self.capability)

    def where(self, method: str = "process") -> str:
        """For a report."""
        return f"{type(self.capability).__module__}.{type(self.capability).__qualname__}.{method}"

    def broken(self, rule: Rule, seen: str, method: str = "process") -> Broken:
        """The finding as an exception."""
        return Broken(rule, seen, self.where(method))

    async def all(self, request: Any) -> list[Any]:
        """The events of one request; a long answer is closed after ``MAX_EVENTS``."""
        found: list[Any] = []
        async with asyncio.timeout(REQUEST_SECONDS), aclosing(self.open(request)) as events:
            async for event in events:
                found.append(event)
                if len(found) == MAX_EVENTS:
                    break
        return found

    def open(self, request: Any) -> Any:
        """The events of one request, as a stream that can be closed."""
        return self.capability.process(request)


async def status(subject: Subject) -> None:
    """``Rule.STATUS``, in the state it is in."""
    fastest = float("inf")
    for _ in range(ATTEMPTS):
        started = time.perf_counter()
        try:
            answer = subject.capability.status()
        except Exception as error:
            raise subject.broken(Rule.STATUS, f"it raised {describe(error)}", "status") from error
        fastest = min(fastest, (time.perf_counter() - started) * 1000)
        if not isinstance(answer, Status):
            raise subject.broken(Rule.STATUS, f"it returned {type(answer).__name__}", "status")
    if fastest > STATUS_MS:
        raise subject.broken(Rule.STATUS, f"it took {fastest:.0f} ms", "status")


async def initialize(subject: Subject) -> None:
    """``Rule.INITIALIZE``."""
    error = await bounded(subject.capability.initialize, subject.initialize_seconds)
    if error is not None:
        raise subject.broken(Rule.INITIALIZE, describe(error), "initialize")


async def cleanup(subject: Subject) -> None:
    """``Rule.CLEANUP``, twice."""
    for turn in ("the first", "the second"):
        error = await bounded(subject.capability.cleanup, CLEANUP_SECONDS)
        if error is not None:
            raise subject.broken(Rule.CLEANUP, f"{turn} call: {describe(error)}", "cleanup")


async def events(subject: Subject) -> None:
    """``Rule.EVENTS``."""
    for request in subject.samples.ordinary:
        try:
            found = await subject.all(request)
        except (Exception, SystemExit) as error:
            seen = f"{type(request).__name__} raised {describe(error)}"
            raise subject.broken(Rule.EVENTS, seen) from error
        for event in found:
            if not isinstance(event, event_types(subject.role)):
                raise subject.broken(Rule.EVENTS, f"it yielded {type(event).__name__}")
            _check_shape(subject, event)
        _check_count(subject, found)


def _check_shape(subject: Subject, event: object) -> None:
    match event:
        case AudioChunk(data=data) if not data or len(data) % FRAME_BYTES:
            raise subject.broken(Rule.EVENTS, f"an audio chunk of {len(data)} bytes")
        case TextDelta(text=text) if not isinstance(text, str):
            raise subject.broken(Rule.EVENTS, f"a delta with {type(text).__name__} for text")
        case Sentence(shown=shown, spoken=spoken) if not isinstance(shown, str) or not isinstance(spoken, str):
            raise subject.broken(Rule.EVENTS, "a sentence without texts")


def _check_count(subject: Subject, found: list[Any]) -> None:
    needed = subject.samples.needs_event
    if needed is not None and not any(isinstance(event, needed) for event in found):
        raise subject.broken(Rule.EVENTS, f"no {needed.__name__} for an ordinary request")
    if subject.samples.exactly_one and len(found) != 1:
        raise subject.broken(Rule.EVENTS, f"{len(found)} events where one is due")


async def cancel(subject: Subject) -> None:
    """``Rule.CANCEL`` and ``Rule.SWALLOW``: closed after the first event, cancelled before it and in between."""
    took = [await _close_after_first(subject) for _ in range(ATTEMPTS)]
    if min(took) > CANCEL_MS:
        raise subject.broken(Rule.CANCEL, f"closing took {min(took):.0f} ms")
    for after in (0, 1):
        took = [await _cancel_waiting(subject, after) for _ in range(ATTEMPTS)]
        if min(took) > CANCEL_MS:
            raise subject.broken(Rule.CANCEL, f"cancelling took {min(took):.0f} ms")


async def _close_after_first(subject: Subject) -> float:
    stream = subject.capability.process(subject.samples.ordinary[0])
    async with asyncio.timeout(REQUEST_SECONDS):
        with suppress(StopAsyncIteration):
            await anext(stream)
    close = getattr(stream, "aclose", None)
    if close is None:
        raise subject.broken(Rule.CANCEL, f"{type(stream).__name__} has no aclose()")
    started = time.perf_counter()
    error = await bounded(close, CANCEL_MS / 1000 * ATTEMPTS)
    if error is not None and not isinstance(error, TimeoutError):
        raise subject.broken(Rule.CANCEL, f"closing raised {describe(error)}")
    if error is None and getattr(stream, "ag_frame", None) is not None:
        raise subject.broken(Rule.CANCEL, "it is still open after closing")
    return (time.perf_counter() - started) * 1000


async def _cancel_waiting(subject: Subject, after: int) -> float:
    """How long a cancelled reader takes to end, after ``after`` events."""
    read = asyncio.Event()

    async def consume() -> None:
        async with aclosing(subject.open(subject.samples.ordinary[0])) as stream:
            if after:
                with suppress(StopAsyncIteration):
                    await anext(stream)
            read.set()
            async for _ in stream:
                pass

    task = asyncio.create_task(consume())
    async with asyncio.timeout(REQUEST_SECONDS):
        waiting = asyncio.create_task(read.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    await asyncio.wait([task], timeout=STARTED_SECONDS)
    running = not task.done()
    started = time.perf_counter()
    task.cancel()
    await asyncio.wait([task], timeout=CANCEL_MS / 1000 * ATTEMPTS)
    took = (time.perf_counter() - started) * 1000
    if running and task.done() and not task.cancelled():
        raise subject.broken(Rule.SWALLOW, f"a cancelled process() ended with {_outcome(task)}")
    return took


def _outcome(task: asyncio.Task[None]) -> str:
    error = task.exception()
    return describe(error) if error else "no exception"


async def loop_free(subject: Subject) -> None:
    """``Rule.LOOP``: the best of some attempts counts, for the machine may stutter."""
    for request in subject.samples.ordinary:
        longest = float("inf")
        for _ in range(ATTEMPTS):
            async with loop_lag() as lag:
                await subject.all(request)
            longest = min(longest, lag.longest_ms)
            if longest <= BLOCK_MS:
                break
        if longest > BLOCK_MS:
            raise subject.broken(Rule.LOOP, f"it was held for {longest:.0f} ms")


async def together(subject: Subject) -> None:
    """``Rule.TOGETHER``: each of several requests ends as it does alone, while others are closed."""
    request = subject.samples.ordinary[-1]
    alone = len(await subject.all(request))
    work = [subject.all(request) for _ in range(TOGETHER)]
    *results, closed = await asyncio.gather(*work, _close_after_first(subject), return_exceptions=True)
    failed = next((result for result in (*results, closed) if isinstance(result, BaseException)), None)
    if failed is not None:
        raise subject.broken(Rule.TOGETHER, f"one of several raised {describe(failed)}")
    counts = [len(result) for result in results if isinstance(result, list)]
    if any(bool(count) != bool(alone) for count in counts):
        raise subject.broken(Rule.TOGETHER, f"{alone} events alone, {counts} together")


async def errors(subject: Subject) -> None:
    """``Rule.ERRORS``."""
    for request in subject.samples.odd:
        stream: AsyncIterator[Any] = subject.capability.process(request)
        try:
            async with asyncio.timeout(REQUEST_SECONDS), aclosing(stream) as found:  # type: ignore[type-var]
                async for _ in found:
                    break
        except NexyError:
            continue
        except (Exception, SystemExit) as error:
            if subject.classify(error) is None:
                seen = f"an odd {type(request).__name__} raised {type(error).__name__}"
                raise subject.broken(Rule.ERRORS, seen) from error


async def leaves_no_task(subject: Subject) -> None:
    """``Rule.LEFTOVERS``, of one request: finished, and closed early."""
    before = Traces.now()
    for request in subject.samples.ordinary:
        await subject.all(request)
        await _close_after_first(subject)
    left = await settled(before.new_tasks)
    if left:
        raise subject.broken(Rule.LEFTOVERS, f"after a request: {left[0]}")
