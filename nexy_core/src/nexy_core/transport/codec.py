"""Between protobuf and the core's types. Every text leaves through ``text``, every command through ``action``."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from nexy_core.errors import Cancelled, NexyError, ValidationFailed
from nexy_core.events import BYTES_PER_FRAME, SAMPLE_RATE_HZ
from nexy_core.guard import neutralise
from nexy_core.ports import ActionOut
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.transport.taxonomy import safe_message

COLLECT_ACCEPTED = "COLLECT_ACCEPTED"
COMPLETED = "COMPLETED"
INTERRUPTED = "INTERRUPTED"
SUPERSEDED = "SUPERSEDED"
MCP_PREFIX = "__MCP__"
MCP_EVENT = "mcp.command_request"

MessageT = TypeVar("MessageT", bound=Message)


class Malformed:
    """Bytes that are not a protobuf of the right type. An object, so that the handler can say so in the taxonomy."""


def parser(kind: type[MessageT]) -> Callable[[bytes], MessageT | Malformed]:
    """A request deserializer that never raises (grpc would put the parser's text on the wire)."""

    def parse(data: bytes) -> MessageT | Malformed:
        try:
            return kind.FromString(data)
        except DecodeError:
            return Malformed()

    return parse


def checked(message: MessageT | Malformed) -> MessageT:
    """The message, or ``ValidationFailed``."""
    if isinstance(message, Malformed):
        raise ValidationFailed("The request could not be read.", reason="malformed_message")
    return message


def text(shown: str) -> tuple[str, pb.StreamResponse]:
    """A text chunk that no released client takes for a command: the text as sent, and the message."""
    safe = neutralise(shown)
    return safe, pb.StreamResponse(text_chunk=safe)


def fill_audio(chunk: pb.AudioChunk, data: bytes) -> None:
    """Fill in place: a nested constructor copies the bytes twice."""
    chunk.audio_data = data
    chunk.dtype = "int16"
    chunk.shape.append(len(data) // BYTES_PER_FRAME)
    chunk.sample_rate = SAMPLE_RATE_HZ
    chunk.channels = 1


def audio(data: bytes) -> pb.StreamResponse:
    """One chunk of speech."""
    response = pb.StreamResponse()
    fill_audio(response.audio_chunk, data)
    return response


def action(out: ActionOut, transport: str) -> pb.StreamResponse:
    """The one place that writes a command (C9)."""
    payload: dict[str, Any] = {
        "session_id": out.session_id,
        "command": out.command,
        "args": json.loads(out.args_json),
    }
    if transport == "action_message":
        body = json.dumps(payload, ensure_ascii=False)
        return pb.StreamResponse(action_message=pb.ActionMessage(action_json=body, session_id=out.session_id))
    body = json.dumps({"event": MCP_EVENT, "payload": payload}, ensure_ascii=False)
    return pb.StreamResponse(text_chunk=MCP_PREFIX + body)


def stream_end(error: NexyError) -> pb.StreamResponse:
    """The terminal message of a turn that did not complete."""
    if isinstance(error, Cancelled):
        return pb.StreamResponse(end_message=INTERRUPTED)
    return pb.StreamResponse(error_message=safe_message(error))


def welcome_end(error: NexyError) -> pb.WelcomeResponse:
    """The terminal message of a greeting that failed."""
    return pb.WelcomeResponse(error_message=safe_message(error))
