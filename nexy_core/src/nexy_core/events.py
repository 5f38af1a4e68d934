"""What flows between the core and the capabilities: requests in, events out. All frozen."""

from collections.abc import Mapping
from enum import StrEnum

import attrs

BYTES_PER_FRAME = 2
SAMPLE_RATE_HZ = 48_000
"""The rate of every ``AudioChunk``: released clients play nothing else."""


# --- language model -----------------------------------------------------------------------------


@attrs.frozen
class Screenshot:
    """A checked image: ``data`` are the decoded bytes, ``mime`` one of image/webp, image/jpeg, image/png."""

    data: bytes = attrs.field(repr=False)
    mime: str
    width: int
    height: int


@attrs.frozen
class Fact:
    """Something remembered about the user. Data for the model, never instructions."""

    text: str = attrs.field(repr=False)
    kind: str = "fact"


@attrs.frozen
class Exchange:
    """One earlier turn of the session: the question and the answer as delivered. ``cut``: it was interrupted."""

    prompt: str = attrs.field(repr=False)
    answer: str = attrs.field(repr=False)
    cut: bool = False


@attrs.frozen
class Argument:
    """One argument of an ``Action``. ``kind`` is one of ``str``, ``int``, ``float``, ``bool``."""

    name: str
    kind: type
    required: bool = True


@attrs.frozen
class Action:
    """A command the assistant may ask the client for."""

    name: str
    arguments: tuple[Argument, ...] = ()
    text: str = ""


@attrs.frozen
class Prompt:
    """One question to the language model.

    ``actions`` is empty unless forwarding is on for the device; then the model may answer with the JSON form for
    ``session_id``.
    """

    turn_id: str
    session_id: str
    text: str = attrs.field(repr=False)
    language: str = "en"
    screenshot: Screenshot | None = None
    facts: tuple[Fact, ...] = attrs.field(default=(), repr=False)
    history: tuple[Exchange, ...] = attrs.field(default=(), repr=False)
    actions: tuple[Action, ...] = ()


@attrs.frozen
class TextDelta:
    """The next piece of the model's answer, of any length."""

    text: str = attrs.field(repr=False)


@attrs.frozen
class ModelUsage:
    """What the answer cost so far; the last one counts. A model may yield one before each text: answers can be cut.

    ``estimated``: counted on the way, not reported by the model.
    """

    model: str
    input_tokens: int
    output_tokens: int
    estimated: bool = False


# --- text and speech ----------------------------------------------------------------------------


@attrs.frozen
class Sentence:
    """A piece of the answer. ``shown`` goes to the screen, ``spoken`` to the voice ("" means: shown only).

    ``index`` counts from 0 within the turn. ``voice`` "" means the configured one for ``language``.
    Joined with nothing between, the ``shown`` texts of a turn are the answer.
    """

    turn_id: str
    index: int
    shown: str = attrs.field(repr=False)
    spoken: str = attrs.field(repr=False)
    language: str = "en"
    voice: str = ""


@attrs.frozen
class AudioChunk:
    """Speech: ``data`` is ``[frames] int16`` little-endian mono PCM at ``SAMPLE_RATE_HZ``, never empty.

    ``spoken_chars`` is how many characters of ``Sentence.spoken`` are complete when this chunk has been played,
    where the voice knows (0: it does not).
    """

    data: bytes = attrs.field(repr=False)
    spoken_chars: int = 0


# --- memory and store ---------------------------------------------------------------------------


@attrs.frozen
class Recall:
    """What is known that helps with ``text``? Answered by ``Exchange`` and ``Fact`` events.

    ``ahead``: the question is about to come and ``text`` is what was heard so far. Nothing is read of the answer; it is
    the moment to have at hand what the question will need, which may come before that is done.
    """

    hardware_id: str = attrs.field(repr=False)
    session_id: str
    text: str = attrs.field(repr=False)
    language: str = "en"
    ahead: bool = False


@attrs.frozen
class Remember:
    """A turn has ended: ``answer`` is what was delivered, ``cut`` whether it was interrupted."""

    hardware_id: str = attrs.field(repr=False)
    session_id: str
    turn_id: str
    generation: int
    prompt: str = attrs.field(repr=False)
    answer: str = attrs.field(repr=False)
    cut: bool
    language: str = "en"


@attrs.frozen
class Forget:
    """Forget this device's memories: all of them, or those that match ``text``. Yields one ``Forgotten``."""

    hardware_id: str = attrs.field(repr=False)
    text: str = attrs.field(default="", repr=False)


@attrs.frozen
class Forgotten:
    """How many memories and turns are gone."""

    count: int


@attrs.frozen
class StoreUsage:
    """Keep token counts: reported by a client (``source`` as it says) or measured here (``source="server"``)."""

    hardware_id: str = attrs.field(repr=False)
    session_id: str
    source: str
    model: str
    input_tokens: int
    output_tokens: int


@attrs.frozen
class QueryUsage:
    """Ask for the totals; answered by one ``UsageTotals``."""


@attrs.frozen
class UsageTotals:
    reports: int
    input_tokens: int
    output_tokens: int


@attrs.frozen
class Stored:
    """The request before it is on disk."""


# --- interrupts ---------------------------------------------------------------------------------


@attrs.frozen
class LiveTurn:
    """A turn that is running now, as an ``InterruptPolicy`` sees it."""

    turn_id: str
    session_id: str
    hardware_id: str = attrs.field(repr=False)
    generation: int


@attrs.frozen
class Interrupt:
    """A device asks for silence; ``live`` are its running turns."""

    hardware_id: str = attrs.field(repr=False)
    live: tuple[LiveTurn, ...]


@attrs.frozen
class Cancel:
    """Stop this turn."""

    turn_id: str


# --- updates ------------------------------------------------------------------------------------


@attrs.frozen
class FeedQuery:
    """What does this device get offered? Answered by one ``FeedState``."""

    hardware_id: str = attrs.field(default="", repr=False)
    channel: str = ""


@attrs.frozen
class FeedState:
    """The release offered ("" for none) and why."""

    version: str
    channel: str = ""
    reason: str = ""


# --- status -------------------------------------------------------------------------------------


class Health(StrEnum):
    """How a capability is."""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    FAILED = "failed"
    STOPPED = "stopped"


@attrs.frozen
class Status:
    """A capability's state: ``reason`` for a person, ``figures`` for machines. Cheap to make, free of secrets."""

    health: Health
    reason: str = ""
    figures: Mapping[str, float | int | str] = attrs.field(factory=dict)
