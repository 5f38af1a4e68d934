"""Requests for each role: ordinary ones, and odd ones that may be declined and never break."""

from collections.abc import Mapping
from typing import Any

import attrs

from nexy_core.capability import (
    Capability,
    InterruptPolicy,
    LanguageModel,
    Memory,
    SpeechSynthesizer,
    Store,
    TextFilter,
    UpdateFeed,
)
from nexy_core.events import (
    AudioChunk,
    FeedQuery,
    Forget,
    Interrupt,
    LiveTurn,
    Prompt,
    QueryUsage,
    Recall,
    Remember,
    Sentence,
    StoreUsage,
    TextDelta,
)

DEVICE = "00000000-0000-4000-8000-00000000C0DE"
SESSION = "5e551000-0000-4000-8000-000000000001"
ANSWER = "The quick brown fox jumps over the lazy dog, and nobody in the whole village knows why it does so. "
ODD_TEXTS = ("", " ", "\0", "\ud800", "\u200b\u202e", "🦊" * 50, "x" * 4000, "[[", "{}", "1e999")


SHORT_ODD_TEXTS = ("", "\0", "\ud800", "x" * 400, "{}")
"""For models, which read slowly."""


@attrs.frozen
class Samples:
    """``ordinary`` requests are served; the first is the longest work. ``odd`` ones may raise a ``NexyError``."""

    ordinary: tuple[Any, ...]
    odd: tuple[Any, ...]
    needs_event: type | None = None
    exactly_one: bool = False


def _prompt(text: str) -> Prompt:
    return Prompt("turn", SESSION, text)


def _sentence(text: str) -> Sentence:
    return Sentence("turn", 0, text, text)


def _recall(text: str) -> Recall:
    return Recall(DEVICE, SESSION, text)


def _remember(text: str) -> Remember:
    return Remember(DEVICE, SESSION, "turn", 1, text, "A box.", cut=False)


def _interrupt(device: str) -> Interrupt:
    return Interrupt(device, (LiveTurn("turn", SESSION, DEVICE, 1), LiveTurn("other", SESSION, DEVICE, 2)))


def _usage(text: str) -> StoreUsage:
    return StoreUsage(DEVICE, SESSION, text or "client", text, 3, 5)


_BY_ROLE: Mapping[Any, Samples] = {
    LanguageModel: Samples(
        (_prompt("Count to thirty, in words."), _prompt("What is a fox?")),
        tuple(map(_prompt, SHORT_ODD_TEXTS)),
        TextDelta,
    ),
    SpeechSynthesizer: Samples(
        (_sentence(ANSWER * 3), _sentence("Yes.")), tuple(map(_sentence, ODD_TEXTS)), AudioChunk
    ),
    Memory: Samples(
        (_remember("I like foxes."), _recall("What do I like?"), Forget(DEVICE)),
        tuple(make(text) for make in (_remember, _recall) for text in ODD_TEXTS),
    ),
    Store: Samples((_usage("client"), QueryUsage()), tuple(map(_usage, ODD_TEXTS))),
    TextFilter: Samples(
        (_sentence(ANSWER), _sentence("Yes.")), tuple(map(_sentence, ODD_TEXTS)), Sentence, exactly_one=True
    ),
    InterruptPolicy: Samples((_interrupt(DEVICE),), tuple(map(_interrupt, ODD_TEXTS))),
    UpdateFeed: Samples((FeedQuery(DEVICE),), tuple(FeedQuery(text, text) for text in ODD_TEXTS)),
}


def samples_for(capability: Capability[Any, Any]) -> Samples:
    """The requests for the role it plays."""
    return next(samples for role, samples in _BY_ROLE.items() if isinstance(capability, role))
