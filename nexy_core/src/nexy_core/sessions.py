"""What is live: running turns by device and session, and the texts gathered while users speak (COLLECT)."""

import asyncio
import itertools
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from enum import StrEnum

import attrs

from nexy_core.errors import Cancelled, NexyError, StreamLimitExceeded, TimedOut, Unavailable
from nexy_core.events import LiveTurn


class StopReason(StrEnum):
    """Why the server stopped a turn or a stream."""

    INTERRUPTED = "interrupted"
    ABANDONED = "abandoned"
    SUPERSEDED = "superseded"
    IDLE = "idle_timeout"
    STALLED = "client_stalled"
    OVERDUE = "max_turn_time"
    SHUTDOWN = "shutdown"

    def error(self) -> NexyError:
        """What the client is told."""
        match self:
            case StopReason.INTERRUPTED | StopReason.ABANDONED | StopReason.SUPERSEDED:
                return Cancelled("Stopped.", reason=self.value)
            case StopReason.SHUTDOWN:
                return Unavailable("The server is restarting. Please try again.", reason=self.value)
            case StopReason.IDLE:
                return TimedOut("Nothing was said for a while, so the connection was closed.", reason=self.value)
            case StopReason.STALLED:
                return TimedOut("The connection was too slow to go on.", reason=self.value)
            case StopReason.OVERDUE:
                return TimedOut("The answer took too long.", reason=self.value)


@attrs.define(eq=False)
class RunningTurn:
    """One turn from admission to its last ``finally``."""

    live: LiveTurn
    started: float
    task: asyncio.Task[None] | None = None
    stop_reason: StopReason | None = None
    stopped: float = 0.0

    def stop(self, reason: StopReason) -> bool:
        """Cancel the turn, once. False when it is already stopping or done."""
        if self.stop_reason is not None or self.task is None or self.task.done():
            return False
        self.stop_reason = reason
        self.stopped = time.monotonic()
        self.task.cancel(reason.value)
        return True


class LiveTurns:
    """The registry of running turns. Generations only grow, so a late interrupt never hits a newer turn."""

    def __init__(self, closed: Callable[[RunningTurn], None] = lambda _: None) -> None:
        self._closed = closed
        self._turns: dict[str, RunningTurn] = {}
        self._by_device: dict[str, dict[str, RunningTurn]] = {}
        self._by_session: dict[tuple[str, str], RunningTurn] = {}
        self._generations = itertools.count(1)
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._turns)

    def __iter__(self) -> Iterator[RunningTurn]:
        return iter(tuple(self._turns.values()))

    def open(self, hardware_id: str, session_id: str) -> RunningTurn:
        """Register a turn. Raises ``StreamLimitExceeded`` when the session already has one."""
        if session_id and (hardware_id, session_id) in self._by_session:
            raise StreamLimitExceeded("This session is already being answered.", reason="session_busy")
        live = LiveTurn(uuid.uuid4().hex, session_id, hardware_id, next(self._generations))
        turn = RunningTurn(live, time.monotonic())
        self._turns[live.turn_id] = turn
        self._by_device.setdefault(hardware_id, {})[live.turn_id] = turn
        if session_id:
            self._by_session[hardware_id, session_id] = turn
        return turn

    def close(self, turn: RunningTurn) -> None:
        """The turn is over, its ``finally`` blocks included."""
        live = turn.live
        del self._turns[live.turn_id]
        device = self._by_device[live.hardware_id]
        del device[live.turn_id]
        if not device:
            del self._by_device[live.hardware_id]
        if live.session_id:
            del self._by_session[live.hardware_id, live.session_id]
        self._changed.set()
        self._closed(turn)

    def of_device(self, hardware_id: str) -> list[RunningTurn]:
        """This device's running turns, oldest first."""
        return list(self._by_device.get(hardware_id, {}).values())

    async def drained(self) -> None:
        """Return when no turn is left."""
        while self._turns:
            self._changed.clear()
            await self._changed.wait()


@attrs.define
class Collected:
    """What COLLECT gathered for one session: the last non-empty value of each field wins."""

    touched: float
    chunk_seq: int = 0
    text: str = attrs.field(default="", repr=False)
    screenshot: str = attrs.field(default="", repr=False)
    screen_width: int = 0
    screen_height: int = 0

    def size_bytes(self) -> int:
        return len(self.text) + len(self.screenshot)

    def update(self, chunk_seq: int, text: str, screenshot: str, screen_width: int, screen_height: int) -> None:
        """Take a newer snapshot; an older or equal ``chunk_seq`` changes nothing."""
        if chunk_seq <= self.chunk_seq:
            return
        self.chunk_seq = chunk_seq
        self.text = text if text.strip() else self.text
        self.screenshot = screenshot or self.screenshot
        self.screen_width = screen_width or self.screen_width
        self.screen_height = screen_height or self.screen_height


class CollectBuffers:
    """COLLECT's buffers by (hardware_id, session_id): they expire, and the oldest give way at the caps."""

    def __init__(self) -> None:
        self._buffers: OrderedDict[tuple[str, str], Collected] = OrderedDict()
        self._size_bytes = 0

    def __len__(self) -> int:
        return len(self._buffers)

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def touch(self, key: tuple[str, str], now: float) -> Collected:
        """The session's buffer, made when there is none."""
        collected = self._buffers.setdefault(key, Collected(now))
        collected.touched = now
        self._buffers.move_to_end(key)
        return collected

    def update(
        self, key: tuple[str, str], now: float, chunk_seq: int, text: str, screenshot: str, screen: tuple[int, int]
    ) -> Collected:
        """Take one COLLECT message."""
        collected = self.touch(key, now)
        before = collected.size_bytes()
        collected.update(chunk_seq, text, screenshot, *screen)
        self._size_bytes += collected.size_bytes() - before
        return collected

    def peek(self, key: tuple[str, str]) -> Collected | None:
        """What there is, without consuming it."""
        return self._buffers.get(key)

    def take(self, key: tuple[str, str]) -> Collected | None:
        """COMMIT consumes the buffer."""
        collected = self._buffers.pop(key, None)
        if collected is not None:
            self._size_bytes -= collected.size_bytes()
        return collected

    def trim(self, now: float, ttl_seconds: float, max_count: int, max_bytes: int) -> int:
        """Drop what is too old or too much, oldest first; returns how many."""
        dropped = 0
        while self._buffers:
            key, oldest = next(iter(self._buffers.items()))
            expired = now - oldest.touched > ttl_seconds
            if not expired and len(self._buffers) <= max_count and self._size_bytes <= max_bytes:
                break
            self.take(key)
            dropped += 1
        return dropped
