"""Interrupts with the real voice, at every moment of a turn: silence, one end, and a history of what was delivered."""

import json
import re
import threading
import time
import uuid

import grpc
import pytest
from nexy_core.errors import ErrorType
from nexy_core.proto import streaming_pb2 as pb
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess
from nexy_core.testing.wire import Received, ask, question

PIECES = (
    "The old lighthouse was built by sailors who had lost their friends in a storm. ",
    "It took them eleven summers to carry every stone from the quarry to the rock. ",
    "Today it is a museum.",
)
STORY = f"say {''.join(PIECES)}"
BYTES_PER_SECOND = 96_000
ENVIRON = {
    "NEXY_PLUGINS__MODULES": json.dumps(modules("llm", "memory")),
    "NEXY_PLUGINS__FILTER__ENABLED": "false",
    "NEXY_PLUGINS__UPDATES__ENABLED": "false",
    "NEXY_BACKPRESSURE__MAX_MESSAGE_RATE_PER_SECOND": "1000",
    "NEXY_BACKPRESSURE__SPEECH_PER_TURN_SECONDS": "0",
    "NEXY_TTS__CACHE_BYTES": "0",
    "NEXY_TTS__NOISE_SCALE": "0",
    "NEXY_TTS__NOISE_W": "0",
}


@pytest.fixture(scope="module")
def stub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interrupts")
    with ServerProcess(folder, ENVIRON) as server, grpc.insecure_channel(server.address) as channel:
        yield StreamingServiceStub(channel)


@pytest.fixture(scope="module")
def whole(stub):
    """The story undisturbed."""
    return ask(stub, STORY)


class Device:
    """One device with one session."""

    def __init__(self, stub):
        self.stub = stub
        self.hardware_id = str(uuid.uuid4()).upper()
        self.session = str(uuid.uuid4())
        self.received = Received()

    def tell(self, prompt):
        """The call; ``follow`` reads it."""
        return self.stub.StreamAudio(iter([question(prompt, self.session, self.hardware_id)]))

    def interrupt(self):
        """The sessions that were stopped."""
        request = pb.InterruptRequest(hardware_id=self.hardware_id)
        return list(self.stub.InterruptSession(request).interrupted_sessions)

    def follow(self, call, until=lambda _: False):
        """Read until ``until(received)``, or to the end; the code of the end."""
        try:
            for message in call:
                self.received.take(message)
                if until(self.received):
                    return None
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    def history(self):
        """The answers that memory has of this session, and whether they were cut."""
        answer = ask(self.stub, "history", self.session, self.hardware_id)
        return json.loads(re.search(r"\[.*\]", answer.text)[0])


def seconds(sound):
    return len(sound) / BYTES_PER_SECOND


def assert_history_is_what_was_delivered(device, whole):
    """Whole pieces before the last one, and of that the words whose sound was sent."""
    ((answer, cut),) = device.history()
    assert cut
    received = device.received
    before = "".join(received.pieces[:-1])
    assert answer.startswith(before)
    spoken = answer[len(before) :]
    last = received.pieces[-1]
    assert last.startswith(spoken)
    assert spoken == last or last[len(spoken)] == " " or not spoken
    heard = seconds(received.audio[-1]) / seconds(whole.audio[whole.pieces.index(last)])
    assert len(spoken) / len(last) == pytest.approx(heard, abs=0.25)


@pytest.mark.parametrize("piece", [0, 1, 2])
@pytest.mark.parametrize(
    "sound_seconds", [0.3, pytest.param(0.0, marks=pytest.mark.long), pytest.param(1.2, marks=pytest.mark.long)]
)
def test_in_the_middle_of_a_piece(stub, whole, piece, sound_seconds):
    device = Device(stub)
    call = device.tell(STORY)
    enough = min(sound_seconds, seconds(whole.audio[piece]) / 2)
    begun = device.follow(call, until=lambda got: len(got.pieces) > piece and seconds(got.audio[-1]) >= enough)
    assert begun is None
    assert device.interrupt() == [device.session]
    assert device.follow(call) is grpc.StatusCode.CANCELLED
    assert device.received.end == "INTERRUPTED"
    assert_history_is_what_was_delivered(device, whole)


@pytest.mark.parametrize("after_seconds", [0.02, 0.08, 0.2])
def test_in_the_middle_of_inference(stub, whole, after_seconds):
    device = Device(stub)
    call = device.tell(STORY)
    device.follow(call, until=lambda got: got.pieces)
    time.sleep(after_seconds)  # the client does not read: what arrives meanwhile was delivered all the same
    assert device.interrupt() == [device.session]
    device.follow(call)
    assert device.received.end == "INTERRUPTED"
    assert_history_is_what_was_delivered(device, whole)


def test_before_the_first_token(stub):
    device = Device(stub)
    call = device.tell(f"{STORY} [[llm.first.hang]]")
    deadline = time.monotonic() + 10
    while not (stopped := device.interrupt()):
        assert time.monotonic() < deadline
    assert stopped == [device.session]
    assert device.follow(call) is grpc.StatusCode.CANCELLED
    assert (device.received.pieces, device.received.end) == ([], "INTERRUPTED")
    assert device.history() == [["", True]]


def test_after_the_end(stub):
    device = Device(stub)
    assert device.follow(device.tell("say Yes of course.")) is grpc.StatusCode.OK
    assert device.interrupt() == []
    assert device.history() == [["Yes of course.", False]]


def test_twice_at_once_stops_once(stub, whole):
    device = Device(stub)
    call = device.tell(STORY)
    device.follow(call, until=lambda got: got.pieces and got.audio[0])
    stopped = []
    both = [threading.Thread(target=lambda: stopped.append(device.interrupt())) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(stopped) == [[], [device.session]]
    assert device.follow(call) is grpc.StatusCode.CANCELLED
    assert_history_is_what_was_delivered(device, whole)


def test_for_another_device_changes_nothing(stub, whole):
    device, other = Device(stub), Device(stub)
    call = device.tell(STORY)
    device.follow(call, until=lambda got: got.pieces and got.audio[0])
    assert other.interrupt() == []
    assert device.follow(call) is grpc.StatusCode.OK
    assert device.received.audio == whole.audio
    assert device.history() == [["".join(PIECES), False]]


def test_a_new_turn_that_races_the_interrupt_is_either_refused_or_whole(stub, whole):
    for _ in range(3):
        device = Device(stub)
        old = device.tell(STORY)
        device.follow(old, until=lambda got: got.pieces and got.audio[0])
        stopper = threading.Thread(target=device.interrupt)
        stopper.start()
        new = ask(stub, "say No.", str(uuid.uuid4()), device.hardware_id)
        stopper.join()
        device.follow(old)
        assert device.received.end == "INTERRUPTED"
        if new.error is None:
            assert new.text == "No."
            assert all(new.audio)
        else:
            assert new.error.error_type is ErrorType.CANCELLED_BY_USER
        again = ask(stub, "say Again.", device.session, device.hardware_id)
        assert (again.text, bool(all(again.audio))) == ("Again.", True)


def test_a_cancelled_call_is_remembered_as_cut(stub):
    device = Device(stub)
    call = device.tell(STORY)
    device.follow(call, until=lambda got: len(got.pieces) == 2)
    call.cancel()
    deadline = time.monotonic() + 10
    while not (history := device.history())[0][0]:
        assert time.monotonic() < deadline
    assert history[0][0].startswith(device.received.pieces[0].strip())
    assert history[0][1]
