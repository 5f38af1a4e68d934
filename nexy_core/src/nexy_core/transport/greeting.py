"""One ``GenerateWelcomeAudio`` call: under the same limits, the same end and the same drain as a turn."""

import asyncio
import time
from typing import Any

from nexy_core.events import SAMPLE_RATE_HZ
from nexy_core.ports import Greeting, Recording
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.sessions import StopReason
from nexy_core.transport import codec, requests
from nexy_core.transport.desk import Desk, TimeLimits
from nexy_core.transport.interceptors import Context, Refused, before_work
from nexy_core.transport.terminal import open_answer, write_terminal

METHOD = "/streaming.StreamingService/GenerateWelcomeAudio"


class GreetingCall:
    """The state of one call; it is of the desk's ``greetings`` while it holds a slot."""

    __slots__ = ("_context", "_desk", "_task", "ended", "started", "stop_reason", "writing_since")

    def __init__(self, desk: Desk, context: Context) -> None:
        self._desk = desk
        self._context = context
        self._task = asyncio.current_task()
        self.ended = asyncio.Event()
        self.started = time.monotonic()
        self.writing_since = 0.0
        self.stop_reason: StopReason | None = None

    def stop(self, reason: StopReason) -> None:
        """Cancel the call, once."""
        if self.stop_reason is None and self._task is not None:
            self.stop_reason = reason
            self._task.cancel(reason.value)

    def over(self, now: float, limits: TimeLimits) -> StopReason | None:
        """The limit that it is over, if any."""
        return limits.working(self.started, self.writing_since, now)

    async def serve(self, raw: pb.WelcomeRequest | codec.Malformed) -> None:
        """Speak. Raises ``NexyError``, or ``Refused``, after the terminal message was written."""
        try:
            await open_answer(self._context)
            await self._admitted(raw)
        except asyncio.CancelledError:
            if self.stop_reason is None or self._task is None:
                raise
            self._task.uncancel()
            failure = self.stop_reason.error()
            await write_terminal(self._context, codec.welcome_end(failure))
            raise failure from None
        except Exception as error:  # the terminal message must be written whatever failed
            if self._context.done():
                raise
            failure = self._desk.failures.classify(error, METHOD)
            await write_terminal(self._context, codec.welcome_end(failure))
            raise Refused(failure) if isinstance(error, Refused) else failure from None

    async def _admitted(self, raw: pb.WelcomeRequest | codec.Malformed) -> None:
        desk = self._desk
        with before_work():
            greeting = self._checked(codec.checked(raw))
            desk.admission.take_slot(desk.orchestrator.speech_backlog_seconds())
        desk.greetings.add(self)
        try:
            await self._speak(await desk.orchestrator.greet(greeting))
        finally:
            desk.admission.free_slot()
            desk.greetings.discard(self)
            self.ended.set()

    def _checked(self, request: pb.WelcomeRequest) -> Greeting:
        desk = self._desk
        desk.check_open()
        session = requests.loose_session_id(request.session_id, desk.settings)
        desk.admission.check_message(session or self._context.peer())
        if request.text.strip():
            requests.prompt(request.text, desk.settings)
        return Greeting(session, request.text, request.voice, request.language)

    async def _speak(self, recording: Recording) -> None:
        metadata = pb.WelcomeMetadata(
            method=recording.method,
            duration_sec=recording.duration_seconds,
            sample_rate=SAMPLE_RATE_HZ,
            channels=1,
            dtype="int16",
        )
        await self._write(pb.WelcomeResponse(metadata=metadata))
        for data in recording.chunks:
            response = pb.WelcomeResponse()
            codec.fill_audio(response.audio_chunk, data)
            await self._write(response)
        await self._write(pb.WelcomeResponse(end_message=codec.COMPLETED))

    async def _write(self, message: Any) -> None:
        self.writing_since = time.monotonic()
        await self._context.write(message)
        self.writing_since = 0.0
