"""One watch over all running calls: who is silent for too long, and who holds the event loop."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from nexy_core.decisions import Decision
from nexy_core.plugins.route import Provider, Supervision
from nexy_core.settings import LiveSettings

SWEEP_SECONDS = 0.25
THREAD_NAME = "plugin-watch"
_MS_PER_SECOND = 1000


class Watch:
    """A task that gives up silent calls, and a thread that sees which capability blocks the loop.

    A blocked loop cannot be interrupted; it is counted against the capability whose code it was in, so that the
    circuit breaker keeps a plugin that does it again and again away from the turns.
    """

    def __init__(
        self, supervision: Supervision, settings: LiveSettings, providers: Callable[[], Iterable[Provider]]
    ) -> None:
        self._supervision = supervision
        self._settings = settings
        self._providers = providers
        self._beat = time.monotonic()
        self._culprit: Provider | None = None
        self._ended = threading.Event()

    async def run(self) -> None:
        """Until cancelled."""
        thread = threading.Thread(target=self._observe, args=(threading.get_ident(),), name=THREAD_NAME, daemon=True)
        self._beat = time.monotonic()
        thread.start()
        try:
            while True:
                await asyncio.sleep(SWEEP_SECONDS)
                self._blame()
                self._give_up_silent()
        finally:
            self._ended.set()

    def _give_up_silent(self) -> None:
        now, limit = asyncio.get_running_loop().time(), self._settings.get("plugins.stall_timeout_seconds", float)
        for call in list(self._supervision.calls):
            if call.waiting_since and not call.stalled and now - call.waiting_since > limit:
                call.stalled = True
                if call.task is not None:
                    call.task.cancel()

    def _blame(self) -> None:
        """In the loop, which is free again: count the block that the thread has seen."""
        held_ms = round((time.monotonic() - self._beat - SWEEP_SECONDS) * _MS_PER_SECOND)
        self._beat = time.monotonic()
        provider, self._culprit = self._culprit, None
        if provider is None:
            return
        about = {"role": provider.capability.role, "plugin": provider.plugin, "reason": "blocked_loop"}
        self._supervision.note(Decision.ERROR, **about, blocked_ms=held_ms)
        if provider.breaker.strike():
            self._supervision.note(Decision.TRIP, **about)

    def _observe(self, loop_thread: int) -> None:
        """In the thread: look at the loop's stack while it is held."""
        while not self._ended.wait(SWEEP_SECONDS):
            held_seconds = time.monotonic() - self._beat - SWEEP_SECONDS
            if self._culprit is None and held_seconds > self._settings.get("plugins.block_timeout_seconds", float):
                self._culprit = self._at_work(sys._current_frames().get(loop_thread))  # noqa: SLF001  # the one way

    def _at_work(self, frame: FrameType | None) -> Provider | None:
        """The capability whose method is on the stack."""
        capabilities: dict[int, Provider] = {id(provider.capability): provider for provider in self._providers()}
        while frame is not None:
            owner: Any = frame.f_locals.get("self")
            if id(owner) in capabilities:
                return capabilities[id(owner)]
            frame = frame.f_back
        return None
