"""The service: the four RPCs of the wire contract, and the sweep that enforces every time limit."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from nexy_core.events import SAMPLE_RATE_HZ, StoreUsage
from nexy_core.ports import Greeting
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.sessions import StopReason
from nexy_core.transport import codec, requests
from nexy_core.transport.interceptors import Context
from nexy_core.transport.stream import Desk, StreamCall, trim
from nexy_core.transport.terminal import open_answer, write_terminal

SERVICE = pb.DESCRIPTOR.services_by_name["StreamingService"].full_name
WELCOME = f"/{SERVICE}/GenerateWelcomeAudio"
SWEEP_SECONDS = 0.5
MAX_SOURCE_CHARS = 128


class Service:
    """Handlers over a shared ``Desk``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def handlers(self) -> grpc.GenericRpcHandler:
        """For ``server.add_generic_rpc_handlers``: deserializers that never raise, serializers as generated."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "StreamAudio": _handler(grpc.stream_stream_rpc_method_handler, self.stream_audio, pb.StreamRequest),
                "InterruptSession": _handler(
                    grpc.unary_unary_rpc_method_handler, self.interrupt_session, pb.InterruptRequest
                ),
                "GenerateWelcomeAudio": _handler(
                    grpc.unary_stream_rpc_method_handler, self.generate_welcome_audio, pb.WelcomeRequest
                ),
                "ReportUsage": _handler(grpc.unary_unary_rpc_method_handler, self.report_usage, pb.UsageRequest),
            },
        )

    async def stream_audio(self, _: AsyncIterator[pb.StreamRequest], context: Context) -> None:
        """Turns: see ``StreamCall``."""
        await StreamCall(self._desk, context).serve()

    async def interrupt_session(self, raw: pb.InterruptRequest | codec.Malformed, _: Context) -> pb.InterruptResponse:
        """Stop this device's turns. Never refused for load."""
        desk = self._desk
        device = requests.hardware_id(codec.checked(raw).hardware_id, desk.settings)
        running = {turn.live.turn_id: turn for turn in desk.turns.of_device(device)}
        chosen = await desk.orchestrator.interrupt(device, [turn.live for turn in running.values()])
        stopped = [
            running[turn_id].live.session_id
            for turn_id in chosen
            if turn_id in running and running[turn_id].stop(StopReason.INTERRUPTED)
        ]
        message = f"{len(stopped)} stopped" if stopped else "nothing was running"
        return pb.InterruptResponse(success=True, interrupted_sessions=stopped, message=message)

    async def generate_welcome_audio(self, raw: pb.WelcomeRequest | codec.Malformed, context: Context) -> None:
        """Speak a text: metadata, audio, end."""
        try:
            await open_answer(context)
            await self._greet(codec.checked(raw), context)
        except Exception as error:  # the terminal message must be written whatever failed
            if context.done():
                raise
            failure = self._desk.failures.classify(error, WELCOME)
            await write_terminal(context, codec.welcome_end(failure))
            raise failure from None

    async def _greet(self, request: pb.WelcomeRequest, context: Context) -> None:
        desk = self._desk
        desk.check_open()
        session = requests.loose_session_id(request.session_id, desk.settings)
        desk.admission.check_message(session or context.peer())
        if request.text.strip():
            requests.prompt(request.text, desk.settings)
        greeting = Greeting(session, request.text, request.voice, request.language)
        desk.admission.take_slot(desk.orchestrator.speech_backlog_seconds())
        try:
            recording = await desk.orchestrator.greet(greeting)
            metadata = pb.WelcomeMetadata(
                method=recording.method,
                duration_sec=recording.duration_seconds,
                sample_rate=SAMPLE_RATE_HZ,
                channels=1,
                dtype="int16",
            )
            await context.write(pb.WelcomeResponse(metadata=metadata))
            for data in recording.chunks:
                response = pb.WelcomeResponse()
                codec.fill_audio(response.audio_chunk, data)
                await context.write(response)
            await context.write(pb.WelcomeResponse(end_message=codec.COMPLETED))
        finally:
            desk.admission.free_slot()

    async def report_usage(self, raw: pb.UsageRequest | codec.Malformed, _: Context) -> pb.UsageResponse:
        """Keep a client's token counts."""
        desk, request = self._desk, codec.checked(raw)
        device = requests.hardware_id(request.hardware_id, desk.settings)
        desk.admission.check_message(device)
        usage = StoreUsage(
            hardware_id=device,
            session_id=requests.loose_session_id(request.session_id, desk.settings),
            source=request.source[:MAX_SOURCE_CHARS],
            model=request.model[:MAX_SOURCE_CHARS],
            input_tokens=max(request.input_tokens, 0),
            output_tokens=max(request.output_tokens, 0),
        )
        await desk.orchestrator.report_usage(usage)
        return pb.UsageResponse(success=True, message="stored")

    # --- time limits ----------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Enforce idle, stall and turn limits for all streams by one task, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep_once(time.monotonic())

    def sweep_once(self, now: float) -> None:
        """Stop what is over a limit at ``now``."""
        settings = self._desk.settings
        idle = settings.get("backpressure.idle_timeout_seconds", float)
        stall = settings.get("backpressure.stall_timeout_seconds", float)
        longest = settings.get("backpressure.max_turn_seconds", float)
        for call in tuple(self._desk.streams):
            if call.turn is None:
                if call.idle_since and now - call.idle_since > idle:
                    call.stop(StopReason.IDLE)
            elif call.output is not None and 0.0 < call.output.writing_since < now - stall:
                call.stop(StopReason.STALLED)
            elif now - call.turn.started > longest:
                call.stop(StopReason.OVERDUE)
        trim(self._desk, now)

    # --- the end --------------------------------------------------------------------------------

    async def drain(self, patience_seconds: float) -> bool:
        """Refuse what is new, end idle streams, let turns run on for ``patience_seconds``, then cancel them.

        Returns whether every turn ended by itself.
        """
        desk = self._desk
        desk.draining = True
        for call in tuple(desk.streams):
            if call.turn is None:
                call.stop(StopReason.SHUTDOWN)
        try:
            async with asyncio.timeout(patience_seconds):
                await desk.turns.drained()
        except TimeoutError:
            for turn in desk.turns:
                turn.stop(StopReason.SHUTDOWN)
            return False
        return True


def _handler(make: Callable[..., Any], method: Callable[..., Any], request: type[Any]) -> Any:
    return make(
        method,
        request_deserializer=codec.parser(request),
        response_serializer=lambda response: response.SerializeToString(),
    )
