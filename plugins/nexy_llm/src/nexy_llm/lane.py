"""One model: its address, its breaker, its retries, its deadlines."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from typing import Any

import attrs

from nexy_core import ModelUsage, NexyError, TextDelta, TimedOut, Unavailable, ValidationFailed
from nexy_llm.breaker import Breaker
from nexy_llm.gateway import Gateway, Stream
from nexy_llm.settings import Limits, Route
from nexy_llm.supervisor import Supervisor

logger = logging.getLogger(__name__)

SKIPPED = "breaker_open"
SHORT_WAIT_SECONDS = 2.0

Event = TextDelta | ModelUsage
Messages = list[dict[str, Any]]


@attrs.define
class Budget:
    """What one answer may still wait for the model, all in all. A slow listener does not use it up."""

    left_seconds: float

    @contextlib.asynccontextmanager
    async def wait(self, seconds: float, reason: str) -> AsyncGenerator[None, None]:
        """Bound the block by ``seconds`` and by what is left. Raises ``TimedOut`` with ``reason``."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(min(seconds, self.left_seconds)):
                yield
        except TimeoutError:
            whole = self.left_seconds <= seconds
            raise TimedOut("The language model took too long.", reason="answer_timeout" if whole else reason) from None
        finally:
            self.left_seconds -= loop.time() - started


@attrs.define(eq=False)
class Lane:
    """A model that can be asked. ``supervisor`` is set for the embedded one."""

    route: Route
    breaker: Breaker
    gateway: Gateway
    supervisor: Supervisor | None = None

    async def answer(self, messages: Messages, limits: Limits, budget: Budget) -> AsyncGenerator[Event, None]:
        """Ask, again if nothing has come yet and it may help. Raises ``NexyError``; every outcome moves the breaker."""
        if not self.breaker.admit():
            raise self._skipped()
        probe = self.breaker.open
        delay_seconds = limits.retry_delay_seconds
        for tries_left in range(limits.retries, -1, -1):
            begun = False
            try:
                async with contextlib.aclosing(self._attempt(messages, limits, budget)) as events:
                    async for event in events:
                        begun = True
                        yield event
            except NexyError as error:
                self._count(error, probe=probe)
                over = begun or not tries_left or self.breaker.open or budget.left_seconds <= delay_seconds
                if over or not _worth_retrying(error):
                    raise
            except (GeneratorExit, asyncio.CancelledError):
                self._release(probe=probe)
                raise
            else:
                self.breaker.succeeded()
                return
            await asyncio.sleep(delay_seconds)
            budget.left_seconds -= delay_seconds
            delay_seconds *= 2

    async def _attempt(self, messages: Messages, limits: Limits, budget: Budget) -> AsyncGenerator[Event, None]:
        """One request: text while it comes, now and then the usage so far. Closing it closes the request."""
        stream: Stream | None = None
        route = self.route
        try:
            async with budget.wait(limits.first_token_seconds, "first_token_timeout"):
                if self.supervisor is not None:
                    route = await self.supervisor.route(limits.first_token_seconds)
                stream = await self.gateway.open(route, messages, limits, direct=self.supervisor is not None)
                text = await stream.text()
            while text:
                if stream.time_to_count():
                    yield self._usage(stream)
                yield TextDelta(text)
                async with budget.wait(limits.between_tokens_seconds, "between_tokens_timeout"):
                    text = await stream.text()
            yield self._usage(stream)
        except NexyError as error:
            raise await self._explained(error, route) from None
        finally:
            if stream is not None:
                await stream.aclose()

    def _usage(self, stream: Stream) -> ModelUsage:
        usage = stream.usage()
        return usage if self.supervisor is None else attrs.evolve(usage, model=self.route.model)

    def _skipped(self) -> Unavailable:
        return Unavailable(
            "The language model is failing; try again shortly.",
            reason=SKIPPED,
            retry_after_seconds=max(1.0, self.breaker.wait_seconds()),
        )

    async def _explained(self, error: NexyError, route: Route) -> NexyError:
        """What the failure means when the model is our own child process."""
        if self.supervisor is None:
            return error
        if isinstance(error, TimedOut):
            self.supervisor.suspect()
        elif isinstance(error, Unavailable) and await self.supervisor.lost(route):
            text = "The language model stopped; it is being restarted."
            return Unavailable(text, reason="model_died", retry_after_seconds=1)
        return error

    def _count(self, error: NexyError, *, probe: bool) -> None:
        if isinstance(error, ValidationFailed):
            self._release(probe=probe)
        else:
            self.breaker.failed()

    def _release(self, *, probe: bool) -> None:
        if probe:
            self.breaker.released()


def _worth_retrying(error: NexyError) -> bool:
    return isinstance(error, Unavailable) and (error.retry_after_seconds or 0) <= SHORT_WAIT_SECONDS
