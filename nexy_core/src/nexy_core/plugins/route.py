"""From the core to the capabilities of one role: isolation, failure counts, failover.

This is the only wrapper around a capability's iterator.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from typing import Any, get_args

import attrs

from nexy_core.capability import Capability
from nexy_core.decisions import Decision
from nexy_core.errors import (
    Cancelled,
    Degraded,
    ErrorType,
    NexyError,
    RateLimitExceeded,
    StreamLimitExceeded,
    TimedOut,
    Unavailable,
    ValidationFailed,
)
from nexy_core.events import Health, Status
from nexy_core.plugins.breaker import Breaker

logger = logging.getLogger(__name__)

AnyRole = type[Capability[Any, Any]]
CLOSE_TIMEOUT_SECONDS = 2.0
_BLAMELESS = (Degraded, ValidationFailed, Cancelled)
_ERRORS: Mapping[ErrorType, type[NexyError]] = {
    ErrorType.TIMEOUT: TimedOut,
    ErrorType.UNAVAILABLE: Unavailable,
    ErrorType.CANCELLED_BY_USER: Cancelled,
    ErrorType.STREAM_LIMIT_EXCEEDED: StreamLimitExceeded,
    ErrorType.RATE_LIMIT_EXCEEDED: RateLimitExceeded,
    ErrorType.VALIDATION_FAILED: ValidationFailed,
    ErrorType.INTERNAL: NexyError,
}


@attrs.define(eq=False)
class Provider:
    """One capability in service. ``users`` counts the calls and turns that still need it."""

    plugin: str
    capability: Capability[Any, Any]
    breaker: Breaker
    killed: bool = False
    users: int = 0
    _idle: asyncio.Event = attrs.field(factory=asyncio.Event)

    def acquire(self) -> None:
        """Keep it from being cleaned up."""
        self.users += 1
        self._idle.clear()

    def release(self) -> None:
        """Undo one ``acquire``."""
        self.users -= 1
        if not self.users:
            self._idle.set()

    async def idle(self) -> None:
        """Wait until nobody uses it."""
        while self.users:
            await self._idle.wait()

    def serves(self) -> bool:
        """Whether a call may go to it now."""
        return not self.killed and self.breaker.allows()

    def status(self) -> Status:
        """The capability's own word, isolated."""
        try:
            status = self.capability.status()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # isolation: plugins may raise anything
            return Status(Health.FAILED, f"status() raised {type(error).__name__}")
        return status if isinstance(status, Status) else Status(Health.FAILED, "status() returned no Status")


@attrs.define(eq=False)
class Call:
    """One running call: since when it waits for its capability (0: it does not), and in which task."""

    provider: Provider
    role: AnyRole
    task: asyncio.Task[Any] | None
    cancels_before: int
    waiting_since: float = 0.0
    stalled: bool = False
    delivered: bool = False


@attrs.frozen(eq=False)
class Supervision:
    """What the host lends to every route: error names, decision lines, the running calls."""

    classify: Callable[[BaseException], ErrorType]
    note: Callable[..., None]
    patience: Callable[[AnyRole], float]
    calls: set[Call] = attrs.field(factory=set)


class Route:
    """Stands for a role: serves each request by the first capability that can, in the operator's order."""

    def __init__(self, role: AnyRole, providers: tuple[Provider, ...], supervision: Supervision) -> None:
        self.role = role
        self.providers = providers
        self._supervision = supervision
        self._events = event_types(role)

    def only(self, wanted: Callable[[str], bool]) -> "Route":
        """This route with the plugins that are ``wanted``; itself when all are."""
        providers = tuple(provider for provider in self.providers if wanted(provider.plugin))
        return self if len(providers) == len(self.providers) else Route(self.role, providers, self._supervision)

    def available(self) -> bool:
        """Whether any capability may be called now."""
        return next(self._candidates(), None) is not None

    def status(self) -> Status:
        """That of the capability which would serve now."""
        serving = next(self._candidates(), None)
        return serving.status() if serving else Status(Health.FAILED, "nothing serves this role")

    async def process(self, request: object) -> AsyncGenerator[Any]:
        """One request. Raises ``NexyError`` only, besides cancellation. One task takes all its events."""
        failure: NexyError | None = None
        for provider in self.providers:
            if not provider.serves():
                continue
            self._note_fallback(provider, failure)
            call = self._begin(provider)
            events: AsyncIterator[Any] | None = None
            try:
                events = provider.capability.process(request)
                loop_time = asyncio.get_running_loop().time
                call.waiting_since = loop_time()
                async for event in events:
                    call.waiting_since = 0.0
                    self._check(call, event)
                    call.delivered = True
                    yield event
                    call.waiting_since = loop_time()
            except (KeyboardInterrupt, GeneratorExit):
                raise
            except BaseException as error:  # noqa: BLE001  # isolation
                failure = self._failed(call, error)
            else:
                events = None  # it ended by itself: nothing is left to close
                self._succeeded(call)
                return
            finally:
                await _close(events)
                self._end(call)
            if call.delivered or isinstance(failure, ValidationFailed | Cancelled):
                break
        raise failure or Unavailable(f"The assistant's {self.role.role} part is not available right now.")

    # --- bookkeeping ----------------------------------------------------------------------------

    def _candidates(self) -> Iterator[Provider]:
        return (provider for provider in self.providers if provider.serves())

    def _note_fallback(self, provider: Provider, failure: NexyError | None) -> None:
        if failure is not None:
            about = {"role": self.role.role, "plugin": provider.plugin, "reason": failure.reason}
            self._supervision.note(Decision.FALLBACK, **about)

    def _begin(self, provider: Provider) -> Call:
        provider.acquire()
        provider.breaker.begin()
        task = asyncio.current_task()
        call = Call(provider, self.role, task, task.cancelling() if task else 0)
        self._supervision.calls.add(call)
        return call

    def _end(self, call: Call) -> None:
        self._supervision.calls.discard(call)
        call.provider.release()
        if call.waiting_since and self._hung(call):
            self._count(call, "hung")
        else:
            call.provider.breaker.abandon()

    def _hung(self, call: Call) -> bool:
        """Whether the core lost patience with it, rather than the user."""
        return asyncio.get_running_loop().time() - call.waiting_since >= self._supervision.patience(self.role)

    def _check(self, call: Call, event: object) -> None:
        if call.task is not None and call.task.cancelling() > call.cancels_before:
            raise asyncio.CancelledError  # the capability swallowed it
        if not isinstance(event, self._events):
            raise NexyError(f"The {self.role.role} part answered nonsense.", reason="wrong_event")

    def _succeeded(self, call: Call) -> None:
        call.waiting_since = 0.0
        if call.stalled and call.task is not None:
            call.task.uncancel()  # given up, swallowed the cancel, and ended after all
        if call.provider.breaker.succeed():
            self._supervision.note(Decision.RECOVER, role=self.role.role, plugin=call.provider.plugin)

    def _failed(self, call: Call, error: BaseException) -> NexyError:
        """What the error means. Re-raises a cancellation that is not the capability's own."""
        if isinstance(error, asyncio.CancelledError):
            failure = self._from_cancel(call, error)
        else:
            failure = self._translate(error)
        call.waiting_since = 0.0
        if not isinstance(failure, _BLAMELESS):
            self._count(call, failure.reason, error)
        return failure

    def _from_cancel(self, call: Call, error: asyncio.CancelledError) -> NexyError:
        task = call.task
        cancels = task.cancelling() if task else 0
        if call.stalled and task is not None:
            cancels = task.uncancel()
            if cancels <= call.cancels_before:
                return TimedOut(f"The assistant's {self.role.role} part does not answer.", reason="stalled")
        if cancels > call.cancels_before:
            raise error
        return NexyError(f"The assistant's {self.role.role} part gave up.", reason="cancelled_itself")

    def _translate(self, error: BaseException) -> NexyError:
        if isinstance(error, NexyError):
            return error
        kind = _ERRORS[self._supervision.classify(error)]
        failure = kind(f"The assistant's {self.role.role} part failed.", reason=f"{self.role.role}_failed")
        failure.__cause__ = error
        return failure

    def _count(self, call: Call, reason: str, error: BaseException | None = None) -> None:
        tripped = call.provider.breaker.fail()
        kind = type(error).__name__ if error else ""
        about = {"role": self.role.role, "plugin": call.provider.plugin, "reason": reason, "error": kind}
        self._supervision.note(Decision.ERROR, **about)
        if tripped:
            self._supervision.note(Decision.TRIP, **about)


def event_types(role: AnyRole) -> tuple[type, ...]:
    """The events a role may yield, from its own declaration."""
    base = role.__orig_bases__[0]  # type: ignore[attr-defined]
    event = get_args(base)[1]
    return get_args(event) or (event,)


async def _close(events: AsyncIterator[Any] | None) -> None:
    """Run a capability's ``finally`` now, and not for ever."""
    close = getattr(events, "aclose", None)
    if close is None:
        return
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
            await close()
    except (KeyboardInterrupt, GeneratorExit, asyncio.CancelledError):
        raise
    except BaseException as error:  # noqa: BLE001  # isolation
        logger.warning("closing a capability's iterator raised %s", type(error).__name__)
