"""Clients of a server process that listen: when the first sound came, and whether playing it would have stopped."""

import asyncio
import math
import time
import uuid
from collections.abc import Sequence
from typing import Any

import attrs
import grpc
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub

MS = 1000
BYTES_PER_SECOND = 96_000
AT_ONCE = "0"


@attrs.define
class Heard:
    """What one turn brought, by when: ``sound`` holds (moment, seconds of sound) of every chunk."""

    asked: float
    sound: list[tuple[float, float]] = attrs.field(factory=list)
    pieces: list[str] = attrs.field(factory=list)
    ended: float = 0.0
    refused: bool = False

    @property
    def first_audio_ms(self) -> float:
        """Infinite for a turn that was refused."""
        return math.inf if self.refused else (self.sound[0][0] - self.asked) * MS

    @property
    def longest_gap_ms(self) -> float:
        """The longest time a player that starts with the first chunk would have had nothing to play; 0 if refused."""
        if self.refused:
            return 0.0
        longest, runs_out = 0.0, self.sound[0][0]
        for moment, seconds in self.sound:
            longest = max(longest, moment - runs_out)
            runs_out = max(runs_out, moment) + seconds
        return longest * MS


class Listeners:
    """Devices on connections of their own; made on the event loop that runs them."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def hear(self, text: str, rate: str = AT_ONCE) -> Heard:
        """One turn whose model writes ``text``, ``rate`` words a second."""
        async with self._channel() as channel:
            await channel.channel_ready()
            return await self._follow(self._ask(channel, text, rate, _device()))

    async def burst(self, texts: Sequence[str]) -> list[Heard]:
        """All turns at once."""
        return await asyncio.gather(*(self.hear(text) for text in texts))

    async def hear_after_interrupt(self, long: str, text: str, after_seconds: float) -> Heard:
        """``long`` is interrupted so long after its text came, in mid-inference; then ``text`` is asked for."""
        device = _device()
        async with self._channel() as channel:
            call = self._ask(channel, long, AT_ONCE, device)
            await call.read()
            await asyncio.sleep(after_seconds)
            done = await StreamingServiceStub(channel).InterruptSession(pb.InterruptRequest(hardware_id=device))
            assert done.interrupted_sessions
            return await self._follow(self._ask(channel, text, AT_ONCE, device))

    def _channel(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self._address, options=(("grpc.use_local_subchannel_pool", 1),))

    def _ask(self, channel: grpc.aio.Channel, text: str, rate: str, device: str) -> Any:
        request = pb.StreamRequest(prompt=f"{rate} {text}", hardware_id=device, session_id=str(uuid.uuid4()))
        return StreamingServiceStub(channel).StreamAudio(iter([request]))

    async def _follow(self, call: Any) -> Heard:
        heard = Heard(time.perf_counter())
        try:
            async for message in call:
                if message.HasField("audio_chunk"):
                    size = len(message.audio_chunk.audio_data)
                    heard.sound.append((time.perf_counter(), size / BYTES_PER_SECOND))
                elif message.HasField("text_chunk"):
                    heard.pieces.append(message.text_chunk)
        except grpc.aio.AioRpcError as error:
            heard.refused = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            if not heard.refused:
                raise
        heard.ended = time.perf_counter()
        return heard


def _device() -> str:
    return str(uuid.uuid4()).upper()
