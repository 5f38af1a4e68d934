"""The configuration: every source read, every value checked against the table, one frozen snapshot.

Precedence, weakest first: the table's defaults, the files, ``config.env``, the environment; of the variables an alias
of the canon gives way to a ``NEXY_`` one. Tables merge, lists replace, and a kill switch is on when any source says so.
"""

import difflib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs

from nexy_core.config.resolve import ancestry, leaves, resolve
from nexy_core.config.sources import Reading, Sources, read
from nexy_core.config.values import (
    KIND_WORDS,
    BadValue,
    Problem,
    SettingsError,
    parse,
    secret_name,
    shown,
    shown_unknown,
)
from nexy_core.config.variables import Layer
from nexy_core.core_settings import CORE, TABLES_OF_PLUGINS, core_settings, dynamic_setting
from nexy_core.errors import ConfigError
from nexy_core.settings import LiveSettings, Setting, Settings, Value

__all__ = ["Change", "Config", "Problem", "SettingsError"]

_KEY = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")


@attrs.frozen
class Change:
    """A key with a new value after a reload. Not ``applied``: it needs a restart. Secrets are masked."""

    key: str
    old: str
    new: str
    source: str
    applied: bool

    def as_ctx(self) -> dict[str, Any]:
        """For the decision log."""
        return {"key": self.key, "old": self.old, "new": self.new, "source": self.source, "applied": self.applied}


class Config:
    """The declared keys, the sources and the current snapshot (``live``)."""

    def __init__(self, sources: Sources, *, strict: bool = True) -> None:
        self._sources = sources
        self._declared: dict[str, tuple[str, Setting]] = {setting.key: (CORE, setting) for setting in core_settings()}
        self._unloaded: frozenset[str] | None = None
        self._callbacks: list[Callable[[list[Change]], None]] = []
        self._stamps = self._stat()
        self._reading = self._read()
        self._declare_dynamic(self._reading)
        values, origins, problems = self._resolve(self._reading, self._reading.env)
        problems = [*self._reading.problems, *problems]
        if strict and problems:
            _raise([*problems, *self._unknown_in_core_tables()])
        self._pending = problems
        self.live = LiveSettings(_snapshot(self._reading.env, values, origins))

    @classmethod
    def load(
        cls,
        settings_dir: Path | None = None,
        environ: Mapping[str, str] | None = None,
        env_file: Path | None = None,
        *,
        strict: bool = True,
    ) -> "Config":
        """Read and check everything the core declares.

        Raises ``ConfigError`` naming every problem; not ``strict`` keeps them for ``finish`` (a broken value reads as
        its default meanwhile), so that a check names the plugins' problems too.
        """
        found = dict(os.environ if environ is None else environ)
        return cls(Sources.find(settings_dir, found, env_file), strict=strict)

    @property
    def env(self) -> str:
        """``local``, ``dev``, ``stage`` or ``prod``."""
        return self.live.current.env

    @property
    def declared(self) -> Mapping[str, tuple[str, Setting]]:
        """Key to (owner, setting), in the order of declaration."""
        return MappingProxyType(self._declared)

    def declare(self, owner: str, settings: Iterable[Setting]) -> None:
        """Add a plugin's keys; all of them or none.

        Raises ``ConfigError`` for a fault of the plugin (a key taken, malformed, or a default of the wrong type).
        The operator's bad values are named by ``finish``, all at once; after it, by this call.
        """
        added: dict[str, tuple[str, Setting]] = {}
        for setting in settings:
            self._check_declaration(owner, setting, self._declared | added)
            added[setting.key] = (owner, setting)
        reading = self._reading
        if any(setting.alias for _, setting in added.values()):
            reading = self._read(added)
        values, origins, problems = resolve((setting for _, setting in added.values()), reading, self.env)
        if self._unloaded is not None:
            _raise(problems)
        self._declared |= added
        self._reading = reading
        self._pending += problems
        now = self.live.current
        self.live.current = _snapshot(now.env, {**now.values, **values}, {**now.sources, **origins})

    def finish(self, unloaded: Iterable[str] = ()) -> None:
        """Every plugin has declared its keys: what is set and not declared is a mistake.

        Tables of ``unloaded`` plugins (installed, but disabled or broken) are let through. Raises ``ConfigError``.
        """
        self._unloaded = frozenset(unloaded)
        pending, self._pending = self._pending, []
        _raise([*pending, *self._unknown(self._reading)])

    def reload(self) -> list[Change]:
        """Read the sources again. Live keys take their new values; the others are reported, not applied.

        Raises ``ConfigError``, and keeps the old snapshot, when anything is wrong.
        """
        self._stamps = self._stat()
        reading = self._read()
        self._declare_dynamic(reading)
        values, origins, problems = self._resolve(reading, self.env)
        unknown = self._unknown(reading) if self._unloaded is not None else []
        _raise([*reading.problems, *problems, *unknown])
        changes = self._apply(values, origins)
        self._reading = reading
        for callback in self._callbacks if changes else ():
            callback(changes)
        return changes

    def files_changed(self) -> bool:
        """Have the files changed since they were last read? A few ``stat`` calls."""
        return self._stat() != self._stamps

    def on_change(self, callback: Callable[[list[Change]], None]) -> None:
        """Call ``callback`` after each reload that changed something."""
        self._callbacks.append(callback)

    def secrets(self) -> tuple[str, ...]:
        """The values that must appear nowhere: those of secret settings, and of variables named like one."""
        values = self.live.current.values
        found = [values[key] for key, (_, setting) in self._declared.items() if setting.secret]
        found += [value for name, value in self._sources.environ.items() if secret_name(name)]
        return tuple(value for value in found if isinstance(value, str) and value)

    # --- inside ---------------------------------------------------------------------------------

    def _read(self, added: Mapping[str, tuple[str, Setting]] = MappingProxyType({})) -> Reading:
        declared = {**self._declared, **added}
        return read(self._sources, {setting.alias: key for key, (_, setting) in declared.items() if setting.alias})

    def _stat(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(path) for path in self._sources.watched())

    def _resolve(self, reading: Reading, env: str) -> tuple[dict[str, Value], dict[str, str], list[Problem]]:
        return resolve((setting for _, setting in self._declared.values()), reading, env)

    def _declare_dynamic(self, reading: Reading) -> None:
        for layer in (*reading.layers, *reading.idle):
            for key, _ in leaves(layer.tree):
                setting = dynamic_setting(key)
                if setting and key not in self._declared:
                    self._declared[key] = (CORE, setting)

    @staticmethod
    def _check_declaration(owner: str, setting: Setting, taken: Mapping[str, tuple[str, Setting]]) -> None:
        key = setting.key
        if not _KEY.fullmatch(key):
            raise ConfigError(f"{owner} declares {key!r}: a key is lower case and has a table, as in 'acme.volume'")
        for other, (holder, _) in taken.items():
            if other == key or other.startswith(key + ".") or key.startswith(other + "."):
                raise ConfigError(f"{owner} declares {key!r}, which {holder} already has as {other!r}")
        if setting.kind not in KIND_WORDS:
            raise ConfigError(f"{owner} declares {key!r} with the unknown kind {setting.kind.__name__}")
        for default in (setting.default, *setting.by_env.values()):
            try:
                parse(setting, default, text=False)
            except BadValue as error:
                raise ConfigError(f"{owner} declares {key!r} with a default that {error}") from None

    def _unknown(self, reading: Reading) -> Iterator[Problem]:
        passed = {table for name in self._unloaded or () for table in TABLES_OF_PLUGINS.get(name, (name,))}
        for layer in (*reading.layers, *reading.idle):
            for key, value in leaves(layer.tree):
                known = any(part in self._declared for part in ancestry(key))
                if not known and key.partition(".")[0] not in passed:
                    yield self._unknown_key(layer, key, value)

    def _unknown_in_core_tables(self) -> Iterator[Problem]:
        """Probably misspelt: no plugin has spoken yet, but the table is the core's."""
        shared = {table for tables in TABLES_OF_PLUGINS.values() for table in tables}
        tables = {key.partition(".")[0] for key in self._declared} - shared
        return (problem for problem in self._unknown(self._reading) if problem.key.partition(".")[0] in tables)

    def _unknown_key(self, layer: Layer, key: str, value: object) -> Problem:
        near = difflib.get_close_matches(key, self._declared, n=1)
        remedy = f"Did you mean {near[0]}?" if near else "Remove it, or install the plugin that declares it."
        table = key.partition(".")[0] + "."
        below = any(known.startswith(key + ".") for known in self._declared)
        secret = any(setting.secret for known, (_, setting) in self._declared.items() if known.startswith(table))
        fault = "is a table, not a value" if below else "is no known setting"
        return Problem(key, shown_unknown(key, value, secret=secret), layer.source_of(key), fault, remedy)

    def _apply(self, values: dict[str, Value], origins: dict[str, str]) -> list[Change]:
        now = self.live.current
        kept, kept_origins, changes = dict(now.values), dict(now.sources), []
        for key, value in values.items():
            setting = self._declared[key][1]
            if setting.live or now.values.get(key, None) == value:
                kept[key], kept_origins[key] = value, origins[key]
            if now.values.get(key, None) != value:
                changes.append(_change(setting, now.values.get(key, ""), value, origins[key]))
        if changes:
            self.live.current = _snapshot(now.env, kept, kept_origins)
        return changes


def _change(setting: Setting, old: Value, new: Value, source: str) -> Change:
    return Change(
        setting.key, shown(old, secret=setting.secret), shown(new, secret=setting.secret), source, setting.live
    )


def _raise(problems: Iterable[Problem]) -> None:
    if found := tuple(problems):
        raise SettingsError(found)


def _snapshot(env: str, values: Mapping[str, Value], sources: Mapping[str, str]) -> Settings:
    return Settings(env, MappingProxyType(dict(values)), MappingProxyType(dict(sources)))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
