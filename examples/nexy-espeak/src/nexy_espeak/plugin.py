"""The plugin's hooks and its voice."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from nexy_core import (
    SAMPLE_RATE_HZ,
    AudioChunk,
    Degraded,
    Health,
    LiveSettings,
    Sentence,
    Setting,
    SpeechSynthesizer,
    Status,
    Unavailable,
    hookimpl,
)
from nexy_espeak.engine import Engine

MAX_CHARS = 1000
"""Longer text is not spoken: what one call can keep in memory is bounded (about 90 s of speech, 8 MB)."""


class EspeakVoice(SpeechSynthesizer):
    """Speaks in one worker thread, a sentence at a time; eSpeak NG is some hundred times faster than real time."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._engine: Engine | None = None
        self._worker: ThreadPoolExecutor | None = None

    async def initialize(self) -> None:
        """Load the library, in the thread that will use it."""
        import soxr  # noqa: F401  # loaded now, so that no sentence waits for it

        self._worker = ThreadPoolExecutor(1, thread_name_prefix="espeak")
        self._engine = await asyncio.get_running_loop().run_in_executor(self._worker, Engine)

    async def process(self, request: Sentence) -> AsyncIterator[AudioChunk]:
        """Speak. Raises ``Degraded`` (``no_voice``, ``too_long``) and ``Unavailable`` before ``initialize``."""
        if self._worker is None:
            raise Unavailable("The voice is not ready.")
        self._check(request)
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        stopped = threading.Event()

        def take(chunk: bytes) -> bool:
            loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            return not stopped.is_set()

        job = loop.run_in_executor(self._worker, self._speak, request, take, stopped)
        job.add_done_callback(lambda _: chunks.put_nowait(None))
        try:
            while (chunk := await chunks.get()) is not None:
                yield AudioChunk(chunk)
            await job
        finally:
            stopped.set()

    def _check(self, request: Sentence) -> None:
        languages = self._settings.get("espeak.languages", list)
        if languages and request.language not in languages:
            raise Degraded("This voice is not set up for the language.", reason="no_voice")
        if len(request.spoken) > MAX_CHARS:
            raise Degraded("The sentence is too long to be spoken.", reason="too_long")

    def _speak(self, request: Sentence, take: Callable[[bytes], bool], stopped: threading.Event) -> None:
        """In the worker: speak, resampled to the rate that clients play."""
        import numpy as np
        import soxr

        engine = self._engine
        if engine is None or stopped.is_set():
            return
        if not engine.select(request.voice or request.language, self._settings.get("espeak.words_per_minute", int)):
            raise Degraded("There is no voice for this language.", reason="no_voice")
        stream = soxr.ResampleStream(engine.sample_rate_hz, SAMPLE_RATE_HZ, 1, dtype="int16")

        def resampled(data: bytes, *, last: bool = False) -> bool:
            audio = stream.resample_chunk(np.frombuffer(data, np.int16), last=last).tobytes()
            return take(audio) if audio else not stopped.is_set()

        engine.speak(request.spoken, resampled)
        resampled(b"", last=True)

    async def cleanup(self) -> None:
        """Release the library and end the thread."""
        worker, engine = self._worker, self._engine
        self._worker = self._engine = None
        if worker is not None:
            if engine is not None:
                await asyncio.get_running_loop().run_in_executor(worker, engine.close)
            worker.shutdown(wait=False)

    def status(self) -> Status:
        """Ready once the library is loaded."""
        return Status(Health.READY if self._engine else Health.STARTING)


@hookimpl
def nexy_settings() -> Iterable[Setting]:
    """Pace and languages."""
    return [
        Setting("espeak.words_per_minute", int, 170, "How fast it speaks.", minimum=80, maximum=450, live=True),
        Setting("espeak.languages", list, [], "Languages it speaks; empty: all it knows.", live=True),
    ]


@hookimpl
def nexy_capabilities(settings: LiveSettings) -> Iterable[SpeechSynthesizer]:
    """The voice."""
    return [EspeakVoice(settings)]
