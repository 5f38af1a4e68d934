"""C15: every RPC's handler is wrapped; its start and its end are decisions, its errors are classified here."""

import asyncio
import contextlib
import inspect
import time
import traceback
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import grpc

from nexy_core.decisions import Decision, DecisionLog
from nexy_core.errors import ErrorType, NexyError
from nexy_core.metrics import Metrics
from nexy_core.transport.peers import Peers
from nexy_core.transport.taxonomy import TAXONOMY, safe_message, trailers

SCOPE = "grpc"
TRANSIENT = frozenset({ErrorType.TIMEOUT, ErrorType.UNAVAILABLE})
REFUSALS = frozenset({ErrorType.STREAM_LIMIT_EXCEEDED, ErrorType.RATE_LIMIT_EXCEEDED})
KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class Refused(Exception):
    """``failure`` came before any work was done: an early refusal."""

    def __init__(self, failure: NexyError) -> None:
        super().__init__(failure.message)
        self.failure = failure


@contextlib.contextmanager
def before_work() -> Iterator[None]:
    """What fails in here is ``Refused``."""
    try:
        yield
    except NexyError as error:
        raise Refused(error) from None


@attrs.frozen
class Failures:
    """The one place where an exception becomes an error type."""

    log: DecisionLog
    named: Callable[[BaseException], ErrorType]

    def classify(self, error: Exception, method: str) -> NexyError:
        """``error`` itself, or an ``internal`` whose incident id finds the traceback in the log."""
        if isinstance(error, Refused):
            return error.failure
        if isinstance(error, NexyError):
            return error
        incident = uuid.uuid4().hex[:8]
        kind = self.named(error)
        failure = NexyError(f"Something went wrong on the server. Incident {incident}.", reason="unexpected")
        self.log.write(
            Decision.ERROR,
            scope=SCOPE,
            method=method,
            level="ERROR",
            error_type=kind.value,
            incident=incident,
            error=type(error).__name__,
            # Where it happened; not its message, which may hold what a user said.
            traceback=[
                f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)
            ],
        )
        return failure


class LoggingInterceptor(grpc.aio.ServerInterceptor):
    """Wraps handlers with ``_replace``, serializers untouched; nothing goes round it."""

    def __init__(self, log: DecisionLog, metrics: Metrics, failures: Failures) -> None:
        self._log = log
        self._metrics = metrics
        self._failures = failures
        self._wrapped: dict[str, Handler] = {}
        self._peers = Peers()
        self._ending: set[asyncio.Task[None]] = set()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], "Awaitable[Handler | None]"],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """Wrap the handler once per method; an unknown method is a refusal (gRPC answers UNIMPLEMENTED)."""
        method = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        if handler is None:
            self._log.write(Decision.REFUSE, scope=SCOPE, reason="unimplemented", method_chars=len(method))
            return handler
        kind = next(kind for kind in KINDS if getattr(handler, kind, None) is not None)
        wrap = self._wrap_generator if inspect.isasyncgenfunction(getattr(handler, kind)) else self._wrap_coroutine
        replaced: Handler = handler._replace(**{kind: wrap(method, getattr(handler, kind))})  # type: ignore[attr-defined]
        self._wrapped[method] = replaced
        return replaced

    def _wrap_coroutine(self, method: str, handler: Callable[[Any, Context], Awaitable[Any]]) -> Any:
        async def call(request: Any, context: Context) -> Any:
            started = self._start(method)
            try:
                response = await handler(request, context)
            except BaseException as error:
                await self._failed(method, started, error, context)
                raise
            self._complete(method, started)
            return response

        return call

    def _wrap_generator(self, method: str, handler: Callable[[Any, Context], AsyncIterator[Any]]) -> Any:
        async def call(request: Any, context: Context) -> AsyncIterator[Any]:
            started = self._start(method)
            try:
                async for response in handler(request, context):
                    yield response
            except BaseException as error:
                await self._failed(method, started, error, context)
                raise
            self._complete(method, started)

        return call

    def _start(self, method: str) -> float:
        self._log.write(Decision.START, scope=SCOPE, method=method)
        return time.monotonic()

    def _complete(self, method: str, started: float) -> None:
        elapsed_ms = (time.monotonic() - started) * 1000
        self._metrics.observe(method, elapsed_ms)
        self._log.write(Decision.COMPLETE, scope=SCOPE, method=method, dur_ms=int(elapsed_ms))

    async def _failed(self, method: str, started: float, error: BaseException, context: Context) -> None:
        elapsed_ms = (time.monotonic() - started) * 1000
        if not isinstance(error, Exception) or isinstance(error, grpc.aio.AbortError) or context.done():
            if _past_deadline(context):
                self._aborted(method, elapsed_ms, "deadline")
            else:
                self._find_out(method, elapsed_ms, context.peer())
            return
        early = isinstance(error, Refused)
        failure = self._failures.classify(error, method)
        self._ended(method, elapsed_ms, failure, early=early)
        await context.abort(TAXONOMY[failure.error_type].code, safe_message(failure), trailers(failure, early=early))

    def _find_out(self, method: str, elapsed_ms: float, peer: str) -> None:
        """Log the end once it is known whether the client cancelled or is gone; the call itself does not wait."""

        async def log() -> None:
            self._aborted(method, elapsed_ms, await self._peers.why(peer))

        task = asyncio.get_running_loop().create_task(log())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def settled(self) -> None:
        """Every end is logged."""
        while self._ending:
            await asyncio.wait(self._ending)

    def _aborted(self, method: str, elapsed_ms: float, reason: str) -> None:
        self._metrics.observe(method, elapsed_ms, cancelled=True)
        self._log.write(Decision.ABORT, scope=SCOPE, method=method, dur_ms=int(elapsed_ms), reason=reason)

    def _ended(self, method: str, elapsed_ms: float, failure: NexyError, *, early: bool) -> None:
        """Log and count an error answer; a limit that was met before any work is a refusal."""
        kind = failure.error_type
        refused = early and kind in REFUSALS
        ctx: dict[str, Any] = {"error_type": kind.value, "reason": failure.reason}
        if kind in TRANSIENT:
            ctx["error_classified"] = "transient"
        decision = Decision.REFUSE if refused else Decision.ERROR
        if kind is ErrorType.CANCELLED_BY_USER:
            decision = Decision.ABORT
        self._log.write(decision, scope=SCOPE, method=method, dur_ms=int(elapsed_ms), level="WARNING", **ctx)
        if refused:
            self._metrics.refused(method, failure.reason)
        else:
            cancelled = kind is ErrorType.CANCELLED_BY_USER
            self._metrics.observe(method, elapsed_ms, error=not cancelled, cancelled=cancelled)


def _past_deadline(context: Context) -> bool:
    remaining = context.time_remaining()
    return remaining is not None and remaining <= 0
