"""One ``StreamAudio`` call: reads messages, runs at most one turn at a time, writes every terminal message."""

import asyncio
import time
from typing import Any

import grpc

from nexy_core.errors import NexyError, ValidationFailed
from nexy_core.events import LiveTurn, Screenshot
from nexy_core.ports import ActionOut, Commit
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.sessions import RunningTurn, StopReason
from nexy_core.transport import codec, requests
from nexy_core.transport.desk import Desk, TimeLimits
from nexy_core.transport.interceptors import Context, Refused
from nexy_core.transport.terminal import open_answer, write_last, write_terminal

METHOD = "/streaming.StreamingService/StreamAudio"
DRAIN_SECONDS = 0.05  # an aio client that is still writing shows INTERNAL when it is aborted at once
ACCEPTED = pb.StreamResponse(end_message=codec.COLLECT_ACCEPTED)
LARGE_SCREENSHOT_CHARS = 128 * 1024  # decoding more than this would hold the loop


class StreamOutput:
    """Writes a turn's messages; ``writing_since`` lets the sweep see a client that does not read."""

    __slots__ = ("_context", "_transport", "lock", "writing_since")

    def __init__(self, context: Context, action_transport: str) -> None:
        self._context = context
        self._transport = action_transport
        self.lock = asyncio.Lock()  # gRPC takes one write at a time
        self.writing_since = 0.0

    async def _write(self, message: pb.StreamResponse) -> None:
        async with self.lock:
            self.writing_since = time.monotonic()
            await self._context.write(message)
            self.writing_since = 0.0

    async def accepted(self) -> None:
        """Answer a COLLECT that came while the turn writes."""
        async with self.lock:
            self.writing_since = time.monotonic()
            await write_last(self._context, ACCEPTED)
            self.writing_since = 0.0

    async def text(self, shown: str) -> str:
        safe, message = codec.text(shown)
        await self._write(message)
        return safe

    async def audio(self, data: bytes) -> None:
        await self._write(codec.audio(data))

    async def action(self, action: ActionOut) -> None:
        await self._write(codec.action(action, self._transport))


class StreamCall:
    """The state of one call. ``idle_since`` is 0.0 while a turn runs."""

    __slots__ = ("_context", "_desk", "_read", "_task", "_turn", "idle_since", "output", "stop_reason")

    def __init__(self, desk: Desk, context: Context) -> None:
        self._desk = desk
        self._context = context
        self._task = asyncio.current_task()
        self._turn: RunningTurn | None = None
        self._read: asyncio.Task[Any] | None = None
        self.output: StreamOutput | None = None
        self.stop_reason: StopReason | None = None
        self.idle_since = time.monotonic()

    @property
    def turn(self) -> RunningTurn | None:
        return self._turn

    def stop(self, reason: StopReason) -> None:
        """End the call: through its turn when one runs, else at once."""
        if self._turn is not None:
            self._turn.stop(reason)
        elif self.stop_reason is None and self._task is not None:
            self.stop_reason = reason
            self._task.cancel(reason.value)

    def over(self, now: float, limits: TimeLimits) -> StopReason | None:
        """The limit that it is over, if any."""
        if self._turn is not None and self.output is not None:
            return limits.working(self._turn.started, self.output.writing_since, now)
        return StopReason.IDLE if self.idle_since and now - self.idle_since > limits.idle_seconds else None

    async def serve(self) -> None:
        """Run the call. Raises ``NexyError``, or ``Refused``, after its terminal message was written."""
        self._desk.streams.add(self)
        try:
            await open_answer(self._context)
            self._desk.check_room()
            await self._messages()
        except asyncio.CancelledError:
            await self._abandon_turn()
            if self.stop_reason is None or self._task is None:
                raise
            self._task.uncancel()
            raise await self._ended(self.stop_reason.error()) from None
        except Exception as error:  # the terminal message must be written whatever failed
            early = self._turn is None
            await self._abandon_turn()
            if self._context.done():
                raise
            failure = await self._ended(self._desk.failures.classify(error, METHOD))
            raise Refused(failure) if early else failure from None
        finally:
            self._desk.streams.discard(self)

    async def _ended(self, failure: NexyError) -> NexyError:
        """The failure, once its message has been written."""
        await write_terminal(self._context, codec.stream_end(failure))
        if self._read is not None and not self._read.done():
            await asyncio.wait([self._read], timeout=DRAIN_SECONDS)
            self._read.cancel()
        return failure

    # --- reading --------------------------------------------------------------------------------

    async def _messages(self) -> None:
        first = True
        while (message := await self._next()) is not grpc.aio.EOF:
            first = False
            await self._handle(codec.checked(message))
        if first:
            raise ValidationFailed("The stream ended without a request.", reason="no_message")
        if self._turn is not None:
            await self._finish_turn()

    async def _next(self) -> Any:
        """The next message, while a running turn is awaited beside it."""
        while self._turn is not None:
            if self._read is None:
                self._read = asyncio.create_task(self._context.read())
            assert self._turn.task is not None
            await asyncio.wait((self._read, self._turn.task), return_when=asyncio.FIRST_COMPLETED)
            if not self._turn.task.done():
                break
            await self._finish_turn()
        if self._read is None:
            return await self._context.read()
        message = await self._read
        self._read = None
        return message

    async def _handle(self, message: pb.StreamRequest) -> None:
        settings = self._desk.settings
        device = requests.hardware_id(message.hardware_id, settings)
        session = requests.session_id(message.session_id, required=settings.get("session.require_session_id", bool))
        if message.phase == pb.REQUEST_PHASE_COLLECT:
            await self._collect(message, device, session)
        else:
            try:
                await self._commit(message, device, session)
            except NexyError as error:
                self._desk.orchestrator.refused(device, session, error)
                raise

    async def _collect(self, message: pb.StreamRequest, device: str, session: str) -> None:
        desk, now = self._desk, time.monotonic()
        desk.admission.check_collect(device)
        requests.screenshot_size(message.screenshot, desk.settings)
        text = message.chunk_text[: desk.settings.get("backpressure.max_prompt_chars", int)]
        screen = (message.screen_width, message.screen_height)
        collected = desk.collected.update((device, session), now, message.chunk_seq, text, message.screenshot, screen)
        if collected.text and not desk.turns.of_device(device):
            desk.orchestrator.expect(device, session, collected.text)
        desk.trim_collected(now)
        if self._turn is not None and self.output is not None:
            await self.output.accepted()
            return
        self.idle_since = now
        await write_last(self._context, ACCEPTED)

    # --- turns ----------------------------------------------------------------------------------

    async def _commit(self, message: pb.StreamRequest, device: str, session: str) -> None:
        desk, asked = self._desk, time.monotonic()
        desk.check_open()
        desk.admission.check_message(device)
        gathered = desk.collected.peek((device, session))
        prompt = message.prompt if message.prompt.strip() or gathered is None else gathered.text
        image = message.screenshot or (gathered.screenshot if gathered else "")
        prompt = requests.prompt(prompt, desk.settings)
        requests.screenshot_size(image, desk.settings)
        if self._turn is not None:
            await self._supersede()
        desk.admission.take_slot(desk.orchestrator.speech_backlog_seconds())
        try:
            turn = desk.turns.open(device, session)
        except NexyError:
            desk.admission.free_slot()
            raise
        desk.collected.take((device, session))
        self._turn, self.idle_since = turn, 0.0
        self.output = StreamOutput(self._context, desk.settings.get("turn.action_transport", str))
        turn.task = asyncio.create_task(self._run(turn.live, prompt, image, asked, self.output))
        # A callback, not a finally: a task that is cancelled before its first step runs no code of its own.
        turn.task.add_done_callback(lambda _: desk.release(turn))

    async def _run(self, live: LiveTurn, prompt: str, image: str, asked: float, output: StreamOutput) -> None:
        shot = await self._shot(live, prompt, image)
        commit = Commit(live.turn_id, live.generation, live.hardware_id, live.session_id, prompt, shot, asked)
        await self._desk.orchestrator.turn(commit, output)

    async def _shot(self, live: LiveTurn, prompt: str, image: str) -> Screenshot | None:
        desk = self._desk
        try:
            if len(image) > LARGE_SCREENSHOT_CHARS:
                desk.orchestrator.expect(live.hardware_id, live.session_id, prompt)
                return await asyncio.to_thread(requests.screenshot, image, desk.settings)
            return requests.screenshot(image, desk.settings)
        except NexyError as error:
            desk.orchestrator.refused(live.hardware_id, live.session_id, error)
            raise

    async def _supersede(self) -> None:
        """A new COMMIT on this stream: the running turn ends, the stream goes on."""
        turn = self._turn
        assert turn is not None
        assert turn.task is not None
        turn.stop(StopReason.SUPERSEDED)
        await asyncio.wait([turn.task])
        await self._finish_turn()

    async def _finish_turn(self) -> None:
        """Await the turn and end it on the wire. Raises what ended it, unless the stream goes on."""
        turn = self._turn
        assert turn is not None
        assert turn.task is not None
        end = codec.COMPLETED
        # wait, not await: a cancel of this call must not reach the turn before ``_abandon_turn`` has noted when
        await asyncio.wait([turn.task])
        try:
            turn.task.result()
        except asyncio.CancelledError:
            if turn.stop_reason is None:
                raise
            if turn.stop_reason is not StopReason.SUPERSEDED:
                raise turn.stop_reason.error() from None
            end = codec.SUPERSEDED
        self._turn = None
        self.idle_since = time.monotonic()
        await write_last(self._context, pb.StreamResponse(end_message=end))

    async def _abandon_turn(self) -> None:
        """Stop the turn and wait for its ``finally`` blocks."""
        turn, self._turn = self._turn, None
        if turn is not None and turn.task is not None and not turn.task.done():
            turn.stop(StopReason.ABANDONED)
            await asyncio.wait([turn.task])
