"""What the memory benchmarks share: a memory on a database of a chosen size, driven from one loop."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from nexy_memory import embedding, memories, options, stems
from nexy_memory.memory import UserMemory
from nexy_memory.models import Memory, User
from nexy_memory.shared import Shared
from nexy_memory.store import UsageStore

from nexy_core import Forget, LiveSettings, Settings

FACTS_OF_ONE = 500
WORDS = tuple(
    "river tea window garden train letter music winter bread mountain doctor office blue quiet Sunday market dog "  # noqa: SIM905
    "piano lake holiday sister coffee bicycle book museum rain kitchen friend lamp ticket".split()
)


def settings(folder: str, **more: Any) -> LiveSettings:
    values: dict[str, Any] = {setting.key: setting.default for setting in options.declared()}
    values |= {"storage.data_dir": folder, "session.ttl_seconds": 3600.0, "memory.consent": True}
    values |= {"memory.semantic": "off", "memory.recall_timeout_ms": 60_000}
    return LiveSettings(Settings("local", values | {key.replace("__", "."): value for key, value in more.items()}, {}))


class Bench:
    """A running memory and store, and the loop they live on."""

    def __init__(self, **more: Any) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="nexy-bench-", dir=Path(tempfile.gettempdir()))
        self.loop = uvloop.new_event_loop()  # the server's
        self.shared = Shared(settings(self.folder.name, **more))
        self.memory, self.store = UserMemory(self.shared), UsageStore(self.shared)

    def run(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    def start(self) -> None:
        self.run(self.memory.initialize())
        self.run(self.store.initialize())

    def stop(self) -> None:
        self.run(self.memory.cleanup())
        self.run(self.store.cleanup())
        self.loop.close()
        self.folder.cleanup()

    def fill(self, rows: int) -> None:
        """``rows`` memories of many users; the first user has ``FACTS_OF_ONE`` of them."""
        rng = np.random.default_rng(5)
        work = self.memory._work  # noqa: SLF001  # the key is made there
        assert work is not None
        first = work._user(Forget("first"))  # noqa: SLF001
        keys = [first, *(f"user{number}" for number in range(rows // FACTS_OF_ONE))]
        texts = [" ".join(rng.choice(WORDS, 9)) for _ in range(200)]
        packed = [stems.pack(stems.stems(text)) for text in texts]
        vectors = rng.standard_normal((200, embedding.DIMS)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

        def job(db: Any) -> None:
            for begin, key in enumerate(keys):
                User.insert(key=key, created_at=0.0).as_rowcount().execute(db)
                user = User.select(User.id).where(User.key == key).tuples().execute(db)[0][0]
                batch = [
                    {
                        "user": user,
                        "text": f"{texts[(begin + number) % 200]} {number}",
                        "kind": memories.FACT,
                        "slot": "",
                        "source_turn": "",
                        "superseded_by": None,
                        "created_at": 0.0,
                        "expires_at": None,
                        "stems": packed[(begin + number) % 200],
                        "embedding": embedding.pack(vectors[(begin + number) % 200]),
                    }
                    for number in range(min(FACTS_OF_ONE, rows))
                ]
                for start in range(0, len(batch), 100):
                    Memory.insert_many(batch[start : start + 100]).as_rowcount().execute(db)

        self.run(self.shared.database().write(job))


@contextlib.contextmanager
def bench(**more: Any) -> Iterator[Bench]:
    made = Bench(**more)
    made.start()
    try:
        yield made
    finally:
        made.stop()


@contextlib.asynccontextmanager
async def stalls(period_seconds: float = 0.001) -> AsyncIterator[list[float]]:
    """How late a timer of the loop is, in ms, over and over."""
    late: list[float] = []

    async def watch() -> None:
        while True:
            due = time.perf_counter() + period_seconds
            await asyncio.sleep(period_seconds)
            late.append((time.perf_counter() - due) * 1000)

    watching = asyncio.create_task(watch())
    try:
        yield late
    finally:
        watching.cancel()


async def drain(events: AsyncIterator[Any]) -> list[Any]:
    return [event async for event in events]


def median_ms(run: Callable[[], Any], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        taken.append((time.perf_counter() - began) * 1000)
    return float(np.median(taken))
