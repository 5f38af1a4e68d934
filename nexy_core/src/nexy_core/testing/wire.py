"""A plain generated stub in tests: ask, and have what came back checked against the wire contract."""

import uuid
from collections.abc import Iterable
from typing import Any

import attrs
import grpc

from nexy_core.client import ClientError, client_error
from nexy_core.proto import streaming_pb2 as pb

DEVICE = "6C1D1B54-0D0A-5B5C-8C55-3A0B7E0B8B11"


@attrs.define
class Received:
    """One turn as a client got it: ``audio`` holds the speech of each of ``pieces``."""

    pieces: list[str] = attrs.field(factory=list)
    audio: list[bytes] = attrs.field(factory=list)
    actions: list[str] = attrs.field(factory=list)
    end: str = ""
    error_message: str = ""
    error: ClientError | None = None

    @property
    def text(self) -> str:
        """The shown answer."""
        return "".join(self.pieces)

    def take(self, message: pb.StreamResponse) -> None:
        """Check one message and keep it. Raises ``AssertionError`` for a breach of the contract."""
        assert not self.end, f"something followed the end message: {message.WhichOneof('content')}"
        assert not self.error_message, f"something followed the error: {message.WhichOneof('content')}"
        match message.WhichOneof("content"):
            case "text_chunk" if message.text_chunk.startswith("__MCP__"):
                self.actions.append(message.text_chunk)
                assert len(self.actions) == 1, "two actions in a turn"
            case "text_chunk":
                assert message.text_chunk, "an empty text chunk"
                assert not self.actions, "text after the action"
                self.pieces.append(message.text_chunk)
                self.audio.append(b"")
            case "audio_chunk":
                self._take_audio(message.audio_chunk)
            case "end_message":
                self.end = message.end_message
            case "error_message":
                self.error_message = message.error_message
            case other:
                raise AssertionError(f"unexpected message: {other}")

    def _take_audio(self, chunk: pb.AudioChunk) -> None:
        assert self.pieces, "audio before its text"
        assert (chunk.dtype, chunk.sample_rate, chunk.channels) == ("int16", 48000, 1)
        assert chunk.audio_data, "an empty audio chunk"
        assert len(chunk.audio_data) % 2 == 0, "an odd number of bytes"
        assert list(chunk.shape) == [len(chunk.audio_data) // 2]
        self.audio[-1] += chunk.audio_data


def question(prompt: str, session_id: str = "", hardware_id: str = DEVICE, **fields: Any) -> pb.StreamRequest:
    """A COMMIT."""
    return pb.StreamRequest(
        prompt=prompt,
        hardware_id=hardware_id,
        session_id=session_id or str(uuid.uuid4()),
        phase=pb.REQUEST_PHASE_COMMIT,
        **fields,
    )


def receive(messages: Iterable[pb.StreamResponse]) -> Received:
    """Read a call to its end (sync stubs). A status becomes ``error``."""
    received = Received()
    try:
        for message in messages:
            received.take(message)
    except grpc.RpcError as error:
        received.error = client_error(error)
    return received


def ask(stub: Any, prompt: str, session_id: str = "", hardware_id: str = DEVICE) -> Received:
    """One unary-style turn."""
    return receive(stub.StreamAudio(iter([question(prompt, session_id, hardware_id)])))
