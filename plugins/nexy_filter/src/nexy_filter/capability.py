"""The role ``filter``: what of a sentence is shown, and what is spoken."""

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import attrs

from nexy_core import Health, LiveSettings, Sentence, Status, TextFilter
from nexy_filter.content import ContentFilter
from nexy_filter.speech import SpeechWriter

_log = logging.getLogger(__name__)


@attrs.define(eq=False)
class SentenceFilter(TextFilter):
    """Masks what must not be shown, then writes what is left as a voice should say it."""

    _settings: LiveSettings
    _content: ContentFilter | None = attrs.field(init=False, default=None)
    _writer: SpeechWriter | None = attrs.field(init=False, default=None)
    _pool: ThreadPoolExecutor | None = attrs.field(init=False, default=None)

    async def initialize(self) -> None:
        """Load word lists and libraries, off the loop."""
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="filter")
        await asyncio.get_running_loop().run_in_executor(self._pool, self._load)

    def _load(self) -> None:
        self._content = ContentFilter.load(self._settings)
        self._writer = SpeechWriter.load(
            self._settings.get("filter.speech", str), tuple(self._settings.get("filter.languages", list))
        )

    async def process(self, request: Sentence) -> AsyncIterator[Sentence]:
        """Yields the one sentence to deliver; an empty ``shown`` means that nothing of it is left."""
        content, writer, pool = self._content, self._writer, self._pool
        if content is None or writer is None or pool is None:
            raise RuntimeError("the filter is not initialized")
        sentence = _moderated(content, request)
        if not sentence.spoken.strip():
            yield attrs.evolve(sentence, spoken="")
        elif writer.is_quick(sentence.spoken):
            yield attrs.evolve(sentence, spoken=writer.write(sentence.spoken, sentence.language))
        else:
            loop = asyncio.get_running_loop()
            spoken = await loop.run_in_executor(pool, writer.write, sentence.spoken, sentence.language)
            yield attrs.evolve(sentence, spoken=spoken)

    async def cleanup(self) -> None:
        """Let the thread go."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def status(self) -> Status:
        """Which writer serves, and how often the content filter had to act."""
        if self._writer is None or self._content is None or self._pool is None:
            return Status(Health.STOPPED)
        return Status(Health.READY, figures={"speech": self._writer.name, **self._content.counts})


def _moderated(content: ContentFilter, sentence: Sentence) -> Sentence:
    shown, findings = content.clean(sentence.shown)
    if not findings:
        return sentence
    reasons = {reason: findings.count(reason) for reason in sorted(set(findings))}
    _log.info(
        "content filtered",
        extra={"decision": "withhold", "ctx": {"reason": "+".join(reasons), **reasons, "index": sentence.index}},
    )
    spoken = content.for_speech(sentence.spoken) if sentence.spoken else ""
    return attrs.evolve(sentence, shown=shown, spoken=spoken)
