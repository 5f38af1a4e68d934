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
from nexy_llm.model import LiteLLM
from nexy_llm.settings import SETTINGS

from benchmarks._provider import CHUNKS
from benchmarks.harness import Comparison, Measure
from nexy_core import LiveSettings, Prompt, Settings, TextDelta

ROOT = Path(__file__).parent.parent
MICROSECONDS = 1_000_000
PREFIX = b"data: "
MESSAGES = [{"role": "user", "content": "Hi"}]


@contextlib.contextmanager
def provider() -> Iterator[str]:
    """Its address."""
    command = (sys.executable, "-m", "benchmarks._provider")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.kill()


async def ours(model: LiteLLM) -> int:
    return sum([isinstance(event, TextDelta) async for event in model.process(Prompt("t", "s", "Hi"))])


async def litellm_alone(url: str) -> int:
    import litellm

    call: Any = litellm.acompletion
    chunks = await call(model="openai/x", api_base=url, api_key="none", messages=MESSAGES, stream=True, max_retries=0)
    return sum([bool(chunk.choices and chunk.choices[0].delta.content) async for chunk in chunks])


async def least(session: aiohttp.ClientSession, url: str) -> int:
    pieces = 0
    async with session.post(f"{url}/chat/completions", json={"messages": MESSAGES, "stream": True}) as answer:
        async for line in answer.content:
            if line.startswith(PREFIX) and not line.endswith(b"[DONE]\n"):
                pieces += bool(json.loads(line[len(PREFIX) :])["choices"][0]["delta"].get("content"))
    return pieces


def per_chunk(runner: asyncio.Runner, answer: Callable[[], Awaitable[int]]) -> Measure:
    """CPU time of this process for a chunk of one whole answer, in microseconds."""

    async def once() -> int:
        return await answer()

    def run() -> float:
        started = time.process_time()
        pieces = runner.run(once())
        assert pieces == CHUNKS, pieces
        return (time.process_time() - started) * MICROSECONDS / CHUNKS

    return run


async def opened() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


def comparisons() -> Iterator[Comparison]:
    with provider() as url, asyncio.Runner() as runner:
        values = {setting.key: setting.default for setting in SETTINGS}
        model = LiteLLM(LiveSettings(Settings("dev", values | {"llm.model": "openai/x", "llm.api_base": url}, {})))
        runner.run(model.initialize())
        session = runner.run(opened())
        mine = per_chunk(runner, lambda: ours(model))
        try:
            alone = per_chunk(runner, lambda: litellm_alone(url))
            yield Comparison("a streamed chunk, past litellm", "CPU µs/chunk", mine, alone, "litellm alone")
            bare = per_chunk(runner, lambda: least(session, url))
            yield Comparison("a streamed chunk, in all", "CPU µs/chunk", mine, bare, "aiohttp + json")
        finally:
            runner.run(session.close())
            runner.run(model.cleanup())
