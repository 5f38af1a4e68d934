"""The speech capability: text in, 48 kHz sound out."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from nexy_core import AudioChunk, Degraded, Health, LiveSettings, Sentence, SpeechSynthesizer, Status
from nexy_tts import options
from nexy_tts.cache import Phrase, PhraseCache, phrase_key
from nexy_tts.engine import Voice
from nexy_tts.pcm import BYTES_PER_SECOND, Chunker, Mark
from nexy_tts.scheduler import Scheduler, Work
from nexy_tts.sessions import Stopped, SynthesisFailed
from nexy_tts.shelf import Shelf
from nexy_tts.utterance import Made, Utterance


class PiperSynthesizer(SpeechSynthesizer):
    """Speaks with Piper voices, one by language."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._cache = PhraseCache(settings.get("tts.cache_bytes", int))
        self._scheduler: Scheduler | None = None
        self._shelf: Shelf | None = None
        self._speaking: set[Utterance] = set()
        self._stopped = False

    async def initialize(self) -> None:
        """Start the workers and load the configured voices; a missing one degrades, it does not fail."""
        # Piper logs the phonemes of what it says.
        logging.getLogger("piper").setLevel(logging.ERROR)
        settings = self._settings
        self._scheduler = Scheduler(options.workers(settings), settings.get("tts.queue_size", int))
        self._shelf = Shelf(settings, self._scheduler)
        for name in dict.fromkeys(self._shelf.configured().values()):
            await self._warm(self._shelf, name)

    async def _warm(self, shelf: Shelf, name: str) -> None:
        try:
            await shelf.load(name)
        except Degraded:
            return  # the shelf has logged it, and status shows it

    async def process(self, request: Sentence) -> AsyncGenerator[AudioChunk, None]:
        """Speak ``request.spoken``. Raises ``Degraded`` when there is no voice or the synthesis fails."""
        text = request.spoken.strip()
        if not text:
            return
        if self._scheduler is None or self._shelf is None:
            raise Degraded("Speech is not ready.", reason="speech_not_ready")
        voice = await self._shelf.get(request.language, request.voice)
        style = options.style(self._settings)
        key = phrase_key(voice.fingerprint, text, style, self._max_phonemes)
        chunker = Chunker(self._settings.get("tts.chunk_bytes", int), request.spoken.index(text))
        async with aclosing(self._pcm(self._scheduler, voice, request.turn_id, text, style, key)) as sound:
            async for phrase in sound:
                for chunk in chunker.feed(phrase.pcm, phrase.marks):
                    yield chunk
        for chunk in chunker.close(len(request.spoken)):
            yield chunk

    @property
    def _max_phonemes(self) -> int:
        return self._settings.get("tts.max_phonemes", int)

    async def _pcm(
        self, scheduler: Scheduler, voice: Voice, turn_id: str, text: str, style: options.Style, key: bytes
    ) -> AsyncGenerator[Phrase, None]:
        if phrase := self._cache.get(key):
            scheduler.credit(turn_id, len(phrase.pcm) / BYTES_PER_SECOND)
            yield phrase
            return
        utterance = Utterance(voice, text, style, self._max_phonemes)
        self._speaking.add(utterance)
        ticket, whole, marks = scheduler.ticket(), bytearray(), list[Mark]()
        try:
            while not utterance.finished:
                made = await self._make(scheduler, turn_id, ticket, utterance)
                if len(whole) <= self._cache.max_entry_bytes:
                    whole += made.pcm
                    marks += made.marks
                yield Phrase(made.pcm, made.marks)
        finally:
            self._speaking.discard(utterance)
        self._cache.put(key, Phrase(bytes(whole), tuple(marks)))

    async def _make(self, scheduler: Scheduler, turn_id: str, ticket: int, utterance: Utterance) -> Made:
        work = Work(turn_id, ticket, utterance.next_seconds, utterance.make, utterance.stop.set, _measure)
        try:
            return await scheduler.run(work, self._settings.get("tts.timeout_seconds", float))
        except (SynthesisFailed, Stopped, ValueError, KeyError) as error:
            raise Degraded("The voice failed.", reason="synthesis_failed") from error

    async def cleanup(self) -> None:
        scheduler, self._scheduler = self._scheduler, None
        self._stopped = True
        if self._shelf is not None:
            await self._shelf.close()
        if scheduler is not None:
            await scheduler.close()
        self._cache.clear()

    def status(self) -> Status:
        """Ready with every configured voice loaded; degraded, with the reason and the remedy, otherwise."""
        if self._stopped:
            return Status(Health.STOPPED)
        if self._scheduler is None or self._shelf is None:
            return Status(Health.STARTING)
        figures: dict[str, float | int | str] = {
            "owed_seconds": round(sum(speech.owed_seconds for speech in self._speaking), 3),
            "speed": round(self._scheduler.speed, 2),
            "workers": self._scheduler.workers,
            "workers_lost": self._scheduler.lost,
            "busy": self._scheduler.busy,
            "voices": ", ".join(self._shelf.names),
            "cache_bytes": self._cache.used_bytes,
        }
        problems = list(self._shelf.problems)
        if self._scheduler.lost:
            problems.append(f"{self._scheduler.lost} synthesis threads hang; restart the server")
        health = Health.DEGRADED if problems else Health.READY
        return Status(health, " ".join(problems), figures)


def _measure(made: Made) -> tuple[float, float]:
    return made.seconds, made.released_seconds
