"""From sentences to chunks of sound. Imported once the workers run: numpy takes a tenth of a second."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from nexy_core import AudioChunk, Degraded, LiveSettings, Sentence
from nexy_tts import options
from nexy_tts.cache import Phrase, PhraseCache, phrase_key
from nexy_tts.engine import Voice
from nexy_tts.pcm import BYTES_PER_SECOND, Chunker, Mark
from nexy_tts.scheduler import Scheduler, Work
from nexy_tts.sessions import Stopped, SynthesisFailed
from nexy_tts.shelf import Shelf
from nexy_tts.utterance import Made, Utterance


class Speech:
    """The voices, the cache, and what is being said."""

    def __init__(self, settings: LiveSettings, scheduler: Scheduler) -> None:
        self._settings = settings
        self._scheduler = scheduler
        self._shelf = Shelf(settings, scheduler)
        self._cache = PhraseCache(settings.get("tts.cache_bytes", int))
        self._speaking: set[Utterance] = set()

    async def load(self) -> None:
        """Load the configured voices. What is wrong with one is logged and among the ``problems``."""
        for name in dict.fromkeys(self._shelf.configured().values()):
            try:
                await self._shelf.load(name)
            except Degraded:
                continue

    async def say(self, sentence: Sentence) -> AsyncGenerator[AudioChunk, None]:
        """The sound of ``sentence.spoken``. Raises ``Degraded``."""
        text = sentence.spoken.strip()
        if not text:
            return
        voice = await self._shelf.get(sentence.language, sentence.voice)
        chunker = Chunker(self._settings.get("tts.chunk_bytes", int), sentence.spoken.index(text))
        async with aclosing(self._phrases(voice, sentence, text)) as phrases:
            async for phrase in phrases:
                for chunk in chunker.feed(phrase.pcm, phrase.marks):
                    yield chunk
        for chunk in chunker.close(len(sentence.spoken)):
            yield chunk

    async def _phrases(self, voice: Voice, sentence: Sentence, text: str) -> AsyncGenerator[Phrase, None]:
        style, limit = options.style(self._settings), self._settings.get("tts.max_phonemes", int)
        key = phrase_key(voice.fingerprint, text, style, limit)
        if known := self._cache.get(key):
            self._scheduler.credit(sentence.turn_id, len(known.pcm) / BYTES_PER_SECOND)
            yield known
            return
        utterance = Utterance(voice, text, style, limit, hurry=sentence.index == 0)
        async with aclosing(self._make(sentence.turn_id, utterance)) as steps:
            whole, marks = bytearray(), list[Mark]()
            async for made in steps:
                if len(whole) <= self._cache.max_entry_bytes:
                    whole += made.pcm
                    marks += made.marks
                yield Phrase(made.pcm, made.marks)
        self._cache.put(key, Phrase(bytes(whole), tuple(marks)))

    async def _make(self, turn_id: str, utterance: Utterance) -> AsyncGenerator[Made, None]:
        ticket = self._scheduler.ticket()
        self._speaking.add(utterance)
        try:
            while not utterance.finished:
                work = Work(turn_id, ticket, utterance.next_seconds, utterance.make, utterance.stop.set, _measure)
                yield await self._scheduler.run(work, self._settings.get("tts.timeout_seconds", float))
        except (SynthesisFailed, Stopped, ValueError, LookupError) as error:
            raise Degraded("The voice failed.", reason="synthesis_failed") from error
        finally:
            self._speaking.discard(utterance)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with voices, and what to do about it."""
        return self._shelf.problems

    @property
    def figures(self) -> Mapping[str, float | int | str]:
        """For ``Status.figures``."""
        return {
            "owed_seconds": round(sum(utterance.owed_seconds for utterance in self._speaking), 3),
            "voices": ", ".join(self._shelf.names),
            "voices_bytes": self._shelf.used_bytes,
            "cache_bytes": self._cache.used_bytes,
        }

    async def close(self) -> None:
        """Drop the voices and what was said."""
        await self._shelf.close()
        self._cache.clear()


def _measure(made: Made) -> tuple[float, float]:
    return made.seconds, made.released_seconds
