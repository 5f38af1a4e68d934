"""Import, check and register one plugin: stevedore imports, pluggy validates and calls.

Everything a plugin does here is isolated: whatever it raises becomes a ``PluginError`` with its reason.
"""

import importlib.metadata
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import attrs
import pluggy
from stevedore import NamedExtensionManager

from nexy_core import hookspecs
from nexy_core.capability import ROLES, Capability
from nexy_core.errors import ErrorType
from nexy_core.events import Action
from nexy_core.plugins.discovery import GROUP, Found
from nexy_core.plugins.reasons import PluginError, Reason
from nexy_core.settings import LiveSettings, Setting

AnyCapability = Capability[Any, Any]
ResultT = TypeVar("ResultT")
MAX_DETAIL_CHARS = 200


class _OnePlugin(NamedExtensionManager[Any]):
    """Loads exactly the given entry point: live metadata instead of stevedore's disk cache, which may be stale."""

    def __init__(self, entry_point: importlib.metadata.EntryPoint) -> None:
        self._live = entry_point
        super().__init__(GROUP, names=[entry_point.name], on_load_failure_callback=self._failed)

    def list_entry_points(self) -> list[importlib.metadata.EntryPoint]:
        return [self._live]

    def _failed(self, _manager: object, _entry_point: object, error: BaseException) -> None:
        raise error


@attrs.frozen(eq=False)
class Loaded:
    """A registered plugin: what it handed over."""

    module: object
    settings: tuple[Setting, ...]
    actions: tuple[Action, ...]


class Registry:
    """The plugin manager of the host: hooks are called here and nowhere else."""

    def __init__(self, settings: LiveSettings) -> None:
        self._manager = _new_manager()
        self._handed: list[object] = []
        # Before anything is registered: the historic hook then fires inside each register(), so that an
        # exception belongs to that plugin alone.
        self._manager.hook.nexy_capabilities.call_historic(
            result_callback=self._handed.append, kwargs={"settings": settings}
        )

    def inspect(self, found: Found) -> Loaded:
        """Import the plugin, check its hooks, and collect its settings and actions. Raises ``PluginError``."""
        module = _import(found)
        probe = _new_manager()
        _register(probe, module, found.name)
        _check_hooks(probe, module)
        settings = _collect(probe.hook.nexy_settings, Setting, Reason.BAD_SETTING)
        actions = _collect(probe.hook.nexy_actions, Action, Reason.HOOK_RAISED)
        return Loaded(module, settings, actions)

    def register(self, name: str, loaded: Loaded) -> tuple[AnyCapability, ...]:
        """Register an inspected plugin, which hands over its capabilities. Raises ``PluginError``."""
        self._handed.clear()
        try:
            _guarded(lambda: self._manager.register(loaded.module, name), Reason.HOOK_RAISED)
            capabilities = _guarded(self._flatten, Reason.HOOK_RAISED)
            for capability in capabilities:
                _check_capability(capability)
        except PluginError:
            self.unregister(name)
            raise
        finally:
            self._handed.clear()
        return tuple(capabilities)

    def unregister(self, name: str) -> None:
        """Forget a plugin; harmless for one that is not registered."""
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)

    def classify(self, error: BaseException) -> ErrorType | None:
        """What the plugins know about an exception of their libraries."""
        try:
            named = _guarded(lambda: self._manager.hook.nexy_classify_error(error=error), Reason.HOOK_RAISED)
        except PluginError:
            return None
        return named if isinstance(named, ErrorType) else None

    def _flatten(self) -> list[AnyCapability]:
        return [capability for handed in self._handed for capability in handed]  # type: ignore[attr-defined]


def describe(error: BaseException) -> str:
    """An exception for a person: its type and the first line of its text."""
    first_line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}"[:MAX_DETAIL_CHARS]


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def _guarded(call: Callable[[], ResultT], reason: Reason) -> ResultT:
    """Call into a plugin; whatever it raises becomes a ``PluginError``."""
    try:
        return call()
    except pluggy.PluginValidationError as error:
        raise PluginError(Reason.BAD_SIGNATURE, describe(error)) from error
    except SystemExit as error:
        raise PluginError(reason, "it called sys.exit") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # isolation: plugins may raise anything
        raise PluginError(reason, describe(error)) from error


def _import(found: Found) -> object:
    if found.problem is not None:
        raise found.problem
    try:
        manager = _OnePlugin(found.entry_point)
    except SystemExit as error:
        raise PluginError(Reason.EXITED_AT_IMPORT, "it called sys.exit") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # isolation: plugins may raise anything
        raise PluginError(Reason.IMPORT_FAILED, describe(error)) from error
    plugin: object = manager[found.name].plugin
    return plugin


def _register(manager: pluggy.PluginManager, module: object, name: str) -> None:
    _guarded(lambda: manager.register(module, name), Reason.HOOK_RAISED)


def _check_hooks(probe: pluggy.PluginManager, module: object) -> None:
    try:
        probe.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(Reason.UNKNOWN_HOOK, describe(error)) from error
    callers = probe.get_hookcallers(module) or []
    if not callers:
        raise PluginError(Reason.NO_HOOKS, f"the module is {getattr(module, '__name__', module)}")
    for caller in callers:
        if any(_is_async(implementation.function) for implementation in caller.get_hookimpls()):
            raise PluginError(Reason.ASYNC_HOOK, f"{caller.name} is async")


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _collect(hook: Callable[[], list[Iterable[ResultT]]], kind: type[ResultT], reason: Reason) -> tuple[ResultT, ...]:
    items = _guarded(lambda: [item for items in hook() for item in items], Reason.HOOK_RAISED)
    for item in items:
        if not isinstance(item, kind):
            raise PluginError(reason, f"{type(item).__name__} is no {kind.__name__}")
    return tuple(items)


def _check_capability(capability: object) -> None:
    if not isinstance(capability, ROLES):
        raise PluginError(Reason.BAD_CAPABILITY, f"{type(capability).__name__} has no known role")
    if inspect.iscoroutinefunction(type(capability).process):
        raise PluginError(Reason.BAD_CAPABILITY, f"{type(capability).__name__}.process never yields")
