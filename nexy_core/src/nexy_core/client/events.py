"""The typed events of a call, and how the server's messages become them. What breaks the contract is an error."""

import json
from typing import Any

import attrs

from nexy_core.client.errors import broken
from nexy_core.events import BYTES_PER_FRAME
from nexy_core.proto import streaming_pb2 as pb

MCP_PREFIX = "__MCP__"
DTYPE = "int16"


@attrs.frozen
class Text:
    """A piece of the answer to show."""

    text: str


@attrs.frozen
class Audio:
    """``[frames] int16`` PCM, never empty."""

    data: bytes = attrs.field(repr=False)
    sample_rate: int
    channels: int


@attrs.frozen
class ActionRequest:
    """A command to carry out."""

    session_id: str
    command: str
    args: dict[str, Any]


@attrs.frozen
class Metadata:
    """What a greeting's speech will be like; comes before it."""

    method: str
    duration_seconds: float
    sample_rate: int
    channels: int


@attrs.frozen
class End:
    """The turn is over: ``COMPLETED``, ``INTERRUPTED`` or ``SUPERSEDED``."""

    message: str


Event = Text | Audio | ActionRequest | End
GreetingEvent = Metadata | Audio | End


def turn_event(response: pb.StreamResponse) -> Event | None:
    """One message of a turn; ``None`` for what this client has no event for. Raises ``ClientError``."""
    match response.WhichOneof("content"):
        case "text_chunk" if response.text_chunk.startswith(MCP_PREFIX):
            return _action(response.text_chunk.removeprefix(MCP_PREFIX), "payload")
        case "text_chunk":
            return Text(response.text_chunk)
        case "audio_chunk":
            return _audio(response.audio_chunk)
        case "action_message":
            return _action(response.action_message.action_json)
        case "end_message":
            return End(response.end_message)
    return None


def greeting_event(response: pb.WelcomeResponse) -> GreetingEvent | None:
    """One message of a greeting. Raises ``ClientError``."""
    match response.WhichOneof("content"):
        case "metadata":
            found = response.metadata
            return Metadata(found.method, found.duration_sec, found.sample_rate, found.channels)
        case "audio_chunk":
            return _audio(response.audio_chunk)
        case "end_message":
            return End(response.end_message)
    return None


def _action(text: str, *path: str) -> ActionRequest:
    try:
        payload = json.loads(text)
        for key in path:
            payload = payload[key]
        action = ActionRequest(payload["session_id"], payload["command"], payload["args"])
    except (ValueError, LookupError, TypeError, RecursionError):
        raise broken("it sent an action that cannot be read") from None
    if not (isinstance(action.command, str) and isinstance(action.args, dict)):
        raise broken("it sent an action that cannot be read")
    return action


def _audio(chunk: pb.AudioChunk) -> Audio:
    whole = bool(chunk.audio_data) and len(chunk.audio_data) % BYTES_PER_FRAME == 0
    if not whole or chunk.dtype != DTYPE or chunk.sample_rate <= 0 or chunk.channels <= 0:
        raise broken(
            f"it sent {len(chunk.audio_data)} bytes of audio as {chunk.dtype or 'nothing'}, "
            f"{chunk.sample_rate} Hz, {chunk.channels} channels"
        )
    return Audio(chunk.audio_data, chunk.sample_rate, chunk.channels)
