"""A server that is killed: stores turns as fast as it can and says on stdout which ones were acknowledged.

usage: crash_writer.py FOLDER KILLS. Each life runs in a fork that is killed at a random moment; then the file is
checked. Prints one JSON line: kills, acknowledged, lost, damaged.
"""

import asyncio
import json
import os
import random
import select
import signal
import sqlite3
import sys
import time
from pathlib import Path

import nexy_memory.recollection  # noqa: F401  # imported before the fork
from nexy_memory import options
from nexy_memory.memory import UserMemory
from nexy_memory.shared import Shared

from nexy_core import LiveSettings, Remember, Settings


def live(folder, pipe, life):
    values = {setting.key: setting.default for setting in options.declared()}
    values |= {"storage.data_dir": folder, "session.ttl_seconds": 60, "memory.consent": True, "memory.semantic": "off"}

    async def main():
        memory = UserMemory(Shared(LiveSettings(Settings("local", values, {}))))
        await memory.initialize()

        async def one(number):
            turn = f"{life}-{number}"
            prompt = f"Remember that fact {turn} holds"
            async for _ in memory.process(Remember(f"d{number % 7}", "s", turn, number, prompt, "x" * 200, False)):
                pass
            os.write(pipe, f"{turn}\n".encode())

        number = 0
        while True:
            await asyncio.gather(*(one(number + offset) for offset in range(5)))
            number += 5

    asyncio.run(main())


def one_life(folder, life, rng):
    """Fork, let it write a little, kill it. Returns the turns it acknowledged."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        live(folder, writing, life)
        os._exit(0)
    os.close(writing)
    acknowledged = b""
    if rng.random() < 0.8:  # the others are killed while they start
        select.select([reading], [], [], 30)
    end = time.monotonic() + rng.random() * 0.05
    while (left := end - time.monotonic()) > 0:
        if select.select([reading], [], [], left)[0]:
            acknowledged += os.read(reading, 65_536)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while part := os.read(reading, 65_536):
        acknowledged += part
    os.close(reading)
    return acknowledged.decode().split("\n")[:-1]


def stored(folder):
    path = Path(folder) / "nexy.sqlite"
    if not path.exists():
        return set(), set(), True
    with sqlite3.connect(path) as db:
        whole = db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        if "memories" not in tables:
            return set(), set(), whole
        turns = {turn for (turn,) in db.execute("SELECT turn_id FROM turns")}
        return turns, {turn for (turn,) in db.execute("SELECT source_turn FROM memories")}, whole


def main(folder, kills):
    rng = random.Random(7)
    acknowledged, damaged = set(), 0
    for life in range(kills):
        acknowledged.update(one_life(folder, life, rng))
        damaged += not stored(folder)[2]
    turns, sources, _ = stored(folder)
    torn = len(turns ^ sources)  # a turn and what was remembered from it are stored together or not at all
    result = {"kills": kills, "acknowledged": len(acknowledged), "lost": len(acknowledged - turns), "torn": torn}
    sys.stdout.write(json.dumps(result | {"damaged": damaged}) + "\n")


main(sys.argv[1], int(sys.argv[2]))
