"""The floor of the transport: a grpc.aio server whose handler is a bare generator over messages made beforehand.

Run as a process: `python -m benchmarks._bare_grpc`; it prints its port. A prompt is the JSON list of what to send, as
``[kind, bytes, count]`` rows: what another server was seen to send for one turn.
"""

import asyncio
import functools
import json
from collections.abc import AsyncIterator

import grpc
import uvloop
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto import streaming_pb2_grpc as pb_grpc

PENDING_CALLS = 100_000  # else gRPC drops calls at random above a thousand
OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 50 * 1024 * 1024),
    ("grpc.server.max_pending_requests", PENDING_CALLS),
    ("grpc.server.max_pending_requests_hard_limit", PENDING_CALLS),
)


@functools.lru_cache(maxsize=64)
def messages(script: str) -> tuple[pb.StreamResponse, ...]:
    """The whole answer, ready to send."""
    made: list[pb.StreamResponse] = []
    for kind, size, count, *_ in json.loads(script):
        made += [message(kind, size)] * count
    return tuple(made)


@functools.lru_cache(maxsize=64)
def pace_seconds(script: str) -> float:
    """The pause after each message: the fourth item of a row."""
    return next((float(row[3]) for row in json.loads(script) if len(row) > 3), 0.0)


def message(kind: str, size: int) -> pb.StreamResponse:
    if kind == "audio_chunk":
        sound = pb.AudioChunk(audio_data=b"\1" * size, dtype="int16", shape=[size // 2], sample_rate=48_000, channels=1)
        return pb.StreamResponse(audio_chunk=sound)
    response = pb.StreamResponse()
    setattr(response, kind, "x" * size)
    return response


class Bare(pb_grpc.StreamingServiceServicer):
    """Nothing but the wire."""

    async def StreamAudio(  # noqa: N802  # the wire's name
        self,
        request_iterator: AsyncIterator[pb.StreamRequest],
        context: object,  # noqa: ARG002  # grpc's signature
    ) -> AsyncIterator[pb.StreamResponse]:
        async for request in request_iterator:
            pace = pace_seconds(request.prompt)
            for response in messages(request.prompt):
                yield response
                if pace:
                    await asyncio.sleep(pace)


async def serve() -> None:
    server = grpc.aio.server(options=OPTIONS)
    pb_grpc.add_StreamingServiceServicer_to_server(Bare(), server)  # type: ignore[abstract]  # one call is all
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
