"""Checks one plugin against every rule. The plugin is installed, or named as ``name=module``."""

import ast
import asyncio
import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from nexy_core.config import Config
from nexy_core.plugins.bounded import bounded
from nexy_core.plugins.discovery import CORE_DISTRIBUTION, Found, find
from nexy_core.plugins.loader import Registry
from nexy_core.plugins.plugin import Plugin, load
from nexy_core.plugins.reasons import PluginError
from nexy_core.settings import Setting
from nexy_core.testing.kit import behaviour
from nexy_core.testing.kit.behaviour import Subject
from nexy_core.testing.kit.rules import Broken, Finding, Report, Rule
from nexy_core.testing.kit.watch import Traces, settled

IMPORT_SECONDS = 0.5
PROBE_SECONDS = 60
PUBLIC_MODULES = re.compile(r"nexy_core(\.testing(\..+)?)?")
SHIPPED = ("nexy_llm", "nexy_tts", "nexy_memory", "nexy_filter", "nexy_interrupt", "nexy_updates")
_IMPORT_PROBE = """
import sys, threading, time
import nexy_core
threads, started = threading.active_count(), time.process_time()
import {module}
print("SECONDS", time.process_time() - started, "THREADS", threading.active_count() - threads)
"""


def check_plugin(name: str, settings: Mapping[str, str] | None = None) -> Report:
    """Check the plugin ``name`` (or ``name=module``) with these settings (full key to text).

    Raises ``ConfigError`` for a name that is not installed and for wrong settings.
    """
    found = find(name)
    findings = list(_static(found))
    if all(finding.rule is not Rule.IMPORTS or finding.ok for finding in findings):
        with tempfile.TemporaryDirectory(prefix="nexy-check-") as data_dir:
            findings += asyncio.run(_Check(found, {"storage.data_dir": data_dir, **(settings or {})}).run())
    return Report(found.name, found.version, tuple(findings))


def _finding(rule: Rule, check: Callable[[], None]) -> Finding:
    try:
        check()
    except Broken as broken:
        return broken.finding
    return Finding(rule)


# --- what needs no run --------------------------------------------------------------------------


def _static(found: Found) -> Iterator[Finding]:
    yield _finding(Rule.IMPORTS, lambda: _imports(found))
    yield _finding(Rule.PUBLIC_API, lambda: _public_api(found))
    if found.entry_point.dist is not None:
        yield _finding(Rule.REQUIRES_CORE, lambda: _requires_core(found))


def _imports(found: Found) -> None:
    """In a process of its own: the import's time, threads and output."""
    module = found.entry_point.module
    probe = [sys.executable, "-c", _IMPORT_PROBE.format(module=module)]
    # Its output is what is measured, so a failing import is a finding and not an error.
    done = subprocess.run(probe, capture_output=True, text=True, check=False, timeout=PROBE_SECONDS)  # noqa: S603
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no error text"])[-1]
        raise Broken(Rule.IMPORTS, f"importing it failed: {last}", module)
    output, _, figures = done.stdout.rpartition("SECONDS ")
    seconds, _, threads = figures.partition(" THREADS ")
    if output.strip() or done.stderr.strip():
        raise Broken(Rule.IMPORTS, "importing it printed something", module)
    if int(threads):
        raise Broken(Rule.IMPORTS, f"importing it started {int(threads)} threads", module)
    if float(seconds) > IMPORT_SECONDS:
        raise Broken(Rule.IMPORTS, f"importing it takes {float(seconds):.1f} s of processor time", module)


def _public_api(found: Found) -> None:
    top = found.entry_point.module.partition(".")[0]
    for path in _sources(top):
        for line, module in _imported(path):
            if _forbidden(module, top):
                raise Broken(Rule.PUBLIC_API, f"it imports {module}", f"{path.name}:{line}")


def _sources(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return []
    origin = Path(spec.origin)
    return sorted(origin.parent.rglob("*.py")) if spec.submodule_search_locations else [origin]


def _imported(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module


def _forbidden(module: str, own: str) -> bool:
    top = module.partition(".")[0]
    if top == "nexy_core":
        return not PUBLIC_MODULES.fullmatch(module) and own != "nexy_core"
    return top in SHIPPED and top != own


def _requires_core(found: Found) -> None:
    wheel = found.entry_point.dist
    requirements = [Requirement(text) for text in (wheel.requires if wheel else None) or ()]
    ours = [one for one in requirements if canonicalize_name(one.name) == CORE_DISTRIBUTION]
    if not ours:
        raise Broken(Rule.REQUIRES_CORE, "it does not require nexy-core", found.distribution)
    operators = {specifier.operator for specifier in ours[0].specifier}
    if not operators & {"~=", "=="} and not (operators & {">=", ">"} and operators & {"<", "<="}):
        raise Broken(Rule.REQUIRES_CORE, f"it requires {ours[0]}", found.distribution)


# --- what needs a run ---------------------------------------------------------------------------

_AT_WORK: Sequence[tuple[Rule, Callable[[Subject], Awaitable[None]]]] = (
    (Rule.STATUS, behaviour.status),
    (Rule.EVENTS, behaviour.events),
    (Rule.CANCEL, behaviour.cancel),
    (Rule.LOOP, behaviour.loop_free),
    (Rule.TOGETHER, behaviour.together),
    (Rule.LEFTOVERS, behaviour.leaves_no_task),
    (Rule.ERRORS, behaviour.errors),
)


@attrs.define(eq=False)
class _Check:
    """One plugin, loaded as the host loads it."""

    found: Found
    settings: Mapping[str, str]
    findings: list[Finding] = attrs.field(factory=list)

    async def run(self) -> list[Finding]:
        """Load it twice: once to see that an unused capability goes quietly, once to work with it."""
        config = self._config()
        registry = Registry(config.live)
        if not await self._loads(registry, config):
            return self.findings
        before = Traces.now()
        for make in (self._unused, self._at_work):
            plugin = Plugin(self.found)
            load(plugin, registry, config)
            for provider in plugin.providers:
                await make(Subject(provider.capability, registry.classify))
            registry.unregister(plugin.name)
        await asyncio.get_running_loop().shutdown_default_executor()
        left = await settled(before.new_others)
        self._add(Rule.LEFTOVERS, f"after cleanup: {left[0]}" if left else "")
        return self.findings

    def _config(self) -> Config:
        environ = {"NEXY_" + key.replace(".", "__").upper(): value for key, value in self.settings.items()}
        return Config.load(environ=environ | {"NEXY_ENV": ""})

    async def _loads(self, registry: Registry, config: Config) -> bool:
        plugin = Plugin(self.found)
        try:
            load(plugin, registry, config)
            config.finish([self.found.name])
        except PluginError as error:
            self._add(Rule.LOADS, f"{error.reason.code}: {error.detail}", self.found.entry_point.value)
            return False
        self._add(Rule.LOADS)
        self._settings(plugin.loaded.settings if plugin.loaded else ())
        for provider in plugin.providers:
            await bounded(provider.capability.cleanup, behaviour.CLEANUP_SECONDS)
        registry.unregister(plugin.name)
        return True

    def _settings(self, settings: Sequence[Setting]) -> None:
        self._add(Rule.SETTINGS)
        for setting in settings:
            bare = not setting.text.strip()
            fault = "it has no text" if bare else setting.check(setting.default) if setting.check else ""
            self._add(Rule.SETTINGS, f"{setting.key}: {fault}" if fault else "")

    async def _unused(self, subject: Subject) -> None:
        await self._try(Rule.STATUS, behaviour.status, subject)
        await self._try(Rule.CLEANUP, behaviour.cleanup, subject)

    async def _at_work(self, subject: Subject) -> None:
        if await self._try(Rule.INITIALIZE, behaviour.initialize, subject):
            for rule, check in _AT_WORK:
                await self._try(rule, check, subject)
        await self._try(Rule.CLEANUP, behaviour.cleanup, subject)
        await self._try(Rule.STATUS, behaviour.status, subject)

    async def _try(self, rule: Rule, check: Callable[[Subject], Awaitable[Any]], subject: Subject) -> bool:
        try:
            await check(subject)
        except Broken as broken:
            self.findings.append(broken.finding)
            return False
        except (Exception, SystemExit) as error:  # noqa: BLE001  # isolation: plugins may raise anything
            self._add(rule, f"{type(error).__name__} while checking: {error}", subject.where())
            return False
        self._add(rule)
        if rule is Rule.CANCEL:
            self._add(Rule.SWALLOW)
        return True

    def _add(self, rule: Rule, seen: str = "", where: str = "") -> None:
        self.findings.append(Finding(rule, seen, where))
