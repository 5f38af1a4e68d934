"""Everything else that speaks in this process becomes decision lines: stdlib logging, warnings, threads that die."""

import contextlib
import logging
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping

from nexy_core.decisions.line import LEVEL_NUMBERS, MAX_TEXT_CHARS, Decision
from nexy_core.decisions.log import DecisionLog
from nexy_core.decisions.sinks import forward_others

SCOPE = "process"
SHOWN_FRAMES = 3
_WORDS = {decision.value: decision for decision in Decision}


def describe(error: BaseException) -> dict[str, object]:
    """An exception for the log: its type and where it was raised, never its text, which may quote a user."""
    frames = traceback.extract_tb(error.__traceback__)[-SHOWN_FRAMES:]
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames)]
    return {"error": type(error).__name__, "at": "<".join(places)}


class LogBridge(logging.Handler):
    """Turns log records into decision lines.

    ``extra={"decision": "degrade", "ctx": {…}}`` says more. Of loggers that are neither ours nor a plugin's, only
    warnings pass, and only who spoke and how much, unless ``log.foreign_text`` is on.
    """

    def __init__(self, log: DecisionLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        trusted = self._log.trusts(record.name)
        if record.levelno < logging.WARNING and not trusted:
            return
        decision = _WORDS.get(str(getattr(record, "decision", "")), Decision.LOG)
        ctx = self._context(record, shown=trusted)
        self._log.write(decision, scope=record.name, method=_method(record), level=_level(record), ctx=ctx)

    def tell(self, name: str, level: int, text: str) -> None:
        """A message from a logger of another kind."""
        self.handle(logging.LogRecord(name, level, name, 0, "%s", (text,), None))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """A record that cannot be formatted is still a line."""
        self._log.write(Decision.LOG, scope=record.name, level="ERROR", ctx={"reason": "unreadable_log_record"})

    def _context(self, record: logging.LogRecord, *, shown: bool) -> dict[str, object]:
        given = getattr(record, "ctx", None)
        ctx = {str(key): _short(value) for key, value in given.items()} if isinstance(given, Mapping) else {}
        text = _text(record)
        if shown or self._log.shows_foreign_text():
            ctx["text"] = _short(text)
        else:
            ctx |= {"chars": len(text), "at": f"{record.filename}:{record.lineno}"}
        if record.exc_info and record.exc_info[1] is not None:
            ctx |= describe(record.exc_info[1])
        return ctx


def _short(value: object) -> object:
    """Lines wait in memory; one character more than is written, so that the line says it was longer."""
    return value[: MAX_TEXT_CHARS + 1] if type(value) is str else value


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def _level(record: logging.LogRecord) -> str:
    passed = [name for name, number in LEVEL_NUMBERS.items() if number <= record.levelno]
    return passed[-1] if passed else "DEBUG"


def _method(record: logging.LogRecord) -> str:
    return str(getattr(record, "method", "-"))[:MAX_TEXT_CHARS]


@contextlib.contextmanager
def bridged(log: DecisionLog) -> Iterator[LogBridge]:
    """Route stdlib logging, warnings and dying threads into ``log``, until the end of the block."""
    root, bridge = logging.getLogger(), LogBridge(log)
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [bridge]
    root.setLevel(logging.INFO)
    log.on_level = root.setLevel
    logging.captureWarnings(True)
    end_forwarding = forward_others(bridge.tell)
    hooks = threading.excepthook, sys.unraisablehook
    threading.excepthook = lambda args: _died(log, "thread", args.exc_value)
    sys.unraisablehook = lambda args: _died(log, "unraisable", args.exc_value)
    try:
        yield bridge
    finally:
        end_forwarding()
        threading.excepthook, sys.unraisablehook = hooks
        log.on_level = None
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(level)


def _died(log: DecisionLog, reason: str, error: BaseException | None) -> None:
    ctx = describe(error) if error is not None else {}
    log.write(Decision.ERROR, scope=SCOPE, level="ERROR", ctx={"reason": f"{reason}_exception", **ctx})
