"""What the host costs: its one wrapper around a capability's iterator, and a start with many plugins."""

import asyncio
import sys
import time
import types
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any

from nexy_core.config import Config
from nexy_core.decisions import DecisionLog
from nexy_core.host import Host
from nexy_core.plugins.breaker import Breaker
from nexy_core.plugins.route import Provider, Route, Supervision

from benchmarks.harness import Comparison, Measure
from nexy_core import ErrorType, LanguageModel, Prompt, TextDelta, hookimpl

EVENTS = 20_000
CALLS = 2_000
PLUGINS = 50
DELTA = TextDelta("word ")
PROMPT = Prompt("turn", "session", "Hello")


class Model(LanguageModel):
    """Yields without doing anything, so that only the wrapper is left."""

    def __init__(self, events: int) -> None:
        self.events = events

    async def process(self, request: Prompt) -> AsyncIterator[TextDelta]:  # noqa: ARG002  # the role's
        for _ in range(self.events):
            yield DELTA


def routed(model: Model) -> Route:
    supervision = Supervision(lambda _: ErrorType.INTERNAL, lambda *_, **__: None, lambda _: 60.0)
    return Route(LanguageModel, (Provider("bench", model, Breaker(lambda: 5, lambda: 15.0)),), supervision)


def drain(process: Callable[[Prompt], Any], calls: int, events: int) -> Measure:
    """CPU microseconds an event (or a call, when there is one event a call)."""

    async def run() -> float:
        started = time.process_time()
        for _ in range(calls):
            async with aclosing(process(PROMPT)) as stream:
                async for _ in stream:
                    pass
        return (time.process_time() - started) / (calls * events) * 1e6

    return lambda: asyncio.run(run())


def start(count: int) -> Measure:
    """CPU milliseconds from settings to a started and stopped host with this many trivial plugins."""
    names = [f"bench_{number}" for number in range(count)]

    def run() -> float:
        for name in names:
            sys.modules[name] = trivial(name)
        try:
            started = time.process_time()
            asyncio.run(serve(names))
            return (time.process_time() - started) * 1000
        finally:
            for name in names:
                del sys.modules[name]

    return run


def trivial(name: str) -> types.ModuleType:
    module = types.ModuleType(name)

    @hookimpl
    def nexy_capabilities(settings: object) -> list[LanguageModel]:  # noqa: ARG001  # the hook's
        return [Model(1)]

    vars(module)["nexy_capabilities"] = nexy_capabilities
    return module


async def serve(names: list[str]) -> None:
    shipped = ("llm", "tts", "memory", "filter", "interrupt", "updates")
    environ = {f"NEXY_PLUGINS__{name.upper()}__ENABLED": "false" for name in shipped}
    config = Config.load(environ=environ | {"NEXY_PLUGINS__MODULES": ",".join(f"{name}={name}" for name in names)})
    log = DecisionLog.quiet(config.live)
    host = Host(config, log)
    host.load()
    await host.start()
    assert sum(state.state == "serving" for state in host.states()) == len(names)
    await host.stop(1)
    log.close(1)


def comparisons() -> Iterator[Comparison]:
    many, one = Model(EVENTS), Model(1)
    bare = "the bare iterator"
    yield Comparison("an event", "CPU µs", drain(routed(many).process, 1, EVENTS), drain(many.process, 1, EVENTS), bare)
    yield Comparison("a call", "CPU µs", drain(routed(one).process, CALLS, 1), drain(one.process, CALLS, 1), bare)
    yield Comparison(f"start, {PLUGINS} plugins", "CPU ms", start(PLUGINS), start(0), "start with none")
