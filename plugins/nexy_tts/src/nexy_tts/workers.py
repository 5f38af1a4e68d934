"""A pool of threads whose hung members can be given up."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

Call = Callable[[], Any]
Done = Callable[[Any, BaseException | None], None]


class Workers:
    """Threads that run calls and report on the loop. They are daemons: a hung one never keeps the process alive."""

    def __init__(self, count: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: SimpleQueue[tuple[Call, Done] | None] = SimpleQueue()
        self._threads: set[threading.Thread] = set()
        self._gone = asyncio.Event()
        for _ in range(count):
            self.add()

    def add(self) -> None:
        """Start one more thread."""
        thread = threading.Thread(target=self._work, name="nexy-tts", daemon=True)
        self._threads.add(thread)
        thread.start()

    def submit(self, call: Call, done: Done) -> None:
        """Run ``call`` in a thread, then ``done(result, error)`` on the loop."""
        self._calls.put((call, done))

    async def stop(self, timeout_seconds: float) -> int:
        """End every thread that ends in time; return how many did not."""
        for _ in self._threads:
            self._calls.put(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._gone.wait()
        return len(self._threads)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            call, done = item
            result, error = None, None
            try:
                result = call()
            except BaseException as raised:  # noqa: BLE001  # handed to whoever awaits, never swallowed
                error = raised
            self._report(done, result, error)
            del item, call, done, result, error  # or the last sound stays alive while the thread waits
        self._report(self._leave, threading.current_thread(), None)

    def _leave(self, thread: threading.Thread, _error: BaseException | None) -> None:
        thread.join()  # it has said its last word
        self._threads.discard(thread)
        if not self._threads:
            self._gone.set()

    def _report(self, done: Done, result: Any, error: BaseException | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(done, result, error)
