"""The log's two sides: callers append (some microseconds), one thread writes through loguru."""

import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TextIO

from nexy_core.decisions.keys import load_key, log_dir, mask
from nexy_core.decisions.line import LEVEL_NUMBERS, Decision, format_line, hide_secrets, settle_context
from nexy_core.decisions.sinks import Sink, console_sink, file_sink
from nexy_core.settings import LiveSettings

BATCH_LINES = 500
GATHER_SECONDS = 0.05
"""How long lines wait for more: waking the writer costs far more than a line."""
MIN_SECRET_CHARS = 6
OWN_PREFIX = "nexy_"
Entry = tuple[float, str, str, str, Decision, Mapping[str, object] | str, int]
"""What ``format_line`` makes a line of: that is left to the writer."""


class DecisionLog:
    """Lines go in from any thread and come out in order; what does not fit in the buffer is counted and said."""

    def __init__(self, settings: LiveSettings, sinks: Iterable[Sink], key: bytes, speaker: TextIO | None) -> None:
        self._settings = settings
        self._sinks = list(sinks)
        self._key = key
        self._speaker = speaker
        self._hidden: tuple[str, ...] = ()
        self._trusted: set[str] = set()
        self._capacity = settings.get("log.buffer_lines", int)
        self._seen: object = None
        self._threshold = 0
        self._buffer: deque[Entry] = deque()
        self._lost = 0
        self._lost_lock = threading.Lock()
        self._idle = True
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._closing = False
        self.observe: Callable[[Decision], None] | None = None
        """Called with each decision written; keep it under a microsecond."""
        self.on_level: Callable[[int], None] | None = None
        """Called with the number of a new ``log.level``."""
        self._writer = threading.Thread(target=self._drain_forever, name="decision-log", daemon=True)
        self._writer.start()

    @classmethod
    def open(cls, settings: LiveSettings, console: bool, stream: TextIO | None = None) -> "DecisionLog":
        """Open the sinks. ``console``: decision lines on standard error (or ``stream``).

        Log files that cannot be opened are a warning in the log, not an error.
        """
        data_dir = Path(settings.get("storage.data_dir", str))
        speaker = own_stream(sys.stdout) if sys.stdout is not None and sys.stdout.isatty() else None
        log = cls(settings, (), load_key(data_dir, create=True), speaker)
        if console and settings.get("log.console", bool):
            log._sinks.append(console_sink(stream or own_stream(sys.stderr)))
        if settings.get("log.files", bool):
            log._open_files(log_dir(settings))
        return log

    @classmethod
    def quiet(cls, settings: LiveSettings) -> "DecisionLog":
        """A log that keeps nothing, for commands: no file, no folder, no key is made."""
        return cls(settings, (), load_key(Path(settings.get("storage.data_dir", str)), create=False), None)

    def write(
        self,
        decision: Decision,
        *,
        scope: str,
        method: str = "-",
        level: str = "INFO",
        dur_ms: int = 0,
        ctx: Mapping[str, object] | None = None,
        **more: object,
    ) -> None:
        """Log one decision. ``ctx`` and ``more`` hold lengths, counts, masked ids and short words of ours.

        Never what a user said, nor keys.
        """
        if self._settings.current is not self._seen:
            self._refresh()
        if LEVEL_NUMBERS[level] < self._threshold:
            return
        if self.observe is not None:
            self.observe(decision)
        if len(self._buffer) >= self._capacity or self._closing:
            with self._lost_lock:
                self._lost += 1
            return
        context = settle_context({**ctx, **more} if ctx else more)
        self._buffer.append((time.time(), level, scope, method, decision, context, dur_ms))
        if self._idle:
            self._idle = False
            self._wake.set()

    def say(self, text: str, *, decision: Decision = Decision.LOG, scope: str = "nexy") -> None:
        """A line for the person who started the server: plain on a terminal, else a decision line."""
        if self._speaker is None:
            self.write(decision, scope=scope, text=text)
            return
        self._speaker.write(text + "\n")
        self._speaker.flush()

    def mask_id(self, identifier: str) -> str:
        """A keyed hash of an id: the same in every line of this installation, and no way back."""
        return mask(identifier, self._key)

    def trust(self, package: str) -> None:
        """Log what a plugin's own loggers say in full: those named like ``package`` or below."""
        self._trusted.add(package.partition(".")[0])

    def trusts(self, logger: str) -> bool:
        """Is this logger the core's or a plugin's?"""
        return logger.startswith(OWN_PREFIX) or logger.partition(".")[0] in self._trusted

    def shows_foreign_text(self) -> bool:
        """May lines hold what other libraries say?"""
        return self._settings.get("log.foreign_text", bool)

    def hide(self, secrets: Iterable[str]) -> None:
        """Values that no line may hold, whoever wrote them (short ones would blot out ordinary words)."""
        forms = {form for secret in secrets if len(secret) >= MIN_SECRET_CHARS for form in _forms(secret)}
        self._hidden = tuple(sorted(forms, key=len, reverse=True))

    @property
    def lost(self) -> int:
        """Lines dropped for want of room or not written, and not yet said."""
        return self._lost + sum(sink.unwritten_lines for sink in self._sinks)

    def failing(self) -> list[dict[str, object]]:
        """The sinks that cannot be written now, and why."""
        return [{"sink": sink.name, "errno": sink.errno} for sink in self._sinks if sink.unwritten_lines]

    @property
    def waiting(self) -> int:
        """Lines not yet written."""
        return len(self._buffer)

    def close(self, timeout_seconds: float) -> bool:
        """Write what waits, then close the sinks. False when the time did not suffice."""
        self._closing = True
        self._ending.set()
        self._wake.set()
        self._writer.join(timeout_seconds)
        return not self._writer.is_alive()

    # --- the caller's side ----------------------------------------------------------------------

    def _refresh(self) -> None:
        self._seen = self._settings.current
        self._threshold = LEVEL_NUMBERS[self._settings.get("log.level", str)]
        if self.on_level is not None:
            self.on_level(self._threshold)

    def _open_files(self, folder: Path) -> None:
        try:
            sink = file_sink(
                folder,
                max_bytes=self._settings.get("log.max_file_bytes", int),
                keep=self._settings.get("log.keep_files", int),
            )
        except OSError as error:
            self.write(Decision.DEGRADE, scope="log", level="WARNING", reason="no_log_files", errno=error.errno)
        else:
            self._sinks.append(sink)

    # --- the writer's side ----------------------------------------------------------------------

    def _drain_forever(self) -> None:
        while not (self._closing and not self._buffer and not self._lost):
            self._idle = True
            if not self._buffer and not self._closing:
                self._wake.wait()
                self._ending.wait(GATHER_SECONDS)
            self._wake.clear()
            self._idle = False
            self._write_batch()
        for sink in self._sinks:
            sink.close()

    def _write_batch(self) -> None:
        buffer = self._buffer
        lines = [format_line(*buffer.popleft()) for _ in range(min(len(buffer), BATCH_LINES))]
        if self._lost:
            lines.append(self._loss())
        if not lines:
            return
        text = "\n".join(lines) + "\n"
        if any(secret in text for secret in self._hidden):
            text = "".join(hide_secrets(line, self._hidden) + "\n" for line in lines)
        for sink in list(self._sinks):
            self._write_to(sink, text, len(lines))

    def _write_to(self, sink: Sink, text: str, lines: int) -> None:
        """The other sinks hear at once that this one fails, and all of them, when it works again, what it lost."""
        failed_before = sink.unwritten_lines
        if not sink.write(text, lines):
            if not failed_before:
                self._tell(Decision.DEGRADE, {"reason": "log_sink_fails", "sink": sink.name, "errno": sink.errno})
        elif failed_before:
            sink.unwritten_lines = 0
            self._tell(Decision.DROP, {"lines": failed_before, "sink": sink.name})

    def _tell(self, decision: Decision, ctx: Mapping[str, object]) -> None:
        self._buffer.append(self._own(decision, ctx))

    def _loss(self) -> str:
        with self._lost_lock:
            lost, self._lost = self._lost, 0
        return format_line(*self._own(Decision.DROP, {"lines": lost}))

    def _own(self, decision: Decision, ctx: Mapping[str, object]) -> Entry:
        if self.observe is not None:
            self.observe(decision)
        return time.time(), "ERROR", "log", "-", decision, ctx, 0


def own_stream(stream: TextIO) -> TextIO:
    """A stream to the same place that stays there when the descriptor is captured."""
    try:
        return os.fdopen(os.dup(stream.fileno()), "w", encoding="utf-8", errors="replace")
    except (OSError, ValueError):  # a stream of a test, without a descriptor
        return stream


def _forms(secret: str) -> tuple[str, str]:
    return secret, json.dumps(secret)[1:-1]
