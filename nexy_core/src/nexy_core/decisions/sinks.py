"""Where the writer thread puts its batches. The one home of loguru: its files rotate and are compressed."""

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from loguru import Message, Record

FILE_NAME = "nexy.log"
FILE_MODE = 0o600


class Sink:
    """One loguru handler that takes whole batches. What cannot be written is counted, never raised."""

    def __init__(self, name: str, target: Any, **options: Any) -> None:
        from loguru import logger

        token = object()
        self.name = name
        self.errno = 0
        self.unwritten_lines = 0
        _drop_default_handler()
        # catch=False: loguru would print its own report on standard error, which is no decision line.
        self._handler = logger.add(
            target, format="{message}", filter=_only(token), catch=False, backtrace=False, diagnose=False, **options
        )
        self._write = logger.bind(nexy_sink=token).opt(raw=True).info

    def write(self, text: str, lines: int) -> bool:
        """Write whole lines. False when they could not be written: a full disk, a closed pipe or stream."""
        try:
            self._write(text)
        except OSError as error:
            self.errno = error.errno or 0
        except ValueError:
            self.errno = errno.EBADF
        else:
            return True
        self.unwritten_lines += lines
        return False

    def close(self) -> None:
        """Flush and let go."""
        from loguru import logger

        with contextlib.suppress(OSError, ValueError):
            logger.remove(self._handler)


def _only(token: object) -> Callable[["Record"], bool]:
    return lambda record: record["extra"].get("nexy_sink") is token


def forward_others(tell: Callable[[str, int, str], None]) -> Callable[[], None]:
    """Tell of messages that others give to loguru: who, level, text. Returns what ends it."""
    from loguru import logger

    def sink(message: "Message") -> None:
        record = message.record
        tell(record["name"] or "loguru", record["level"].no, record["message"])

    handler = logger.add(
        sink, level=0, format="", filter=lambda record: "nexy_sink" not in record["extra"], catch=False
    )
    return lambda: logger.remove(handler)


def _drop_default_handler() -> None:
    from loguru import logger

    try:
        logger.remove(0)
    except ValueError:
        return  # already gone


def console_sink(stream: TextIO) -> Sink:
    """Lines on a stream."""
    return Sink("console", stream, colorize=False)


def file_sink(folder: Path, *, max_bytes: int, keep: int) -> Sink:
    """Lines in ``folder/nexy.log``; full ones are compressed, the oldest removed. Raises ``OSError``."""
    folder.mkdir(parents=True, exist_ok=True)
    return Sink(
        "files",
        str(folder / FILE_NAME),
        rotation=max_bytes,
        retention=keep,
        compression="gz",
        opener=_private,
        encoding="utf-8",
    )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, FILE_MODE)
