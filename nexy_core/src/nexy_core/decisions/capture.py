"""What native code, child processes and prints write to descriptors 1 and 2 becomes decision lines."""

import contextlib
import fcntl
import os
import sys
import threading
from collections.abc import Iterator

from nexy_core.decisions.bridge import SCOPE, bridged
from nexy_core.decisions.line import Decision
from nexy_core.decisions.log import DecisionLog

PIPE_BYTES = 1024 * 1024
READ_BYTES = 65_536
JOIN_SECONDS = 0.5
_STREAMS = {1: "stdout", 2: "stderr"}


@contextlib.contextmanager
def takeover(log: DecisionLog) -> Iterator[None]:
    """While the block runs, every line on standard output and error is a decision line (``log.say`` aside)."""
    with bridged(log), contextlib.ExitStack() as stack:
        for descriptor in _STREAMS:
            stack.enter_context(_captured(log, descriptor))
        yield


@contextlib.contextmanager
def _captured(log: DecisionLog, descriptor: int) -> Iterator[None]:
    _flush()
    kept = os.dup(descriptor)
    read_end, write_end = os.pipe()
    _enlarge(write_end)
    # A full pipe loses words instead of blocking: native code may hold the GIL that the reader needs.
    os.set_blocking(write_end, False)
    os.dup2(write_end, descriptor)
    os.close(write_end)
    reader = threading.Thread(target=_read, args=(log, read_end, _STREAMS[descriptor]), daemon=True)
    reader.start()
    try:
        yield
    finally:
        _flush()
        os.dup2(kept, descriptor)
        os.close(kept)
        reader.join(JOIN_SECONDS)  # a child process may still hold the other end


def _read(log: DecisionLog, read_end: int, stream: str) -> None:
    with open(read_end, "rb", buffering=0) as pipe:
        while heard := pipe.read(READ_BYTES):
            ctx: dict[str, object] = {"stream": stream, "bytes": len(heard), "lines": max(1, heard.count(b"\n"))}
            if log.shows_foreign_text():
                ctx["text"] = heard.decode("utf-8", "replace")
            log.write(Decision.LOG, scope=SCOPE, level="WARNING", ctx=ctx)


def _enlarge(pipe: int) -> None:
    command = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux only
    if command is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, command, PIPE_BYTES)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
