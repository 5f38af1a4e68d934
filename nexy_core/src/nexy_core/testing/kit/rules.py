"""The rules of the contract, and what a check of them found."""

from enum import Enum

import attrs


class Rule(Enum):
    """One rule: its code, what it asks for, and how a plugin that breaks it is mended."""

    IMPORTS = (
        "imports",
        "The module imports in little time and leaves nothing behind: no thread, no output.",
        "Import heavy libraries inside initialize().",
    )
    LOADS = (
        "loads",
        "The host loads the plugin and takes over its capabilities.",
        "See `Why is my plugin not loaded` for the reason code.",
    )
    PUBLIC_API = (
        "public_api",
        "It imports nexy_core and nexy_core.testing only, and no other plugin.",
        "Import the name from nexy_core; ask for what is missing there.",
    )
    REQUIRES_CORE = (
        "requires_core",
        "Its wheel requires nexy-core with a lower and an upper bound.",
        'Write dependencies = ["nexy-core>=0.1,<0.2"] for the core it was tested with.',
    )
    SETTINGS = (
        "settings",
        "Every setting has a text, and its default passes its own check.",
        "Give each Setting a line of text, and a default within its bounds.",
    )
    STATUS = (
        "status",
        "status() answers at once with a Status: before initialize, while serving and after cleanup.",
        "Return kept values; do not connect, load or wait in status().",
    )
    INITIALIZE = (
        "initialize",
        "initialize() ends in time and without an error.",
        "Read the error; give the check the settings it needs.",
    )
    EVENTS = (
        "events",
        "process() yields the role's events only, at least where the role says so, and well-formed ones.",
        "Compare with the role's page: types, sizes, order.",
    )
    CANCEL = (
        "cancel",
        "Closing or cancelling the iterator stops the work within 100 ms, its finally included.",
        "Make process() an async generator, use aclosing() around inner iterators, stop worker threads by a flag.",
    )
    SWALLOW = (
        "swallow",
        "CancelledError goes through process().",
        "Catch Exception instead of BaseException, and re-raise CancelledError.",
    )
    LOOP = (
        "loop",
        "The event loop is never blocked for more than 50 ms.",
        "Move the work to a thread (asyncio.to_thread, an executor) or a child process.",
    )
    TOGETHER = (
        "together",
        "Several requests at once are served as each would be alone, and closing one leaves the others alone.",
        "Keep what belongs to a request in the generator, not on the object.",
    )
    ERRORS = (
        "errors",
        "Odd requests give events or a NexyError, or an exception that nexy_classify_error names.",
        "Translate foreign exceptions where they are raised; implement nexy_classify_error.",
    )
    LEFTOVERS = (
        "leftovers",
        "After a request no task is left, and after cleanup() no thread and no child process.",
        "Await or cancel every task in a finally; shut executors and processes down in cleanup().",
    )
    CLEANUP = (
        "cleanup",
        "cleanup() ends in time, also when it is called twice and without initialize().",
        "Check for what was never made, and forget what is released.",
    )

    def __init__(self, code: str, text: str, remedy: str) -> None:
        self.code = code
        self.text = text
        self.remedy = remedy


@attrs.frozen
class Finding:
    """What one rule's check saw. ``seen`` is "" where the rule holds; ``where`` names the code."""

    rule: Rule
    seen: str = ""
    where: str = ""

    @property
    def ok(self) -> bool:
        """Whether the rule holds."""
        return not self.seen


@attrs.frozen
class Report:
    """The outcome for one plugin."""

    plugin: str
    version: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether every rule holds."""
        return all(finding.ok for finding in self.findings)

    @property
    def broken(self) -> frozenset[Rule]:
        """The rules that do not hold."""
        return frozenset(finding.rule for finding in self.findings if not finding.ok)

    def __str__(self) -> str:
        """The report a person acts on."""
        return "\n".join([f"{self.plugin} {self.version}".strip(), *self._lines(), self._summary()])

    def _lines(self) -> list[str]:
        lines: list[str] = []
        for rule in Rule:
            ours = [finding for finding in self.findings if finding.rule is rule]
            broken = list(dict.fromkeys(finding for finding in ours if not finding.ok))
            if ours and not broken:
                lines.append(f"  ok      {rule.code:<14} {rule.text}")
            for finding in broken:
                lines.append(f"  BROKEN  {rule.code:<14} {rule.text}")
                lines.append(f"          seen:  {finding.seen}" + (f" ({finding.where})" if finding.where else ""))
                lines.append(f"          mend:  {rule.remedy}")
            if not ours:
                lines.append(f"  not run {rule.code:<14} {rule.text}")
        return lines

    def _summary(self) -> str:
        count = len({finding.rule for finding in self.findings})
        return f"{count} rules checked, {len(self.broken)} broken"


class Broken(Exception):
    """A rule does not hold; carries what was seen and where."""

    def __init__(self, rule: Rule, seen: str, where: str = "") -> None:
        super().__init__(seen)
        self.finding = Finding(rule, seen, where)
