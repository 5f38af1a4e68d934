"""What a plugin implements: one interface for every capability, and the roles the core knows."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import ClassVar, Generic, TypeVar

from nexy_core.events import (
    AudioChunk,
    Cancel,
    Exchange,
    Fact,
    FeedQuery,
    FeedState,
    Forget,
    Forgotten,
    Health,
    Interrupt,
    ModelUsage,
    Prompt,
    QueryUsage,
    Recall,
    Remember,
    Sentence,
    Status,
    Stored,
    StoreUsage,
    TextDelta,
    UsageTotals,
)

RequestT = TypeVar("RequestT")
EventT = TypeVar("EventT")


class Capability(ABC, Generic[RequestT, EventT]):
    """One thing a plugin can do.

    Rules of ``process``, each checked by the contract kit: closing the iterator stops the work within 100 ms and
    runs its ``finally``; the event loop is never blocked; ``CancelledError`` is never swallowed; only the role's
    events are yielded; errors are a ``NexyError`` or one that ``nexy_classify_error`` names.
    """

    role: ClassVar[str]

    async def initialize(self) -> None:
        """Import what is heavy, load, connect, warm up. Bounded by ``plugins.initialize_timeout_seconds``."""

    @abstractmethod
    def process(self, request: RequestT) -> AsyncIterator[EventT]:
        """Serve one request. Called many times at once."""

    async def cleanup(self) -> None:
        """Release everything. Called once or more, also after a failed ``initialize``."""

    def status(self) -> Status:
        """How it is right now, without waiting for anything."""
        return Status(Health.READY)


class LanguageModel(Capability[Prompt, TextDelta | ModelUsage]):
    """Answers a prompt, piece by piece as it is generated."""

    role = "llm"


class SpeechSynthesizer(Capability[Sentence, AudioChunk]):
    """Speaks ``Sentence.spoken``, chunk by chunk.

    Raises ``Degraded("…", reason="no_voice")`` for a language it has no voice for.

    ``status().figures`` may hold ``owed_seconds`` (speech accepted and not yet made) and ``speed`` (seconds of
    speech made per second); admission uses both to refuse early instead of letting every turn stutter.
    """

    role = "tts"


class Memory(Capability[Recall | Remember | Forget, Fact | Exchange | Forgotten]):
    """Recalls what helps an answer, remembers turns as delivered, forgets on request."""

    role = "memory"


class Store(Capability[StoreUsage | QueryUsage, Stored | UsageTotals]):
    """Keeps what must survive a restart."""

    role = "store"


class TextFilter(Capability[Sentence, Sentence]):
    """Decides what of a sentence is shown and what is spoken. Yields exactly one sentence."""

    role = "filter"


class InterruptPolicy(Capability[Interrupt, Cancel]):
    """Decides which of a device's running turns an interrupt stops."""

    role = "interrupt"


class UpdateFeed(Capability[FeedQuery, FeedState]):
    """Serves client updates on a site of its own, from ``initialize`` to ``cleanup``."""

    role = "updates"


ROLES: tuple[type[Capability], ...] = (  # type: ignore[type-arg]  # each role fixes its own types
    LanguageModel,
    SpeechSynthesizer,
    Memory,
    Store,
    TextFilter,
    InterruptPolicy,
    UpdateFeed,
)
