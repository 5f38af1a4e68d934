"""The long run: `uv run nox -s soak` (10 minutes), `-- --minutes 240` for longer.

A real server process with scripted capabilities, under everything at once: whole turns, interrupts, cancels, COLLECT
storms, slow readers, faults, plugins switched off and on, limits changed. It fails when an invariant is broken, or when
memory, file handles, threads or tasks have grown between an idle moment after the warm-up and one at the end.
``--report docs/long-run.md`` writes the page that keeps the figures.
"""

import argparse
import asyncio
import json
import os
import random
import re
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import attrs
import grpc
import psutil
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess

from tests.soak.actors import ACTORS, COLLECT_TTL_SECONDS, Device, Tally

MIB = 1024 * 1024
LINE = re.compile(r"ts=\S+ level=\S+ scope=\S+ method=\S+ decision=\S+ ctx=\{.*\} dur_ms=-?\d+$")
WARM_UP = 0.2
SETTLE_SECONDS = 15
GROWTH_MIB = 12.0
GROWTH_COUNT = 3
PAGE = """# The long run

What the last whole run of `uv run nox -s soak` said; [health and CI](health-and-ci.md#the-long-run) says what it does.
Written by `uv run nox -s soak -- --report docs/long-run.md`.

"""
ENVIRON = {
    "NEXY_PLUGINS__MODULES": json.dumps(modules()),
    "NEXY_BACKPRESSURE__MAX_MESSAGE_RATE_PER_SECOND": "1000",
    "NEXY_BACKPRESSURE__MAX_COLLECT_RATE_PER_SECOND": "1000",
    "NEXY_BACKPRESSURE__COLLECT_TTL_SECONDS": str(COLLECT_TTL_SECONDS),
    "NEXY_PLUGINS__BREAKER_FAILURES": "1000",
}
SETTINGS = """
[default.plugins]
filter.enabled = {filter}
memory.enabled = {memory}

[default.backpressure]
max_concurrent_streams = {streams}
"""


@attrs.frozen
class Sample:
    """The server at an idle moment."""

    rss_mib: float
    handles: int
    threads: int
    tasks: int


async def main(minutes: float, seed: int, page: Path | None) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "settings").mkdir()
        operate(folder, random.Random(0), calm=True)
        server = ServerProcess(folder, ENVIRON)
        server.start()
        process, tally = psutil.Process(server.process.pid), Tally()
        async with grpc.aio.insecure_channel(server.address) as channel:
            stub, seconds = StreamingServiceStub(channel), 60 * minutes
            await load(stub, folder, tally, seconds * WARM_UP, seed)
            before = await idle(server, process, tally)
            await load(stub, folder, tally, seconds * (1 - WARM_UP), seed + 1)
            after = await idle(server, process, tally)
        code = server.stop()
    check_end(tally, before, after, code, server.lines)
    keep(report(minutes, seed, tally, before, after), page)
    if tally.breaches:
        keep_log(server.lines)
    return 1 if tally.breaches else 0


def keep_log(lines: list[str]) -> None:
    """The server's log, to find out why."""
    with tempfile.NamedTemporaryFile("w", suffix=".log", prefix="nexy-soak-", delete=False) as file:
        file.write("\n".join(lines))
    sys.stderr.write(f"the server's log: {file.name}\n")


def keep(figures: str, page: Path | None) -> None:
    sys.stdout.write(figures + "\n")
    if page:
        page.write_text(f"{PAGE}{figures}\n", encoding="utf-8")


async def load(stub, folder: Path, tally: Tally, seconds: float, seed: int) -> None:
    """Everybody at once until the time is over."""
    deadline = time.monotonic() + seconds
    dice = random.Random(seed)

    async def repeat(actor, device):
        while time.monotonic() < deadline:
            tally.add(actor.__name__, await actor(device))
            await asyncio.sleep(device.dice.random() * 0.05)

    async def operator():
        while time.monotonic() < deadline:
            operate(folder, dice)
            await asyncio.sleep(min(3.0, max(0.0, deadline - time.monotonic())))
        operate(folder, dice, calm=True)

    async with asyncio.TaskGroup() as group:
        group.create_task(operator())
        for actor in ACTORS:
            group.create_task(repeat(actor, Device(actor.__name__, stub, tally, random.Random(dice.random()))))


def operate(folder: Path, dice: random.Random, *, calm: bool = False) -> None:
    """Change what reloads live: two plugins and a limit."""
    flips = {name: "true" if calm or dice.random() < 0.7 else "false" for name in ("filter", "memory")}
    streams = 12 if calm else dice.choice((4, 8, 12))
    draft = folder / "settings" / "draft"
    draft.write_text(SETTINGS.format(**flips, streams=streams), encoding="utf-8")
    draft.replace(folder / "settings" / "settings.toml")


async def status(server: ServerProcess) -> dict:
    def fetch():
        with urllib.request.urlopen(f"{server.http}/status", timeout=10) as response:
            return json.load(response)

    return await asyncio.to_thread(fetch)


async def idle(server: ServerProcess, process: psutil.Process, tally: Tally) -> Sample:
    """Wait until nothing is held any more, and measure. What is still held after a while is a leak."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (wrong := unsettled(await status(server))) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    if wrong:
        tally.breaches.append(f"when idle: {wrong}")
    await asyncio.sleep(2)
    tasks = int((await status(server))["metrics"]["gauges"]["loop_tasks"])
    return Sample(process.memory_info().rss / MIB, process.num_fds(), process.num_threads(), tasks)


def unsettled(found: dict) -> dict:
    """What is still held, and the state when it is not well."""
    limits = found["limits"]
    held = {key: limits[key] for key in ("turns", "streams", "slots_used", "collect_buffers") if limits[key]}
    return held if found["state"] == "ok" else {**held, "state": found["state"]}


def check_end(tally: Tally, before: Sample, after: Sample, code: int, lines: list[str]) -> None:
    if code != 0:
        tally.breaches.append(f"the server ended with {code}")
    if after.rss_mib - before.rss_mib > GROWTH_MIB:
        tally.breaches.append(f"memory grew by {after.rss_mib - before.rss_mib:.1f} MiB")
    for name in ("handles", "threads", "tasks"):
        if getattr(after, name) - getattr(before, name) > GROWTH_COUNT:
            tally.breaches.append(f"{name} grew: {before} to {after}")
    strange = [line for line in lines if not LINE.match(line)]
    if strange:
        tally.breaches.append(f"{len(strange)} lines are no decision lines, the first: {strange[0][:200]}")


def report(minutes: float, seed: int, tally: Tally, before: Sample, after: Sample) -> str:
    rows = [f"| {actor} | `{outcome}` | {count} |" for (actor, outcome), count in sorted(tally.counts.items())]
    calls, load = sum(tally.counts.values()), os.getloadavg()[1]
    return "\n".join(
        [
            f"{minutes:g} minutes, seed {seed}, {calls} calls; {os.cpu_count()} cores with a load of {load:.1f}.",
            "",
            "| idle | memory, MiB | handles | threads | tasks |",
            "| --- | --- | --- | --- | --- |",
            sample_row("after the warm-up", before),
            sample_row("at the end", after),
            "",
            "| who | outcome | calls |",
            "| --- | --- | --- |",
            *rows,
            "",
            *(f"- breach: {breach}" for breach in tally.breaches[:50]),
            f"{len(tally.breaches)} breaches." if tally.breaches else "Every invariant held.",
        ]
    )


def sample_row(when: str, sample: Sample) -> str:
    return f"| {when} | {sample.rss_mib:.1f} | {sample.handles} | {sample.threads} | {sample.tasks} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, help="write the figures as a page of the documentation")
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.minutes, options.seed, options.report)))
