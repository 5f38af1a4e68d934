"""The decision log: one line a decision, on standard error and in files, written off the event loop."""

from nexy_core.decisions.bridge import describe
from nexy_core.decisions.capture import takeover
from nexy_core.decisions.line import Decision, Line, format_line, parse_line
from nexy_core.decisions.log import DecisionLog

__all__ = ["Decision", "DecisionLog", "Line", "describe", "format_line", "parse_line", "takeover"]
