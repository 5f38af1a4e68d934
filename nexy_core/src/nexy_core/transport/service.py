"""The service: the four RPCs of the wire contract, and the sweep that enforces every time limit."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from nexy_core.events import StoreUsage
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.sessions import StopReason
from nexy_core.transport import codec, requests
from nexy_core.transport.desk import Desk, TimeLimits
from nexy_core.transport.greeting import GreetingCall
from nexy_core.transport.interceptors import Context, before_work
from nexy_core.transport.stream import StreamCall

SERVICE = pb.DESCRIPTOR.services_by_name["StreamingService"].full_name
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
        """Speak a text: see ``GreetingCall``."""
        await GreetingCall(self._desk, context).serve(raw)

    async def report_usage(self, raw: pb.UsageRequest | codec.Malformed, _: Context) -> pb.UsageResponse:
        """Keep a client's token counts."""
        desk = self._desk
        with before_work():
            request = codec.checked(raw)
            device = requests.hardware_id(request.hardware_id, desk.settings)
            session = requests.loose_session_id(request.session_id, desk.settings)
            desk.admission.check_message(device)
        usage = StoreUsage(
            hardware_id=device,
            session_id=session,
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
        limits = TimeLimits.of(self._desk.settings)
        calls: tuple[StreamCall | GreetingCall, ...] = (*self._desk.streams, *self._desk.greetings)
        for call in calls:
            if reason := call.over(now, limits):
                call.stop(reason)
        self._desk.trim_collected(now)

    # --- the end --------------------------------------------------------------------------------

    async def drain(self, patience_seconds: float) -> bool:
        """Refuse what is new, end idle streams, let what runs go on for ``patience_seconds``, then cancel it.

        Returns whether every turn and greeting ended by itself.
        """
        desk = self._desk
        desk.draining = True
        for call in tuple(desk.streams):
            if call.turn is None:
                call.stop(StopReason.SHUTDOWN)
        try:
            async with asyncio.timeout(patience_seconds):
                await desk.drained()
        except TimeoutError:
            for running in (*desk.turns, *desk.greetings):
                running.stop(StopReason.SHUTDOWN)
            return False
        return True


def _handler(make: Callable[..., Any], method: Callable[..., Any], request: type[Any]) -> Any:
    return make(
        method,
        request_deserializer=codec.parser(request),
        response_serializer=lambda response: response.SerializeToString(),
    )
