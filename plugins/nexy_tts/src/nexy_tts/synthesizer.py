"""The speech capability."""

import importlib
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from nexy_core import AudioChunk, Degraded, Health, LiveSettings, Sentence, SpeechSynthesizer, Status
from nexy_tts import options
from nexy_tts.scheduler import Scheduler, Work

if TYPE_CHECKING:
    from nexy_tts.speech import Speech


class PiperSynthesizer(SpeechSynthesizer):
    """Speaks with Piper voices, one by language."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._scheduler: Scheduler | None = None
        self._speech: Speech | None = None
        self._stopped = False

    async def initialize(self) -> None:
        """Start the workers and load the configured voices; a missing one degrades, it does not fail."""
        logging.getLogger("piper").setLevel(logging.ERROR)  # it logs the phonemes of what it says
        self._stopped = False
        settings = self._settings
        self._scheduler = Scheduler(options.workers(settings), settings.get("tts.queue_size", int))
        patience = settings.get("tts.load_timeout_seconds", float)
        module = await self._scheduler.run(_importing("nexy_tts.speech"), patience)
        speech: Speech = module.Speech(settings, self._scheduler)
        self._speech = speech
        await speech.load()

    async def process(self, request: Sentence) -> AsyncGenerator[AudioChunk, None]:
        """Speak ``request.spoken``. Raises ``Degraded`` when there is no voice or the synthesis fails."""
        if self._speech is None:
            raise Degraded("Speech is not ready.", reason="speech_not_ready")
        async with aclosing(self._speech.say(request)) as sound:
            async for chunk in sound:
                yield chunk

    async def cleanup(self) -> None:
        self._stopped = True
        speech, self._speech = self._speech, None
        scheduler, self._scheduler = self._scheduler, None
        if speech is not None:
            await speech.close()
        if scheduler is not None:
            await scheduler.close()

    def status(self) -> Status:
        """Ready with every configured voice loaded; degraded, with the reason and the remedy, otherwise."""
        if self._stopped:
            return Status(Health.STOPPED)
        if self._scheduler is None or self._speech is None:
            return Status(Health.STARTING)
        problems = list(self._speech.problems)
        if self._scheduler.lost:
            problems.append(f"{self._scheduler.lost} synthesis threads hang; restart the server.")
        figures = {**self._speech.figures, **self._scheduler.figures}
        return Status(Health.DEGRADED if problems else Health.READY, " ".join(problems), figures)


def _importing(name: str) -> Work[Any]:
    """The import of a module, in a thread."""
    return Work("", 0, 0.0, lambda _wide: importlib.import_module(name), lambda: None, lambda _module: (0.0, 0.0))
