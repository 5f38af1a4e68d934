"""One queue for the speech of all turns: whoever runs out of sound first is served first."""

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

import attrs

from nexy_core import Degraded, Unavailable
from nexy_tts.workers import Workers

T = TypeVar("T")

_FIRST_SOUND_SECONDS = 0.2  # a turn without sound waits for those alone whose sound ends within this
_MAX_TURNS = 4096  # clocks kept; the longest silent turn is forgotten first
_DECAY = 0.95  # what a finished piece of work leaves of the measured past
_GIVE_UP_SECONDS = 1.0  # after being told to stop, a thread that still runs is taken for lost
_CLEANUP_SECONDS = 2.0
_CLOSED = "Speech is shutting down."


@attrs.frozen
class Work(Generic[T]):
    """One step of a turn's speech. ``call(wide)`` runs in a thread; ``stop`` ends it early, from any thread.

    ``seconds`` is the guess of how much sound it gives the listener; ``measure`` says how much was made, and how much
    of it the listener got. Among equals the smaller ``ticket`` is first.
    """

    turn_id: str
    ticket: int
    seconds: float
    call: Callable[[bool], T]
    stop: Callable[[], None]
    measure: Callable[[T], tuple[float, float]]


@attrs.define(eq=False)
class _Job:
    work: Work[Any]
    future: asyncio.Future[Any]
    wide: bool = False
    stopping: bool = False
    lost: bool = False
    started: float = 0.0


class Scheduler:
    """Runs ``Work`` on at most ``workers`` threads: turns that have no sound yet first, then by when their sound ends.

    A listener who would hear silence in a moment goes before a new one: a burst would starve those it began with.
    Lives on the event loop; only the calls run in threads.
    """

    def __init__(self, workers: int, queue_size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.workers = workers
        self.lost = 0
        self._queue_size = queue_size
        self._clock = clock
        self._pool = Workers(workers)
        self._numbers = itertools.count()
        self._waiting: list[_Job] = []
        self._running: set[_Job] = set()
        self._ends: OrderedDict[str, float] = OrderedDict()
        self._made_seconds = 0.0
        self._worked_seconds = 0.0
        self._closed = False

    async def run(self, work: Work[T], timeout_seconds: float) -> T:
        """The result of ``work``. Cancelling stops it.

        Raises ``Degraded`` when the queue is full or the time is over, ``Unavailable`` after ``close``.
        """
        if self._closed:
            raise Unavailable(_CLOSED)
        if len(self._waiting) >= self._queue_size:
            raise Degraded("The server has too much to say.", reason="speech_queue_full")
        job = _Job(work, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._dispatch()
        try:
            async with asyncio.timeout(timeout_seconds):
                result: T = await job.future
        except TimeoutError:
            raise Degraded("Speech took too long.", reason="speech_timeout") from None
        finally:
            self._abandon(job)
        return result

    def ticket(self) -> int:
        """A number larger than all before, for a piece of speech."""
        return next(self._numbers)

    def credit(self, turn_id: str, seconds: float) -> None:
        """The turn gets ``seconds`` more of sound."""
        if seconds <= 0:
            return
        self._ends[turn_id] = max(self._ends.get(turn_id, 0.0), self._clock()) + seconds
        self._ends.move_to_end(turn_id)
        while len(self._ends) > _MAX_TURNS:
            self._ends.popitem(last=False)

    def expect(self, speed: float) -> None:
        """Seconds of speech one worker makes in a second, as a voice showed when it was loaded; work corrects it."""
        if not self._worked_seconds:
            self._made_seconds, self._worked_seconds = speed, 1.0

    @property
    def figures(self) -> dict[str, float | int | str]:
        """For ``Status.figures``."""
        return {
            "speed": round(self.speed, 2),
            "waiting": len(self._waiting),
            "workers": self.workers,
            "workers_busy": len(self._running),
            "workers_lost": self.lost,
        }

    @property
    def speed(self) -> float:
        """Seconds of speech per second with every worker busy, over recent work; 0 before the first voice."""
        return self._made_seconds / self._worked_seconds * self.workers if self._worked_seconds else 0.0

    async def close(self) -> int:
        """Stop everything and end the threads; return how many hang."""
        self._closed = True
        for job in (*self._waiting, *self._running):
            job.work.stop()
            if not job.future.done():
                job.future.set_exception(Unavailable(_CLOSED))
        self._waiting.clear()
        return await self._pool.stop(_CLEANUP_SECONDS)

    def _most_urgent(self) -> _Job:
        soon = self._clock() + _FIRST_SOUND_SECONDS
        return min(self._waiting, key=lambda job: (self._ends.get(job.work.turn_id, soon), job.work.ticket))

    def _dispatch(self) -> None:
        while self._waiting and len(self._running) < self.workers:
            job = self._most_urgent()
            self._waiting.remove(job)
            alone = not self._waiting and all(other.stopping for other in self._running)
            job.wide = alone and self.workers > 1
            job.started = self._clock()
            self._running.add(job)
            self.credit(job.work.turn_id, job.work.seconds)
            self._pool.submit(partial(job.work.call, job.wide), partial(self._done, job))

    def _done(self, job: _Job, result: Any, error: BaseException | None) -> None:
        self._running.discard(job)
        self.lost -= job.lost
        if error is None:
            self._learn(job, *job.work.measure(result))
        if not job.future.done():
            job.future.set_result(result) if error is None else job.future.set_exception(error)
        self._dispatch()

    def _learn(self, job: _Job, made_seconds: float, released_seconds: float) -> None:
        if job.future.done() or not made_seconds:  # stopped early: says nothing about the speed
            return
        self._correct(job.work, released_seconds)
        spent = (self._clock() - job.started) * (self.workers if job.wide else 1)
        self._made_seconds = self._made_seconds * _DECAY + made_seconds
        self._worked_seconds = self._worked_seconds * _DECAY + spent

    def _correct(self, work: Work[Any], released_seconds: float) -> None:
        """Put right what a guess got wrong."""
        if work.seconds > 0 and work.turn_id in self._ends:
            self._ends[work.turn_id] += released_seconds - work.seconds
        else:
            self.credit(work.turn_id, released_seconds)

    def _abandon(self, job: _Job) -> None:
        """Nobody waits for ``job`` any more."""
        if job in self._running:
            job.stopping = True
            job.work.stop()
            asyncio.get_running_loop().call_later(_GIVE_UP_SECONDS, self._give_up, job)
        elif job in self._waiting:
            self._waiting.remove(job)

    def _give_up(self, job: _Job) -> None:
        """A thread that does not stop loses its place; a fresh one takes it, as often as there are workers."""
        if job not in self._running or self.lost >= self.workers:
            return
        job.lost = True
        self.lost += 1
        self._running.discard(job)
        self._pool.add()
        self._dispatch()
