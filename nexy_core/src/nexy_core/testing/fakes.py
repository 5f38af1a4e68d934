"""Fakes of every role, for tests: quick, deterministic, and broken on demand (``nexy_core.testing.faults``)."""

import asyncio
import json
import math
from array import array
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from nexy_core.capability import (
    InterruptPolicy,
    LanguageModel,
    Memory,
    SpeechSynthesizer,
    Store,
    TextFilter,
    UpdateFeed,
)
from nexy_core.events import (
    SAMPLE_RATE_HZ,
    AudioChunk,
    Cancel,
    Exchange,
    Fact,
    FeedQuery,
    FeedState,
    Forget,
    Forgotten,
    Interrupt,
    ModelUsage,
    Prompt,
    QueryUsage,
    Recall,
    Remember,
    Sentence,
    Stored,
    StoreUsage,
    TextDelta,
    UsageTotals,
)
from nexy_core.testing.faults import find_faults, strike, with_faults, without_faults

TONE_HZ = 220
TONE_PEAK = 8000
SECONDS_PER_CHAR = 0.02
CHUNK_SECONDS = 0.1
DELTA_CHARS = 6
MAX_EXCHANGES = 100


class FakeClock:
    """A clock that a test moves."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class _Fake:
    """What the fakes share: ``faults`` strike every request, ``initialize_faults`` the start; calls are counted."""

    part = ""

    def __init__(self, *, faults: str = "", initialize_faults: str = "", delay_ms: int = 0) -> None:
        self.faults = faults
        self.initialize_faults = initialize_faults
        self.delay_ms = delay_ms
        self.calls = 0
        self.closed = 0
        self.initialized = False
        self.cleanups = 0

    async def initialize(self) -> None:
        for fault in find_faults(self.initialize_faults, self.part):
            async for _ in strike(fault):
                pass
        self.initialized = True

    async def cleanup(self) -> None:
        self.cleanups += 1

    async def _serve(self, events: AsyncGenerator[Any], text: str, part: str = "") -> AsyncIterator[Any]:
        self.calls += 1
        try:
            async for event in with_faults(events, find_faults(self.faults + text, part or self.part)):
                if self.delay_ms:
                    await asyncio.sleep(self.delay_ms / 1000)
                yield event
        finally:
            self.closed += 1


class FakeModel(_Fake, LanguageModel):
    """Answers by what the prompt says.

    ``say TEXT``; ``json TEXT`` (the words ``SESSION_ID`` become the turn's); ``action APP`` (asks to open it);
    ``count N`` (N sentences); ``recall`` (what memory handed over); ``history`` (its answers and whether they were cut,
    as JSON that is not spoken); ``quiet`` (nothing); anything else is repeated.
    """

    part = "llm"

    def process(self, request: Prompt) -> AsyncIterator[TextDelta | ModelUsage]:
        return self._serve(self._answer(request), request.text)

    async def _answer(self, prompt: Prompt) -> AsyncGenerator[TextDelta | ModelUsage]:
        answer = self._text(prompt)
        for start in range(0, len(answer), DELTA_CHARS):
            yield TextDelta(answer[start : start + DELTA_CHARS])
        yield ModelUsage("fake", len(prompt.text), len(answer))

    def _text(self, prompt: Prompt) -> str:
        text = without_faults(prompt.text, "llm", "recall", "remember", "store", "interrupt").strip()
        verb, _, rest = text.partition(" ")
        answers: dict[str, Callable[[], str]] = {
            "say": lambda: rest,
            "json": lambda: rest.replace("SESSION_ID", prompt.session_id),
            "action": lambda: _action(prompt.session_id, rest or "Telegram"),
            "count": lambda: " ".join(f"This is sentence number {index}." for index in range(1, int(rest) + 1)),
            "recall": lambda: _known(prompt),
            "history": lambda: _history(prompt),
            "quiet": str,
        }
        return answers[verb]() if verb in answers else f"You said: {text}"


def _action(session_id: str, app_name: str) -> str:
    answer = {
        "session_id": session_id,
        "command": "open_app",
        "args": {"app_name": app_name},
        "text": f"Opening {app_name}.",
    }
    return json.dumps(answer, ensure_ascii=False)


def _history(prompt: Prompt) -> str:
    answers = json.dumps([[exchange.answer, exchange.cut] for exchange in prompt.history], ensure_ascii=False)
    return f"History:\n```\n{answers}\n```\n"


def _known(prompt: Prompt) -> str:
    history = " ".join(f"You asked: {exchange.prompt}" for exchange in prompt.history)
    facts = " ".join(fact.text for fact in prompt.facts)
    return f"{len(prompt.history)} exchanges, {len(prompt.facts)} facts. {history} {facts}".strip()


class FakeVoice(_Fake, SpeechSynthesizer):
    """Speaks a tone of 20 ms a character, in chunks of 100 ms."""

    part = "tts"

    def process(self, request: Sentence) -> AsyncIterator[AudioChunk]:
        return self._serve(self._tone(request.spoken), request.spoken)

    async def _tone(self, spoken: str) -> AsyncGenerator[AudioChunk]:
        total = tone(len(spoken) * SECONDS_PER_CHAR)
        size = round(CHUNK_SECONDS * SAMPLE_RATE_HZ) * 2
        for start in range(0, len(total), size):
            done = min(start + size, len(total)) / len(total)
            yield AudioChunk(total[start : start + size], math.floor(done * len(spoken)))


def tone(seconds: float) -> bytes:
    """A sine as 16-bit mono PCM at 48 kHz."""
    step = 2 * math.pi * TONE_HZ / SAMPLE_RATE_HZ
    return array("h", (round(TONE_PEAK * math.sin(step * n)) for n in range(round(seconds * SAMPLE_RATE_HZ)))).tobytes()


class FakeMemory(_Fake, Memory):
    """Remembers the last exchanges of each session, and the facts it was made with."""

    part = "memory"
    _no_facts: tuple[Fact, ...] = ()

    def __init__(self, *facts: str, **options: Any) -> None:
        super().__init__(**options)
        self.facts = facts
        self.remembered: deque[Remember] = deque(maxlen=MAX_EXCHANGES)

    def process(self, request: Recall | Remember | Forget) -> AsyncIterator[Fact | Exchange | Forgotten]:
        match request:
            case Recall():
                return self._serve(self._recall(request), request.text, "recall")
            case Remember():
                return self._serve(self._remember(request), request.prompt, "remember")
        return self._serve(self._forget(request), request.text)

    async def _recall(self, request: Recall) -> AsyncGenerator[Fact | Exchange]:
        for text in self.facts:
            yield Fact(text)
        for turn in self.remembered:
            if (turn.hardware_id, turn.session_id) == (request.hardware_id, request.session_id):
                yield Exchange(turn.prompt, turn.answer, turn.cut)

    async def _remember(self, request: Remember) -> AsyncGenerator[Fact]:
        self.remembered.append(request)
        for event in self._no_facts:
            yield event

    async def _forget(self, request: Forget) -> AsyncGenerator[Forgotten]:
        kept = [turn for turn in self.remembered if turn.hardware_id != request.hardware_id]
        count = len(self.remembered) - len(kept)
        self.remembered = deque(kept, maxlen=MAX_EXCHANGES)
        yield Forgotten(count)


class FakeStore(_Fake, Store):
    """Adds up usage."""

    part = "store"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.totals = UsageTotals(0, 0, 0)

    def process(self, request: StoreUsage | QueryUsage) -> AsyncIterator[Stored | UsageTotals]:
        return self._serve(self._answer(request), "")

    async def _answer(self, request: StoreUsage | QueryUsage) -> AsyncGenerator[Stored | UsageTotals]:
        if isinstance(request, QueryUsage):
            yield self.totals
            return
        old = self.totals
        self.totals = UsageTotals(
            old.reports + 1, old.input_tokens + request.input_tokens, old.output_tokens + request.output_tokens
        )
        yield Stored()


class FakeFilter(_Fake, TextFilter):
    """Lets every sentence through as it is."""

    part = "filter"

    def process(self, request: Sentence) -> AsyncIterator[Sentence]:
        return self._serve(self._same(request), request.shown)

    async def _same(self, sentence: Sentence) -> AsyncGenerator[Sentence]:
        yield sentence


class FakeInterrupts(_Fake, InterruptPolicy):
    """Stops every running turn of the device."""

    part = "interrupt"

    def process(self, request: Interrupt) -> AsyncIterator[Cancel]:
        return self._serve(self._all(request), "")

    async def _all(self, request: Interrupt) -> AsyncGenerator[Cancel]:
        for turn in request.live:
            yield Cancel(turn.turn_id)


class FakeFeed(_Fake, UpdateFeed):
    """Offers nothing."""

    part = "updates"

    def process(self, request: FeedQuery) -> AsyncIterator[FeedState]:
        return self._serve(self._nothing(request), "")

    async def _nothing(self, query: FeedQuery) -> AsyncGenerator[FeedState]:
        yield FeedState("", query.channel, "fake")
