"""The capable model that ``memory.model`` may name: asked in the background, one call at a time, behind a breaker."""

import asyncio
import logging
import os
import time
from typing import Any

import attrs

from nexy_core import LiveSettings, Unavailable

log = logging.getLogger(__name__)
_FAILURES_MAX = 3
_REST_SECONDS = 300.0
_ANSWER_TOKENS_MAX = 400
_TEMPERATURE = 0.0
# Without them importing litellm calls the internet and reads a .env file of the working directory.
_QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_MODE": "PRODUCTION",
}


@attrs.define
class BackgroundModel:
    """Any litellm model. Raises ``Unavailable`` when it fails, answers late or rests after failing repeatedly."""

    settings: LiveSettings
    failures: int = 0
    _rest_until: float = 0.0
    _busy: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _litellm: Any = None

    def load(self) -> None:
        """Import litellm; seconds long, so not on the loop."""
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        import litellm

        litellm.suppress_debug_info = True
        self._litellm = litellm

    @property
    def resting(self) -> bool:
        """Whether the breaker is open."""
        return time.monotonic() < self._rest_until

    async def ask(self, task: str, data: str) -> str:
        """The model's answer to ``task`` about ``data``, which it is told not to obey."""
        if self.resting or self._litellm is None:
            raise Unavailable("The memory's model is resting.", reason="model_resting")
        async with self._busy:
            try:
                async with asyncio.timeout(self.settings.get("memory.model_timeout_seconds", float)):
                    answer = await self._complete(task, data)
            except Exception as error:  # providers raise what they like; a turn never depends on it
                self._failed(error)
                raise Unavailable("The memory's model failed.", reason="model_failed") from error
        self.failures = 0
        return answer

    async def _complete(self, task: str, data: str) -> str:
        response = await self._litellm.acompletion(
            model=self.settings.get("memory.model", str),
            api_base=self.settings.get("memory.api_base", str) or None,
            api_key=self.settings.get("memory.api_key", str) or None,
            messages=[{"role": "system", "content": task}, {"role": "user", "content": data}],
            temperature=_TEMPERATURE,
            max_tokens=_ANSWER_TOKENS_MAX,
        )
        return str(response.choices[0].message.content or "")

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        if self.failures >= _FAILURES_MAX:
            self._rest_until = time.monotonic() + _REST_SECONDS
        ctx = {"reason": "model_failed", "error": type(error).__name__, "failures": self.failures}
        log.warning("the memory's model failed", extra={"decision": "degrade", "ctx": ctx})
