"""Which plugins are installed, without importing any of them."""

import importlib.metadata
import re
from collections import defaultdict
from collections.abc import Iterable

import attrs
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from nexy_core.errors import ConfigError
from nexy_core.plugins.reasons import PluginError, Reason

GROUP = "nexy.plugins"
CORE_DISTRIBUTION = "nexy-core"
RESERVED_NAMES = frozenset({"required", "module_coordinator", "forward_assistant_actions"})
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@attrs.frozen
class Found:
    """An entry point and the wheel it comes from; ``problem`` says why it must not be imported."""

    entry_point: importlib.metadata.EntryPoint
    problem: PluginError | None = None

    @property
    def name(self) -> str:
        return self.entry_point.name

    @property
    def distribution(self) -> str:
        """The wheel's name, "" for a module named in ``plugins.modules``."""
        return self.entry_point.dist.name if self.entry_point.dist else ""

    @property
    def version(self) -> str:
        """The wheel's version, "" for a module named in ``plugins.modules``."""
        return self.entry_point.dist.version if self.entry_point.dist else ""


def core_version() -> str:
    """The version of the core that runs."""
    return importlib.metadata.version(CORE_DISTRIBUTION)


def discover(modules: Iterable[str] = (), taken_names: Iterable[str] = ()) -> list[Found]:
    """Every installed plugin and every ``name=module`` of ``modules``, by name, each with what is wrong with it.

    A name in ``modules`` takes the place of the installed plugin of that name. ``taken_names`` are names that the
    settings table uses for itself.
    """
    by_name: dict[str, list[importlib.metadata.EntryPoint]] = defaultdict(list)
    named = [from_setting(text) for text in modules]
    replaced = {entry_point.name for entry_point in named}
    for entry_point in [*named, *(one for one in installed() if one.name not in replaced)]:
        by_name[entry_point.name].append(entry_point)
    reserved = RESERVED_NAMES.union(taken_names)
    version = core_version()
    return [_checked(by_name[name], reserved, version) for name in sorted(by_name)]


def find(name: str) -> Found:
    """The installed plugin ``name``, or the one that ``name=module`` names. Raises ``ConfigError`` for none."""
    short = name.partition("=")[0]
    for found in discover([name] if "=" in name else []):
        if found.name == short:
            return found
    raise ConfigError(f"no installed plugin is called {short!r}; `nexy plugins list` names those that are")


def installed() -> list[importlib.metadata.EntryPoint]:
    """The entry points of the wheels installed now; the same wheel seen twice on the path counts once."""
    unique = {(e.dist.name if e.dist else "", e.name, e.value): e for e in importlib.metadata.entry_points(group=GROUP)}
    return list(unique.values())


def from_setting(text: str) -> importlib.metadata.EntryPoint:
    """An entry point from ``name=module`` or ``name=module:attribute``."""
    name, _, value = text.partition("=")
    return importlib.metadata.EntryPoint(name=name.strip(), value=value.strip(), group=GROUP)


def _checked(entry_points: list[importlib.metadata.EntryPoint], reserved: frozenset[str], core: str) -> Found:
    first = entry_points[0]
    if len(entry_points) > 1:
        wheels = " and ".join(sorted(e.dist.name if e.dist else "plugins.modules" for e in entry_points))
        return Found(first, PluginError(Reason.DUPLICATE_NAME, f"offered by {wheels}"))
    if first.name in reserved or not _NAME.fullmatch(first.name):
        return Found(first, PluginError(Reason.RESERVED_NAME, f"the name is {first.name!r}"))
    return Found(first, _version_problem(first, core))


def _version_problem(entry_point: importlib.metadata.EntryPoint, core: str) -> PluginError | None:
    for text in (entry_point.dist.requires if entry_point.dist else None) or ():
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            return PluginError(Reason.WRONG_CORE_VERSION, f"unreadable requirement {text!r}")
        applies = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        ours = canonicalize_name(wanted.name) == CORE_DISTRIBUTION and applies
        if ours and not wanted.specifier.contains(core, prereleases=True):
            return PluginError(Reason.WRONG_CORE_VERSION, f"it needs nexy-core{wanted.specifier}, this is {core}")
    return None
