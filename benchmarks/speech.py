"""Speech with the real voice: whole turns through a server process, and the synthesis alone in this one.

A target stands in the name of its row: of the ratio where there is a baseline, of the figure otherwise. Wall times mean
something on a quiet machine only.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import uvloop
from nexy_core.testing.process import ServerProcess
from piper import PiperVoice

from benchmarks import _piper as piper
from benchmarks._listeners import Heard, Listeners
from benchmarks._synthesis import Synthesis
from benchmarks.harness import Comparison, Measure

ROOT = Path(__file__).parent.parent
MS = 1000
ROUNDS = 5
INTERRUPT_SECONDS = (0.02, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4)
SLOW, FAST = "8", "120"  # words a second: slower than the voice on two cores, and much faster
ALLOWANCE, ALLOWANCE_MS = 1.15, 15.0
SENTENCE = (
    "When the ship came in at last, the whole town ran down to the harbour to see who had come home from the "
    "islands again."
)
FIVE = (
    "As you may know, the oldest lighthouse here was built by sailors.",
    "They carried every stone from the quarry on their backs.",
    "It took eleven summers before the first lamp was lit.",
    "Ships could see it from thirty miles away at night.",
    "Today it is a museum that children like to visit.",
)
OPENINGS = (
    "The weather will be mild and mostly dry, with a little wind from the west and some cloud over the hills at night.",
    "You have three dates for today, and the first of them is at nine in the old house, so do not leave it too late.",
    "A good way to begin is to write down what you know of it and then to read one short book that a friend has liked.",
    "As far as I can tell, the train goes once an hour from the old station until it is late, but on Sundays less.",
    "It needs two eggs, a cup of milk and a pinch of salt, and you should let it rest for an hour before you bake it.",
    "Most of us find it easy to learn to speak when we do it each day with a friend who does not mind our mistakes.",
)
MORE = (
    "There is one more thing that you may want to know before you decide.",
    "If you like, I can also remind you of it in the evening.",
)
ENVIRON = {
    "NEXY_ENV": "prod",
    "PYTHONPATH": str(ROOT),
    "NEXY_PLUGINS__MODULES": '["llm=benchmarks._plugins:script"]',
    "NEXY_PLUGINS__MEMORY__ENABLED": "false",
    "NEXY_PLUGINS__FILTER__ENABLED": "false",
    "NEXY_PLUGINS__UPDATES__ENABLED": "false",
    "NEXY_TTS__CACHE_BYTES": "0",
    "NEXY_TTS__NOISE_SCALE": "0",
    "NEXY_TTS__NOISE_W": "0",
}


def turns(count: int) -> list[list[str]]:
    """What each of ``count`` turns says, in sentences."""
    return [[OPENINGS[number % len(OPENINGS)], *MORE] for number in range(count)]


def texts(count: int) -> list[str]:
    return [" ".join(turn) for turn in turns(count)]


class Bench:
    """A server with the real voice, those who listen to it, and Piper beside them."""

    def __init__(self, address: str, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._listeners = Listeners(address)
        self.piper = piper.load_piper()
        self.pooled = PiperVoice(piper.bare_session(1), self.piper.config)
        self._interrupts = 0

    def hear(self, text: str, rate: str = "0") -> Heard:
        return self._runner.run(self._listeners.hear(text, rate))

    def burst(self, count: int) -> list[Heard]:
        return self._runner.run(self._listeners.burst(texts(count)))

    def hear_after_interrupt(self) -> Heard:
        after_seconds = INTERRUPT_SECONDS[self._interrupts % len(INTERRUPT_SECONDS)]
        self._interrupts += 1
        return self._runner.run(self._listeners.hear_after_interrupt(SENTENCE, SENTENCE, after_seconds))


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    with (
        tempfile.TemporaryDirectory() as folder,
        ServerProcess(Path(folder), ENVIRON) as process,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        ready = Bench(process.address, runner)
        ready.hear(SENTENCE)
        piper.piper_ms(ready.piper, SENTENCE)
        yield ready


def p95(figures: Sequence[float]) -> float:
    """The nearest rank: of six, the largest."""
    return sorted(figures)[-max(1, len(figures) // 20)]


def comparisons() -> Iterator[Comparison]:
    with bench() as ready:
        yield from first_audio(ready)
        yield from bursts(ready)
        yield from overlaps(ready)
    with Synthesis() as synthesis:
        yield from costs(synthesis)


def first_audio(ready: Bench) -> Iterator[Comparison]:
    piece = ready.hear(SENTENCE).pieces[0]

    def heard() -> float:
        return ready.hear(SENTENCE).first_audio_ms

    def allowed() -> float:
        return ALLOWANCE * piper.piper_ms(ready.piper, piece) + ALLOWANCE_MS

    def whole() -> float:
        return piper.piper_ms(ready.piper, SENTENCE)

    yield Comparison("first audio of a turn", "ms", heard, allowed, "1.15 × Piper, first piece, + 15", ratio_at_most=1)
    yield Comparison("first audio of a turn", "ms", heard, whole, "Piper, the 25-word sentence", ratio_at_most=0.35)
    yield Comparison(
        "first audio right after an interrupt",
        "ms",
        lambda: ready.hear_after_interrupt().first_audio_ms,
        heard,
        "from idle",
        len(INTERRUPT_SECONDS),
        ratio_at_most=1.1,
    )


def bursts(ready: Bench) -> Iterator[Comparison]:
    def six() -> float:
        return p95([heard.first_audio_ms for heard in ready.burst(6)])

    def of(baseline: Callable[..., list[float]]) -> Measure:
        return lambda: p95(baseline(ready.pooled, turns(6)))

    name = "burst of six: p95 first audio"
    yield Comparison(name, "ms", six, of(piper.thread_per_turn_ms), "a thread a turn", ROUNDS, ratio_at_most=0.2)
    yield Comparison(name, "ms", six, of(piper.round_robin_ms), "round robin by sentence", ROUNDS, ratio_at_most=0.3)
    yield Comparison(
        "burst of six: longest gap", "ms", lambda: longest_gap_ms(ready.burst(6)), rounds=ROUNDS, at_most=50
    )
    twelve = [ready.burst(12) for _ in range(ROUNDS)]
    refused, gaps = iter(twelve), iter(twelve)
    yield Comparison(
        "burst of twelve: refused",
        "turns",
        lambda: float(sum(heard.refused for heard in next(refused))),
        rounds=ROUNDS,
        at_most=11,
        at_least=1,
    )
    yield Comparison(
        "burst of twelve: longest gap", "ms", lambda: longest_gap_ms(next(gaps)), rounds=ROUNDS, at_most=50
    )


def longest_gap_ms(burst: Sequence[Heard]) -> float:
    return max(heard.longest_gap_ms for heard in burst)


def overlaps(ready: Bench) -> Iterator[Comparison]:
    text = " ".join(FIVE)
    for name, rate in (("slow", SLOW), ("fast", FAST)):
        model_ms = len(text.split()) / float(rate) * MS

        def together(rate: str = rate) -> float:
            heard = ready.hear(text, rate)
            return (heard.ended - heard.asked) * MS

        def longer(model_ms: float = model_ms) -> float:
            heard = ready.hear(text)
            return max(model_ms, (heard.ended - heard.asked) * MS)

        yield Comparison(
            f"five sentences, {name} model", "ms", together, longer, "max(model, speech)", ROUNDS, ratio_at_most=1.1
        )


def costs(synthesis: Synthesis) -> Iterator[Comparison]:
    unit = "CPU ms/s"
    alone, several = synthesis.cpu_alone, synthesis.cpu_of_several
    all_cores, a_core_each = synthesis.bare_cpu(piper.WORKERS), synthesis.bare_cpu(1, callers=piper.WORKERS)
    yield Comparison(
        "a second of speech, one speaker", unit, alone, all_cores, "session.run, a thread a core", ratio_at_most=1.05
    )
    name = "session.run, one thread, from as many as cores"
    yield Comparison("a second of speech, several", unit, several, a_core_each, name, ratio_at_most=1.05)
    yield Comparison(
        "CPU after an interrupt", "CPU ms", *synthesis.burnt(), "a task cancelled, a thread not", 9, at_most=25
    )
