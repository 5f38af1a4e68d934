"""The language model capability: the configured model, then its fallbacks."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import aclosing

from nexy_core import (
    Health,
    LanguageModel,
    LiveSettings,
    ModelUsage,
    NexyError,
    Prompt,
    Status,
    TextDelta,
    Unavailable,
    ValidationFailed,
)
from nexy_llm import modelfile, prompts, warmup
from nexy_llm.breaker import Breaker
from nexy_llm.gateway import Gateway
from nexy_llm.lane import SKIPPED, Budget, Lane
from nexy_llm.settings import EMBEDDED, Limits, Route, routes
from nexy_llm.supervisor import Engine, Supervisor

logger = logging.getLogger(__name__)

MAX_AUTO_THREADS = 4
QUESTION_TOKENS = 1024
MAX_STREAM_TOKENS = 8192


def _auto_threads(cores: int) -> int:
    """Half the cores: threads that wait for each other spin, and on a busy machine two are 15 times slower than one."""
    return max(1, min(cores // 2, MAX_AUTO_THREADS))


class LiteLLM(LanguageModel):
    """Any model litellm reaches, and an embedded one."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._gateway = Gateway()
        self._supervisor: Supervisor | None = None
        self._lanes: tuple[Lane, ...] = ()
        self._health = Health.STARTING
        self._tokens = {"input_tokens": 0, "output_tokens": 0}

    async def initialize(self) -> None:
        """Start the embedded model and import litellm beside it, then make one call through the whole path."""
        configured, limits = routes(self._settings), Limits.read(self._settings)
        _, embedded = await asyncio.gather(
            asyncio.to_thread(warmup.load, self._gateway, limits),
            self._start_embedded(configured),
        )
        self._lanes = tuple(self._lane(route) for route in configured if embedded or not route.embedded)
        if self._supervisor is not None:
            await warmup.call(self._gateway, limits, self._supervisor)
        self._health = Health.READY

    async def process(self, prompt: Prompt) -> AsyncIterator[TextDelta | ModelUsage]:
        """Stream the answer from the first model that gives one. Raises ``NexyError``."""
        limits = Limits.read(self._settings)
        budget = Budget(limits.answer_seconds)
        failure: NexyError | None = None
        for lane in self._lanes:
            usage: ModelUsage | None = None
            try:
                messages = await prompts.build(prompt, self._settings, embedded=lane.route.embedded)
                async with aclosing(lane.answer(messages, limits, budget)) as events:
                    async for event in events:
                        usage = event if isinstance(event, ModelUsage) else usage
                        yield event
            except ValidationFailed:
                raise
            except NexyError as error:
                if usage is not None:  # an answer has begun
                    raise
                failure = error if failure is None or failure.reason == SKIPPED else failure
                self._log_failure(lane.route, error)
            else:
                return
            finally:
                self._count(usage)
        raise failure or Unavailable("The language model is not ready.", reason="not_ready")

    async def cleanup(self) -> None:
        """End the embedded model and close the connections."""
        self._health = Health.STOPPED
        self._lanes = ()
        if self._supervisor is not None:
            await self._supervisor.stop()
        await self._gateway.close()

    def status(self) -> Status:
        figures: dict[str, float | int | str] = {**self._tokens, "model": self._settings.get("llm.model", str)}
        if self._supervisor is not None:
            figures["restarts"] = self._supervisor.restarts
            if self._health is Health.READY and not self._supervisor.serves():
                return Status(Health.DEGRADED, "the embedded model is restarting", figures)
        failing = [lane.route.model for lane in self._lanes if lane.breaker.open]
        if self._health is Health.READY and failing:
            return Status(Health.DEGRADED, f"failing: {', '.join(failing)}", figures)
        return Status(self._health, "", figures)

    def _engine(self) -> Engine:
        get = self._settings.get
        stream_tokens = get("llm.context_tokens", int) + get("llm.max_tokens", int) + QUESTION_TOKENS
        return Engine(
            path=modelfile.find(get("llm.embedded_file", str)),
            threads=get("llm.threads", int) or _auto_threads(os.cpu_count() or 1),
            streams=get("llm.embedded_streams", int),
            stream_tokens=min(stream_tokens, MAX_STREAM_TOKENS),
        )

    def _lane(self, route: Route) -> Lane:
        breaker = Breaker(
            self._settings.get("llm.breaker_failures", int), self._settings.get("llm.breaker_probe_seconds", float)
        )
        return Lane(route, breaker, self._gateway, self._supervisor if route.embedded else None)

    async def _start_embedded(self, configured: tuple[Route, ...]) -> bool:
        """Whether the embedded model serves, where it is wanted. As a mere fallback it may be missing."""
        if not any(route.embedded for route in configured):
            return False
        try:
            self._supervisor = Supervisor(self._engine())
            await self._supervisor.start()
        except Unavailable as error:
            self._supervisor = None
            if configured[0].embedded:
                raise
            context = {"reason": error.reason, "model": EMBEDDED}
            logger.warning("no fallback: %s", error.message, extra={"decision": "degrade", "ctx": context})
            return False
        return True

    def _count(self, usage: ModelUsage | None) -> None:
        if usage is not None:
            self._tokens["input_tokens"] += usage.input_tokens
            self._tokens["output_tokens"] += usage.output_tokens

    def _log_failure(self, route: Route, error: NexyError) -> None:
        last = route is self._lanes[-1].route
        logger.warning(
            "model %s failed before its first text (%s)%s",
            route.model,
            error.reason,
            "" if last else "; trying the next one",
            extra={"decision": "error" if last else "degrade", "ctx": {"reason": error.reason, "model": route.model}},
        )
