"""The role ``filter``: what of a sentence is shown, and what is spoken."""

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import attrs

from nexy_core import Health, LiveSettings, Sentence, Status, TextFilter
from nexy_filter.content import ContentFilter
from nexy_filter.speech import SpeechWriter

_QUICK_CHARS = 1000
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
        if len(request.shown) <= _QUICK_CHARS and writer.is_quick(request.spoken):
            moderated = _moderated(content, request)
            untouched = moderated is request
            spoken = writer.read(request.spoken) if untouched else writer.write(moderated.spoken, request.language)
            yield attrs.evolve(moderated, spoken=spoken)
        else:
            yield await asyncio.get_running_loop().run_in_executor(pool, _filtered, content, writer, request)

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


def _filtered(content: ContentFilter, writer: SpeechWriter, sentence: Sentence) -> Sentence:
    moderated = _moderated(content, sentence)
    return attrs.evolve(moderated, spoken=writer.write(moderated.spoken, moderated.language))


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
