"""Signals and the hard end: the process is gone within its grace whatever is stuck (C24)."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

import attrs

EXIT_DRAINED = 0
EXIT_FORCED = 1
MARGIN_SECONDS = 0.25


@attrs.define(eq=False)
class Shutdown:
    """The first SIGTERM or SIGINT asks; ``grace_seconds`` later, or at a second one, the process ends by force.

    ``signal.signal``, not the loop's handlers: those never run while the loop is blocked.
    """

    grace_seconds: Callable[[], float]
    asked: Callable[[], object]
    last_words: Callable[[], object]
    reload: Callable[[], object]
    _stopping: bool = False

    def install(self) -> None:
        """Take over the process's signals; main thread only."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, lambda *_: self.reload())

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            self.force()
        self._stopping = True
        deadline = threading.Timer(self.grace_seconds() - MARGIN_SECONDS, self.force)
        deadline.daemon = True
        deadline.start()
        self.asked()

    def force(self) -> None:
        """End now, exit code 1."""
        self.last_words()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(EXIT_FORCED)
