"""A whole turn's text path, from the model's tokens to the checked chunks: host, parser, splitter, filter, guard.

The excess is measured from the token with which the first sentence's end is known. That is the one behind its full
stop (``Node.`` may go on with ``js``), so at a model's own pace one token's time lies before it, whoever splits.
"""

import asyncio
import contextlib
import statistics
import sys
import time
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import attrs
import uvloop
from nexy_core.config import Config
from nexy_core.decisions import DecisionLog
from nexy_core.flags import Flags
from nexy_core.guard import neutralise
from nexy_core.host import Host
from nexy_core.ports import ActionOut, Commit
from nexy_core.trace import TraceRing
from nexy_core.turn import Stage
from nexy_core.workflows import Workflows

from benchmarks.harness import Comparison, Measure
from benchmarks.text import OPENER, tokens
from nexy_core import LanguageModel, ModelUsage, Prompt, TextDelta, hookimpl

TOKENS = 4000
TURNS = 20
TOKENS_A_COUNT = 8
PACE_SECONDS = 0.02
QUICK_PACE_SECONDS = 0.005
MODULE = "bench_turn_model"
FIRST = ["The", "capital", "of", "France", "is", "Paris.", "It", "is", "big."]
FIRST_ENDS = FIRST.index("It")
OPENING = [*OPENER.split(), ".", "Then"]
MICROSECONDS, MILLISECONDS = 1_000_000, 1000
TOKEN_US, EXCESS_MS, EARLY = 25.0, 2.0, 0.45


@attrs.define(eq=False)
class Model(LanguageModel):
    """Yields its tokens at a pace, each eighth with the usage so far as nexy_llm does; keeps when each was yielded."""

    tokens: Sequence[str] = ()
    pace_seconds: float = 0.0
    yielded: list[float] = attrs.field(factory=list)

    async def process(self, request: Prompt) -> AsyncIterator[TextDelta | ModelUsage]:  # noqa: ARG002  # the role's
        self.yielded = []
        for count, token in enumerate(self.tokens):
            if self.pace_seconds:
                await asyncio.sleep(self.pace_seconds)
            self.yielded.append(time.perf_counter())
            if count % TOKENS_A_COUNT == 0:
                yield ModelUsage("bench", 1, count, estimated=True)
            yield TextDelta(token)


@attrs.define(eq=False)
class Sink:
    """The client's end: checks each text as the transport does."""

    first: float = 0.0

    async def text(self, shown: str) -> str:
        self.first = self.first or time.perf_counter()
        return neutralise(shown)

    async def audio(self, data: bytes) -> None:
        raise NotImplementedError

    async def action(self, action: ActionOut) -> None:
        raise NotImplementedError


@contextlib.contextmanager
def workflows(runner: asyncio.Runner, model: Model) -> Iterator[Workflows]:
    """The orchestrator with this model and nexy_filter, and nothing else."""
    module = types.ModuleType(MODULE)
    vars(module)["nexy_capabilities"] = hookimpl(lambda settings: [model])  # noqa: ARG005  # the hook's
    sys.modules[MODULE] = module
    others = ("llm", "tts", "memory", "interrupt", "updates")
    environ = {f"NEXY_PLUGINS__{name.upper()}__ENABLED": "false" for name in others}
    environ |= {"NEXY_PLUGINS__MODULES": f"{MODULE}={MODULE}", "NEXY_TURN__MAX_ANSWER_CHARS": "1000000"}
    config = Config.load(environ=environ)
    log = DecisionLog.quiet(config.live)
    host = Host(config, log)
    host.load()
    runner.run(host.start())
    try:
        yield Workflows(Stage(config.live, host, Flags(config.live), log), TraceRing(10))
    finally:
        runner.run(host.stop(1))
        log.close(1)
        del sys.modules[MODULE]


Answer = Callable[[Sink], Awaitable[None]]


def through(flows: Workflows) -> Answer:
    return lambda sink: flows.turn(Commit("turn", 1, "device", "session", "Hello"), sink)


def straight(model: Model) -> Answer:
    """The least: each token as it comes is a text."""

    async def answer(sink: Sink) -> None:
        async for event in model.process(Prompt("turn", "session", "Hello")):
            if isinstance(event, TextDelta):
                await sink.text(event.text)

    return answer


def measures(runner: asyncio.Runner, model: Model, answer: Answer) -> "Measures":
    def play(tokens: Sequence[str], pace_seconds: float) -> Sink:
        model.tokens, model.pace_seconds = tokens, pace_seconds
        sink = Sink()
        runner.run(wrapped(answer, sink))
        return sink

    def drain(tokens: Sequence[str]) -> None:
        model.tokens, model.pace_seconds = tokens, 0.0
        runner.run(drained(model))

    return Measures(model, play, drain)


async def drained(model: Model) -> None:
    async for _ in model.process(Prompt("turn", "session", "Hello")):
        pass


async def wrapped(answer: Answer, sink: Sink) -> None:
    await answer(sink)


@attrs.frozen
class Measures:
    """What is measured of one way to answer."""

    model: Model
    play: Callable[[Sequence[str], float], Sink]
    drain: Callable[[Sequence[str]], None]

    def token_us(self) -> float:
        """Without what the model spends on its tokens itself."""
        given = tokens(TOKENS, stops=True)
        started = time.process_time()
        self.play(given, 0.0)
        return (time.process_time() - started) * MICROSECONDS / TOKENS - self.model_us()

    def model_us(self) -> float:
        given = tokens(TOKENS, stops=True)
        started = time.process_time()
        self.drain(given)
        return (time.process_time() - started) * MICROSECONDS / TOKENS

    def excess_ms(self) -> float:
        """Median over some turns."""
        waits = []
        for _ in range(TURNS):
            sink = self.play([f" {word}" for word in FIRST], QUICK_PACE_SECONDS)
            waits.append(max(0.0, sink.first - self.model.yielded[FIRST_ENDS]))
        return statistics.median(waits) * MILLISECONDS

    def first_text_ms(self) -> float:
        started = time.perf_counter()
        sink = self.play([f" {word}" if word != "." else word for word in OPENING], PACE_SECONDS)
        return (sink.first - started) * MILLISECONDS

    def sentence_ms(self) -> float:
        """When the end of the opening sentence is known."""
        started = time.perf_counter()
        self.play([f" {word}" if word != "." else word for word in OPENING], PACE_SECONDS)
        return (self.model.yielded[-1] - started) * MILLISECONDS


def one_token_ms(measured: Measures) -> Measure:
    """The same measure where the text is passed on as it comes: what the loop itself costs."""

    def run() -> float:
        waits = []
        for _ in range(TURNS):
            sink = measured.play([" Word"], QUICK_PACE_SECONDS)
            waits.append(sink.first - measured.model.yielded[0])
        return statistics.median(waits) * MILLISECONDS

    return run


def comparisons() -> Iterator[Comparison]:
    model: Any = Model()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, workflows(runner, model) as flows:
        ours, bare = measures(runner, model, through(flows)), measures(runner, model, straight(model))
        yield Comparison(
            "a token, past the model client",
            "CPU µs",
            ours.token_us,
            ours.model_us,
            "the model alone",
            at_most=TOKEN_US,
        )
        excess, one_token = ours.excess_ms, one_token_ms(bare)
        name = "first sentence, after the token that ends it, p50"
        yield Comparison(name, "ms", excess, one_token, "a token passed on", 5, at_most=EXCESS_MS)
        name = "first text of a 40-word opening, 50 tokens/s"
        early, whole = ours.first_text_ms, bare.sentence_ms
        yield Comparison(name, "ms", early, whole, "its sentence", 3, ratio_at_most=EARLY)
