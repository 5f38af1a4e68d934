"""The messages that the client sends."""

import base64

from nexy_core.proto import streaming_pb2 as pb


def commit(hardware_id: str, session_id: str, prompt: str, screenshot: bytes | None) -> pb.StreamRequest:
    """A question."""
    return pb.StreamRequest(
        prompt=prompt,
        hardware_id=hardware_id,
        session_id=session_id,
        phase=pb.REQUEST_PHASE_COMMIT,
        screenshot=_base64(screenshot),
    )


def snapshot(
    hardware_id: str, session_id: str, text: str, chunk_seq: int, screenshot: bytes | None
) -> pb.StreamRequest:
    """What has been said so far."""
    return pb.StreamRequest(
        hardware_id=hardware_id,
        session_id=session_id,
        phase=pb.REQUEST_PHASE_COLLECT,
        chunk_seq=chunk_seq,
        chunk_text=text,
        screenshot=_base64(screenshot),
    )


def _base64(image: bytes | None) -> str:
    return base64.b64encode(image).decode() if image else ""
