"""The only place that touches litellm: import it quietly, open a streamed answer, name its errors."""

import asyncio
import contextlib
import logging
import os
from typing import Any, cast

import attrs

from nexy_core import ModelUsage, NexyError, TimedOut, Unavailable, ValidationFailed
from nexy_llm.prompts import estimate_tokens
from nexy_llm.settings import Limits, Route

logger = logging.getLogger(__name__)

QUIET_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_MODE": "PRODUCTION",  # or it loads a .env file from the working directory
}
TALKATIVE_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "openai", "httpx", "httpcore")
USAGE_WAIT_SECONDS = 0.5
CHUNKS_A_BREATH = 16
TEXTS_A_COUNT = 8
MAX_RETRY_AFTER_SECONDS = 3600.0
NO_KEY = "none"
CONNECT_GRACE_SECONDS = 5.0

HTTP_BAD_REQUEST = 400
HTTP_UNAUTHORIZED = 401
HTTP_PAYMENT = 402
HTTP_FORBIDDEN = 403
HTTP_NOT_FOUND = 404
HTTP_TIMEOUT = 408
HTTP_TOO_LARGE = 413
HTTP_UNPROCESSABLE = 422
HTTP_TOO_MANY = 429
OPERATOR_FAULTS = {
    HTTP_UNAUTHORIZED: (
        "auth_failed",
        "its key is missing or refused: check llm.api_key",
    ),
    HTTP_FORBIDDEN: ("auth_failed", "its key may not use this model"),
    HTTP_PAYMENT: ("payment_required", "its account has no credit"),
    HTTP_NOT_FOUND: (
        "model_not_found",
        "no such model or address: check llm.model and llm.api_base",
    ),
}
FOREIGN_ERRORS = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError)


@attrs.define(eq=False)
class Stream:
    """One answer under way. ``usage`` is estimated until it has ended."""

    gateway: "Gateway"
    route: Route
    _upstream: Any
    _asked_tokens: int
    _reported: ModelUsage | None = None
    _chunks: int = 0
    _texts: int = 0
    _text_tokens: int = 0
    _finished: bool = False

    async def text(self) -> str:
        """The next piece of text, never empty; "" at the end. Raises ``NexyError`` when the answer breaks off."""
        try:
            while not self._finished:
                chunk = await anext(self._upstream, None)
                await self._breathe()
                if text := self._taken(chunk):
                    return text
        except self.gateway.foreign_errors as error:
            translated = self.gateway.translate(error, self.route)
            broken_off = self._text_tokens and isinstance(translated, Unavailable)
            raise (_broken_off() if broken_off else translated) from None
        self._check_finished()
        self._reported = await self._reported_usage()
        return ""

    def time_to_count(self) -> bool:
        """Whether to tell the usage with the latest text: with the first, then with each eighth."""
        return self._texts % TEXTS_A_COUNT == 1

    def usage(self) -> ModelUsage:
        """What the answer has cost so far."""
        return self._reported or ModelUsage(self.route.model, self._asked_tokens, self._text_tokens, estimated=True)

    async def aclose(self) -> None:
        """Close the connection to the provider, which stops the answer there."""
        await self._upstream.aclose()

    def _taken(self, chunk: Any) -> str:
        """The chunk's text. After its last chunk litellm would count tokens and assemble the answer again: stop."""
        choices = chunk.choices if chunk is not None else ()
        self._finished = chunk is None or bool(choices and choices[0].finish_reason)
        text = cast("str", choices[0].delta.content or "") if choices else ""
        if text:
            self._texts += 1
            self._text_tokens += estimate_tokens(text)
        return text

    async def _breathe(self) -> None:
        """Chunks that have arrived together come without a single pause, at a third of a millisecond each."""
        self._chunks += 1
        if self._chunks % CHUNKS_A_BREATH == 0:
            await asyncio.sleep(0)

    async def _reported_usage(self) -> ModelUsage | None:
        """What the provider says, within the answer or soon after its last chunk; the counts only grow."""
        reports = [usage for chunk in self._upstream.chunks if (usage := _usage_of(chunk))]
        with contextlib.suppress(*self.gateway.foreign_errors):
            async with asyncio.timeout(USAGE_WAIT_SECONDS):
                reports += [usage async for chunk in self._upstream.completion_stream if (usage := _usage_of(chunk))]
        asked = max((usage.get("prompt_tokens") or 0 for usage in reports), default=0)
        answered = max((usage.get("completion_tokens") or 0 for usage in reports), default=0)
        return ModelUsage(self.route.model, asked, answered) if reports else None

    def _check_finished(self) -> None:
        """litellm ends a broken-off stream like a whole one; only the finish reason tells them apart."""
        upstream = self._upstream
        if not (upstream.received_finish_reason or getattr(upstream, "intermittent_finish_reason", None)):
            raise _broken_off()


@attrs.define(eq=False)
class Gateway:
    """litellm, once it is loaded."""

    _litellm: Any = None
    _direct: tuple[Route, Any] | None = None
    foreign_errors: tuple[type[BaseException], ...] = FOREIGN_ERRORS

    def load(self) -> None:
        """Import litellm without its network calls, its prints and its log. Seconds: run it in a thread."""
        for name, value in QUIET_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import litellm
        import openai

        litellm.suppress_debug_info = True
        litellm.disable_streaming_logging = True
        for name in TALKATIVE_LOGGERS:  # they log prompts, addresses and providers' answers
            library_logger = logging.getLogger(name)
            library_logger.handlers.clear()
            library_logger.propagate = False
            library_logger.setLevel(logging.CRITICAL + 1)
        self.foreign_errors = (openai.OpenAIError, *FOREIGN_ERRORS)
        self._litellm = litellm

    async def open(
        self, route: Route, messages: list[dict[str, Any]], limits: Limits, *, direct: bool = False
    ) -> Stream:
        """Ask the model; returns when the provider has answered with a stream. Raises ``NexyError``.

        ``direct``: the model is our own child process, which no proxy of the environment can reach.
        """
        arguments = _arguments(route, messages, limits)
        try:
            if direct:
                arguments["client"] = await self._direct_client(route)
            upstream = await self._litellm.acompletion(**arguments)
        except self.foreign_errors as error:
            raise self.translate(error, route) from None
        return Stream(self, route, upstream, sum(map(_message_tokens, messages)))

    async def close(self) -> None:
        """Close litellm's pooled connections."""
        if self._litellm is not None:
            with contextlib.suppress(*self.foreign_errors):
                await self._close_direct()
                await self._litellm.close_litellm_async_clients()

    async def _direct_client(self, route: Route) -> Any:
        """A client that uses no proxy. One is kept; a restarted child has another address and key."""
        import httpx
        import openai

        if self._direct is None or self._direct[0] != route:
            await self._close_direct()
            http = httpx.AsyncClient(trust_env=False)
            client = openai.AsyncOpenAI(api_key=route.api_key, base_url=route.api_base, http_client=http, max_retries=0)
            self._direct = (route, client)
        return self._direct[1]

    async def _close_direct(self) -> None:
        direct, self._direct = self._direct, None
        if direct is not None:
            await direct[1].close()

    def translate(self, error: BaseException, route: Route) -> NexyError:
        """Our error for litellm's. Providers' texts may hold keys and prompts: none of them is passed on."""
        error = getattr(error, "original_exception", None) or error
        status = getattr(error, "status_code", None)
        logger.warning("model %s: %s, status %s", route.model, type(error).__name__, status)
        if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__ or status == HTTP_TIMEOUT:
            return TimedOut("The language model took too long.", reason="provider_timeout")
        if status in OPERATOR_FAULTS:
            reason, remedy = OPERATOR_FAULTS[status]
            logger.error("model %s cannot be used: %s", route.model, remedy)
            return NexyError("The language model cannot be used: the operator must check its settings.", reason=reason)
        if status == HTTP_TOO_MANY:
            text = "The language model is busy."
            return Unavailable(text, reason="provider_busy", retry_after_seconds=_retry_after(error))
        return _by_status(status, type(error).__name__)


def _retry_after(error: BaseException) -> float | None:
    """What the provider asks us to wait, where it says so in seconds."""
    headers = getattr(error, "litellm_response_headers", None) or {}
    try:
        return min(float(headers.get("retry-after", "")), MAX_RETRY_AFTER_SECONDS)
    except ValueError:
        return None


def _usage_of(chunk: Any) -> dict[str, Any]:
    usage = chunk.get("usage") if isinstance(chunk, dict) else getattr(chunk, "usage", None)
    return usage if isinstance(usage, dict) else dict(vars(usage)) if usage else {}


def _message_tokens(message: dict[str, Any]) -> int:
    content = message["content"]
    return estimate_tokens(content if isinstance(content, str) else content[0]["text"])


def _broken_off() -> Unavailable:
    return Unavailable("The language model's answer broke off.", reason="stream_cut")


def _by_status(status: int | None, kind: str) -> NexyError:
    if status == HTTP_TOO_LARGE or kind == "ContextWindowExceededError":
        return ValidationFailed("This is too long for the language model.", reason="context_too_long")
    if kind == "ContentPolicyViolationError":
        return ValidationFailed("The language model refuses this question.", reason="content_refused")
    if status in {HTTP_BAD_REQUEST, HTTP_UNPROCESSABLE}:
        return NexyError("The language model did not accept the question.", reason="bad_request")
    return Unavailable("The language model cannot be reached.", reason="provider_unreachable")


def _arguments(route: Route, messages: list[dict[str, Any]], limits: Limits) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "model": route.model,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": limits.temperature,
        "max_tokens": limits.max_tokens,
        "timeout": max(limits.first_token_seconds, limits.between_tokens_seconds) + CONNECT_GRACE_SECONDS,
        "max_retries": 0,
        "drop_params": True,
    }
    if route.api_base:
        # Without a key of its own a server named by address would be sent the provider's key from the environment.
        arguments |= {"api_base": route.api_base, "api_key": route.api_key or NO_KEY}
    elif route.api_key:
        arguments["api_key"] = route.api_key
    return arguments
