"""Who talks to the server in the long run: each actor is a device that does one thing over and over.

An actor returns its call's outcome. Whatever the contract or the moment cannot explain is a breach.
"""

import asyncio
import random
import time
import uuid
from collections import Counter
from datetime import UTC, datetime

import attrs
import grpc
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.wire import Received, question

CALL_SECONDS = 60
COLLECT_TTL_SECONDS = 3
REFUSED = grpc.StatusCode.RESOURCE_EXHAUSTED
ANSWERED = frozenset({grpc.StatusCode.OK, REFUSED})
FAILED = ANSWERED | {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE}
WRITING_CLIENT = (
    "Internal error from Core"  # what grpc.aio's client says now and then when it is refused while it writes
)
PARTS = ("llm", "tts", "filter", "recall", "remember")
FAULTS = [
    f"[[{part}.{when}.{kind}]]"
    for part in PARTS
    for when in ("first", "mid", "last")
    for kind in ("raise.internal", "raise.unavailable", "raise.foreign", "raise.connection", "sleep.20", "stop")
]


def outcome(error):
    """The status of a call that failed."""
    return REFUSED if error.details() == WRITING_CLIENT else error.code()


@attrs.define
class Tally:
    """What happened, by actor and outcome; ``breaches`` are what must never happen."""

    counts: Counter = attrs.field(factory=Counter)
    breaches: list[str] = attrs.field(factory=list)

    def add(self, actor, outcome):
        self.counts[actor, outcome] += 1


@attrs.define
class Device:
    """One device and its connection."""

    name: str
    stub: StreamingServiceStub
    tally: Tally
    dice: random.Random
    hardware_id: str = attrs.field(factory=lambda: str(uuid.uuid4()).upper())

    def ask(self, prompt, **fields):
        return question(prompt, hardware_id=self.hardware_id, **fields)

    def expect(self, code, allowed):
        """Nobody interrupts or strikes this device's call: another code is somebody else's trouble reaching it."""
        if code not in allowed:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            self.tally.breaches.append(f"{self.name}, {at}: {code.name}, which nothing it did explains")
        return code.name

    async def receive(self, call, pause=0.0):
        """Read a call to its end; a refusal and the status of a failed turn are outcomes, not exceptions."""
        received = Received()
        try:
            async for message in call:
                received.take(message)
                await asyncio.sleep(pause)
        except grpc.aio.AioRpcError as error:
            return received, outcome(error)
        except asyncio.CancelledError:
            return received, grpc.StatusCode.CANCELLED
        except AssertionError as breach:
            self.tally.breaches.append(f"{self.name}: {breach}")
        return received, grpc.StatusCode.OK

    async def whole_turn(self, prompt, pause=0.0):
        """One turn to its end, held against the invariants: one terminal message, and never silence."""
        received, code = await self.receive(
            self.stub.StreamAudio(iter([self.ask(prompt)]), timeout=CALL_SECONDS), pause
        )
        if code is grpc.StatusCode.OK and not received.end:
            self.tally.breaches.append(f"{self.name}: a stream ended well without an end_message")
        if received.end == "COMPLETED" and not (received.pieces or received.actions):
            self.tally.breaches.append(f"{self.name}: a turn was complete and silent")
        if code is not grpc.StatusCode.OK and received.end == "COMPLETED":
            self.tally.breaches.append(f"{self.name}: a complete turn had the status {code.name}")
        return received, code


async def talker(device):
    received, code = await device.whole_turn(f"count {device.dice.randint(1, 8)}")
    if code is grpc.StatusCode.OK and "sentence number 1." not in received.text:
        device.tally.breaches.append("talker: not its own answer")
    return device.expect(code, ANSWERED)


async def slow_reader(device):
    _, code = await device.whole_turn("count 6", pause=0.03)
    return device.expect(code, ANSWERED)


async def converser(device):
    """Three questions on one stream, each after the answer to the one before."""
    call, turns = device.stub.StreamAudio(timeout=CALL_SECONDS), [Received() for _ in range(3)]
    try:
        for number, received in enumerate(turns):
            await call.write(device.ask(f"say number {number}"))
            while not received.end and (message := await call.read()) is not grpc.aio.EOF:
                received.take(message)
        await call.done_writing()
        if await call.read() is not grpc.aio.EOF:
            device.tally.breaches.append("converser: something followed the last end")
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the latter: written to after it was refused
        code = REFUSED if await call.details() == WRITING_CLIENT else await call.code()
        return device.expect(code, ANSWERED)
    if [one.text for one in turns] != [f"number {number}" for number in range(3)]:
        device.tally.breaches.append(f"converser: answered {[one.text for one in turns]}")
    return "OK"


async def greeter(device):
    """The greeting: metadata, sound, the end."""
    kinds = []
    try:
        async for message in device.stub.GenerateWelcomeAudio(
            pb.WelcomeRequest(text="Hello there.", session_id="welcome_1"), timeout=CALL_SECONDS
        ):
            kinds.append(message.WhichOneof("content"))
    except grpc.aio.AioRpcError as error:
        return device.expect(outcome(error), ANSWERED)
    if list(dict.fromkeys(kinds)) != ["metadata", "audio_chunk", "end_message"] or kinds.count("end_message") != 1:
        device.tally.breaches.append(f"greeter: {kinds}")
    return "OK"


async def reporter(device):
    """Usage, counted while memory is there and acknowledged either way."""
    answer = await device.stub.ReportUsage(
        pb.UsageRequest(hardware_id=device.hardware_id, session_id=str(uuid.uuid4()), input_tokens=1),
        timeout=CALL_SECONDS,
    )
    if not answer.success:
        device.tally.breaches.append(f"reporter: {answer.message}")
    return "OK"


async def unlucky(device):
    prompt = "count 3 " + " ".join(device.dice.sample(FAULTS, device.dice.randint(1, 2)))
    _, code = await device.whole_turn(prompt)
    return device.expect(code, FAILED)


async def superseder(device):
    """A second question on the same stream while the first is being answered."""
    ends, text = [], []
    session = str(uuid.uuid4())

    async def questions():
        yield device.ask("count 50 [[llm.mid.sleep.200]]", session_id=session)
        await asyncio.sleep(0.05)
        yield device.ask("say second", session_id=session)

    try:
        async for message in device.stub.StreamAudio(questions(), timeout=CALL_SECONDS):
            if message.WhichOneof("content") == "end_message":
                ends.append(message.end_message)
            elif len(ends) == 1 and message.text_chunk:
                text.append(message.text_chunk)
    except grpc.aio.AioRpcError as error:
        return device.expect(outcome(error), ANSWERED)
    if ends[-1:] != ["COMPLETED"] or len(ends) > 2 or (len(ends) == 2 and "".join(text) != "second"):
        device.tally.breaches.append(f"superseder: ends {ends}, text of the second turn {''.join(text)[:40]!r}")
    return "SUPERSEDED" if len(ends) == 2 else "OK"


async def canceller(device):
    """The client goes away after the first words."""
    call = device.stub.StreamAudio(iter([device.ask("count 50")]), timeout=CALL_SECONDS)
    try:
        await call.read()
    except grpc.aio.AioRpcError as error:
        return device.expect(outcome(error), ANSWERED)
    call.cancel()
    return "CANCELLED"


async def interrupter(device):
    """InterruptSession stops the device's turn, and its next one works at once."""
    call = device.stub.StreamAudio(iter([device.ask("count 3 [[llm.mid.hang]]")]), timeout=CALL_SECONDS)
    reading = asyncio.create_task(device.receive(call))
    while not reading.done():
        answer = await device.stub.InterruptSession(
            pb.InterruptRequest(hardware_id=device.hardware_id), timeout=CALL_SECONDS
        )
        if not answer.success:
            device.tally.breaches.append("interrupter: not a success")
        await asyncio.sleep(0.02)
    received, code = await reading
    if code is grpc.StatusCode.CANCELLED and received.end != "INTERRUPTED":
        device.tally.breaches.append(f"interrupter: {received.end!r} instead of INTERRUPTED")
    _, code_after = await device.whole_turn("say again")
    device.expect(code_after, ANSWERED)
    return device.expect(code, ANSWERED | {grpc.StatusCode.CANCELLED})


async def collector(device):
    """A storm of snapshots, then a question that leans on them, unless a busy machine let them expire."""
    session, began = str(uuid.uuid4()), time.monotonic()
    for number in range(1, 6):
        snapshot = pb.StreamRequest(
            hardware_id=device.hardware_id,
            session_id=session,
            phase=pb.REQUEST_PHASE_COLLECT,
            chunk_seq=number,
            chunk_text="say " + "word " * number,
        )
        try:
            ends = [one.end_message async for one in device.stub.StreamAudio(iter([snapshot]), timeout=CALL_SECONDS)]
        except grpc.aio.AioRpcError as error:
            return device.expect(outcome(error), ANSWERED)
        if ends != ["COLLECT_ACCEPTED"]:
            device.tally.breaches.append(f"collector: {ends}")
    received, code = await device.receive(
        device.stub.StreamAudio(iter([device.ask("", session_id=session)]), timeout=CALL_SECONDS)
    )
    if code is grpc.StatusCode.OK and received.text.split() != ["word"] * 5:
        device.tally.breaches.append(f"collector: answered {received.text[:40]!r}")
    late = time.monotonic() - began > COLLECT_TTL_SECONDS
    return device.expect(code, ANSWERED | ({grpc.StatusCode.INVALID_ARGUMENT} if late else set()))


ACTORS = (
    talker,
    talker,
    talker,
    slow_reader,
    slow_reader,
    converser,
    greeter,
    reporter,
    unlucky,
    unlucky,
    superseder,
    canceller,
    interrupter,
    collector,
)
