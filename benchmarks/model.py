"""What one streamed chunk of a model's answer costs us, against litellm alone and against the least a client can do."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from nexy_llm.model import LiteLLM
from nexy_llm.settings import SETTINGS

from benchmarks.harness import Comparison, Measure
from nexy_core import LiveSettings, Prompt, Settings, TextDelta

ROOT = Path(__file__).parent.parent
MICROSECONDS = 1_000_000
PAST_LITELLM = 1.25
OVER_BARE = 60.0  # 35 to 50 with litellm 1.106: a newer one must not be worse
GROWTH = 1.2
HOLD = 0.5
PREFIX = b"data: "
SHORT, LONG = 250, 2000


@contextlib.contextmanager
def provider() -> Iterator[str]:
    """Its address."""
    command = (sys.executable, "-m", "benchmarks._provider")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.kill()


def messages(chunks: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": str(chunks)}]


async def ours(model: LiteLLM, chunks: int) -> int:
    return sum([isinstance(event, TextDelta) async for event in model.process(Prompt("t", "s", str(chunks)))])


async def litellm_alone(url: str, chunks: int) -> int:
    import litellm

    call: Any = litellm.acompletion
    asked = messages(chunks)
    stream = await call(model="openai/x", api_base=url, api_key="none", messages=asked, stream=True, max_retries=0)
    return sum([bool(chunk.choices and chunk.choices[0].delta.content) async for chunk in stream])


async def least(session: aiohttp.ClientSession, url: str, chunks: int) -> int:
    pieces = 0
    async with session.post(f"{url}/chat/completions", json={"messages": messages(chunks), "stream": True}) as answer:
        async for line in answer.content:
            if line.startswith(PREFIX) and not line.endswith(b"[DONE]\n"):
                pieces += bool(json.loads(line[len(PREFIX) :])["choices"][0]["delta"].get("content"))
    return pieces


def per_chunk(runner: asyncio.Runner, answer: Callable[[int], Awaitable[int]], chunks: int = SHORT) -> Measure:
    """CPU time of this process for a chunk of one whole answer, in microseconds."""

    async def once() -> int:
        return await answer(chunks)

    def run() -> float:
        started = time.process_time()
        pieces = runner.run(once())
        assert pieces == chunks, pieces
        return (time.process_time() - started) * MICROSECONDS / chunks

    return run


def load_hold(way: str) -> Measure:
    """How long, at the most, a heartbeat on the loop waits for the loading plugin, in a process of its own."""
    command = (sys.executable, "-m", "benchmarks._loading", way)
    return lambda: float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


async def opened() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


def comparisons() -> Iterator[Comparison]:
    with provider() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        values = {setting.key: setting.default for setting in SETTINGS}
        model = LiteLLM(LiveSettings(Settings("dev", values | {"llm.model": "openai/x", "llm.api_base": url}, {})))
        runner.run(model.initialize())
        session = runner.run(opened())
        mine = per_chunk(runner, lambda chunks: ours(model, chunks))
        try:
            alone = per_chunk(runner, lambda chunks: litellm_alone(url, chunks))
            yield Comparison(
                "a streamed chunk, past litellm",
                "CPU µs/chunk",
                mine,
                alone,
                "litellm alone",
                ratio_at_most=PAST_LITELLM,
            )
            bare = per_chunk(runner, lambda chunks: least(session, url, chunks))
            yield Comparison(
                "a streamed chunk, in all", "CPU µs/chunk", mine, bare, "aiohttp + json", ratio_at_most=OVER_BARE
            )
            long = per_chunk(runner, lambda chunks: ours(model, chunks), LONG)
            yield Comparison(
                f"a chunk of {LONG}", "CPU µs/chunk", long, mine, f"a chunk of {SHORT}", ratio_at_most=GROWTH
            )
        finally:
            runner.run(session.close())
            runner.run(model.cleanup())
    hold, plain = load_hold("ours"), load_hold("plain")
    name = "longest hold of the loop while it loads"
    yield Comparison(name, "CPU ms", hold, plain, "import in a thread", 3, ratio_at_most=HOLD)
