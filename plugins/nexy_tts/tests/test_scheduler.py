"""The queue, with calls that block until the test lets them go."""

import asyncio
import threading

import pytest
from nexy_tts.scheduler import Scheduler, Work

from nexy_core import Degraded, Unavailable

TIMEOUT_SECONDS = 5.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """Starts work on a scheduler and notes the order in which it runs."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.order: list[str] = []
        self.wide: dict[str, bool] = {}
        self.stopped: list[str] = []
        self.deaf: set[str] = set()  # these go on for a while though they were told to stop
        self.gates: dict[str, threading.Event] = {}
        self.changed = asyncio.Event()

    def start(self, name: str, turn_id: str = "", seconds: float = 1.0, timeout: float = TIMEOUT_SECONDS):
        gate = self.gates[name] = threading.Event()
        loop = asyncio.get_running_loop()

        def call(wide: bool) -> str:
            self.order.append(name)
            self.wide[name] = wide
            loop.call_soon_threadsafe(self.changed.set)
            gate.wait(10)
            return name

        def stop() -> None:
            self.stopped.append(name)
            if name not in self.deaf:
                gate.set()

        work = Work(turn_id or name, self.scheduler.ticket(), seconds, call, stop, lambda _: (seconds, seconds))
        return asyncio.create_task(self.scheduler.run(work, timeout))

    async def until(self, count: int) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while len(self.order) < count:
                self.changed.clear()
                if len(self.order) < count:
                    await self.changed.wait()

    async def let_all_go(self, *tasks: asyncio.Task) -> None:
        for gate in self.gates.values():
            gate.set()
        await asyncio.gather(*tasks)


@pytest.fixture
async def make_bench():
    made = []

    def make(workers: int = 1, queue_size: int = 16, clock=None) -> Bench:
        bench = Bench(Scheduler(workers, queue_size, clock or Clock()))
        made.append(bench)
        return bench

    yield make
    for bench in made:
        for gate in bench.gates.values():
            gate.set()
        assert await bench.scheduler.close() == 0


async def test_first_sound_before_more_sound_and_the_soonest_silence_first(make_bench) -> None:
    bench = make_bench()
    running = bench.start("running")
    await bench.until(1)
    bench.scheduler.credit("long", 30)
    bench.scheduler.credit("short", 5)
    tasks = [bench.start(name, turn) for name, turn in [("l", "long"), ("s", "short"), ("new", "new"), ("l2", "long")]]
    await asyncio.sleep(0)
    await bench.let_all_go(running, *tasks)
    assert bench.order == ["running", "new", "s", "l", "l2"]


async def test_who_hears_silence_in_a_moment_goes_before_a_new_turn_and_who_does_not_after_it(make_bench) -> None:
    clock = Clock()
    bench = make_bench(clock=clock)
    running = bench.start("running")
    await bench.until(1)
    bench.scheduler.credit("ending", 1.0)
    bench.scheduler.credit("long", 3.0)
    tasks = [bench.start(name) for name in ("new", "newer", "long", "ending")]
    await asyncio.sleep(0)
    clock.now += 0.9
    await bench.let_all_go(running, *tasks)
    assert bench.order == ["running", "ending", "new", "newer", "long"]


async def test_a_turn_that_got_its_first_sound_waits_for_the_others(make_bench) -> None:
    bench = make_bench()
    first = bench.start("a1", "a")
    await bench.until(1)
    tasks = [bench.start("a2", "a"), bench.start("b1", "b"), bench.start("c1", "c")]
    await asyncio.sleep(0)
    await bench.let_all_go(first, *tasks)
    assert bench.order == ["a1", "b1", "c1", "a2"]


async def test_two_long_turns_share_fairly(make_bench) -> None:
    bench = make_bench()
    holder = bench.start("hold")
    await bench.until(1)

    async def turn(name: str) -> None:
        for piece in range(4):
            task = bench.start(f"{name}{piece}", name, seconds=2.0)
            bench.gates[f"{name}{piece}"].set()
            await task

    both = [asyncio.create_task(turn("a")), asyncio.create_task(turn("b"))]
    await asyncio.sleep(0)
    bench.gates["hold"].set()
    await asyncio.gather(holder, *both)
    assert bench.order[1:] == ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3"]


async def test_alone_a_call_may_use_every_core(make_bench) -> None:
    bench = make_bench(workers=2)
    one = bench.start("one")
    await bench.until(1)
    two = bench.start("two")
    await bench.until(2)
    await bench.let_all_go(one, two)
    assert bench.wide == {"one": True, "two": False}


async def test_right_after_an_interrupt_too_while_the_old_call_still_ends(make_bench) -> None:
    bench = make_bench(workers=2)
    old = bench.start("old")
    await bench.until(1)
    bench.deaf.add("old")
    old.cancel()
    await asyncio.wait([old])
    new = bench.start("new")
    await bench.until(2)
    assert bench.wide == {"old": True, "new": True}
    bench.gates["new"].set()
    await new


async def test_never_more_at_once_than_workers(make_bench) -> None:
    bench = make_bench(workers=2)
    tasks = [bench.start(str(number)) for number in range(5)]
    await bench.until(2)
    await asyncio.sleep(0.05)
    assert len(bench.order) == 2
    await bench.let_all_go(*tasks)
    assert len(bench.order) == 5


async def test_a_full_queue_refuses(make_bench) -> None:
    bench = make_bench(queue_size=2)
    tasks = [bench.start("runs"), bench.start("waits"), bench.start("waits too")]
    await bench.until(1)
    with pytest.raises(Degraded) as raised:
        await bench.start("one too many")
    assert raised.value.reason == "speech_queue_full"
    await bench.let_all_go(*tasks)


async def test_cancelling_what_waits_frees_its_place(make_bench) -> None:
    bench = make_bench(queue_size=1)
    runs, waits = bench.start("runs"), bench.start("waits")
    await bench.until(1)
    waits.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits
    other = bench.start("other")
    await asyncio.sleep(0)
    await bench.let_all_go(runs, other)
    assert bench.order == ["runs", "other"]


async def test_cancelling_what_runs_stops_it(make_bench) -> None:
    bench = make_bench()
    runs, waits = bench.start("runs"), bench.start("waits")
    await bench.until(1)
    runs.cancel()
    with pytest.raises(asyncio.CancelledError):
        await runs
    assert bench.stopped == ["runs"]
    await bench.until(2)
    await bench.let_all_go(waits)


async def test_time_is_bounded(make_bench) -> None:
    bench = make_bench()
    with pytest.raises(Degraded) as raised:
        await bench.start("slow", timeout=0.05)
    assert raised.value.reason == "speech_timeout"
    assert bench.stopped == ["slow"]


async def test_an_error_reaches_whoever_asked(make_bench) -> None:
    bench = make_bench()

    def call(_wide: bool) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await bench.scheduler.run(Work("t", 0, 1.0, call, lambda: None, lambda _: (1.0, 1.0)), TIMEOUT_SECONDS)
    done = bench.start("next")
    await bench.let_all_go(done)


async def test_a_thread_that_hangs_loses_its_place(make_bench, monkeypatch) -> None:
    monkeypatch.setattr("nexy_tts.scheduler._GIVE_UP_SECONDS", 0.05)
    bench = make_bench()
    gate = threading.Event()
    hangs = Work("t", 0, 1.0, lambda _wide: gate.wait(10), lambda: None, lambda _: (1.0, 1.0))
    with pytest.raises(Degraded):
        await bench.scheduler.run(hangs, 0.05)
    done = bench.start("served all the same")
    await bench.until(1)
    assert bench.scheduler.lost == 1
    await bench.let_all_go(done)
    gate.set()
    await bench.scheduler.close()
    assert bench.scheduler.lost == 0


async def test_speed_counts_every_worker(make_bench) -> None:
    clock = Clock()
    bench = make_bench(workers=2, clock=clock)
    assert bench.scheduler.speed == 0
    one, two = bench.start("one", seconds=4.0), bench.start("two", seconds=4.0)
    await bench.until(2)
    clock.now += 1.0
    await bench.let_all_go(one, two)
    # "one" had both workers for a second, "two" one: eight seconds of speech from three worker-seconds.
    assert bench.scheduler.speed == pytest.approx(8 / 3 * 2, rel=0.05)


async def test_clocks_are_bounded(make_bench, monkeypatch) -> None:
    monkeypatch.setattr("nexy_tts.scheduler._MAX_TURNS", 3)
    bench = make_bench()
    for turn in "abcde":
        bench.scheduler.credit(turn, 1.0)
    assert list(bench.scheduler._ends) == ["c", "d", "e"]


async def test_closing_ends_those_who_wait_and_refuses_newcomers(make_bench) -> None:
    bench = make_bench()
    runs, waits = bench.start("runs"), bench.start("waits")
    await bench.until(1)
    assert await bench.scheduler.close() == 0
    for task in (runs, waits, bench.start("late")):
        with pytest.raises(Unavailable):
            await task
    assert "runs" in bench.stopped
    assert bench.order == ["runs"]
