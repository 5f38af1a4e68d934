"""What the host costs: its one wrapper around a capability's iterator, and a start with many plugins."""

import asyncio
import sys
import tempfile
import time
import types
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from nexy_core.config import Config
from nexy_core.decisions import DecisionLog
from nexy_core.host import Host
from nexy_core.plugins.breaker import Breaker
from nexy_core.plugins.route import Provider, Route, Supervision
from nexy_core.testing.process import ServerProcess

from benchmarks.harness import Comparison, Measure
from nexy_core import ErrorType, LanguageModel, Prompt, TextDelta, hookimpl

EVENTS = 20_000
CALLS = 2_000
PLUGINS = 50
SHIPPED = ("llm", "tts", "memory", "filter", "interrupt", "updates")
SOURCE = """
from nexy_core import LanguageModel, TextDelta, hookimpl

class Model(LanguageModel):
    async def process(self, request):
        yield TextDelta("word ")

@hookimpl
def nexy_capabilities(settings):
    return [Model()]
"""
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
    environ = {f"NEXY_PLUGINS__{name.upper()}__ENABLED": "false" for name in SHIPPED}
    config = Config.load(environ=environ | {"NEXY_PLUGINS__MODULES": ",".join(f"{name}={name}" for name in names)})
    log = DecisionLog.quiet(config.live)
    host = Host(config, log)
    host.load()
    await host.start()
    assert sum(state.state == "serving" for state in host.states()) == len(names)
    await host.stop(1)
    log.close(1)


def install(folder: Path, count: int) -> None:
    """As many plugins as their wheels leave them: a module and its metadata each."""
    for number in range(count):
        name = f"bench_{number}"
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (folder / f"{name}.py").write_text(SOURCE)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: nexy-core>=0.1\n"
        )
        (info / "entry_points.txt").write_text(f"[nexy.plugins]\n{name} = {name}\n")


def serving(site: Path, count: int) -> Measure:
    """Wall milliseconds from the command to the open ports of a real server, with what is installed in ``site``."""
    environ = {f"NEXY_PLUGINS__{name.upper()}__ENABLED": "false" for name in SHIPPED} | {"PYTHONPATH": str(site)}

    def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            with ServerProcess(Path(folder), environ) as server:
                took_ms = (time.perf_counter() - started) * 1000
                assert sum("decision=load" in line for line in server.lines) == count
                return took_ms

    return run


def comparisons() -> Iterator[Comparison]:
    many, one = Model(EVENTS), Model(1)
    bare = "the bare iterator"
    yield Comparison("an event", "CPU µs", drain(routed(many).process, 1, EVENTS), drain(many.process, 1, EVENTS), bare)
    yield Comparison("a call", "CPU µs", drain(routed(one).process, CALLS, 1), drain(one.process, CALLS, 1), bare)
    yield Comparison(f"start, {PLUGINS} plugins", "CPU ms", start(PLUGINS), start(0), "start with none")
    with tempfile.TemporaryDirectory() as full, tempfile.TemporaryDirectory() as empty:
        install(Path(full), PLUGINS)
        name = f"a server's start, {PLUGINS} wheels"
        yield Comparison(name, "ms", serving(Path(full), PLUGINS), serving(Path(empty), 0), "start with none")
