"""The host of the plugins: lifecycle, toggles, look-up by role."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast

from nexy_core.capability import ROLES, Capability
from nexy_core.config import Config
from nexy_core.decisions import Decision, DecisionLog
from nexy_core.errors import ErrorType, NexyError
from nexy_core.events import Action
from nexy_core.plugins.discovery import discover
from nexy_core.plugins.loader import Registry
from nexy_core.plugins.plugin import Plugin, load
from nexy_core.plugins.reasons import Phase, PluginError, PluginState, Reason
from nexy_core.plugins.route import AnyRole, Provider, Route, Supervision
from nexy_core.plugins.toggles import Toggles
from nexy_core.plugins.watch import Watch

RoleT = TypeVar("RoleT", bound=Capability[Any, Any])
SCOPE = "plugins"


class Parts:
    """The capabilities of one turn: what served when it began serves until it ends, unless it is killed."""

    def __init__(self, routes: dict[AnyRole, Route], wanted: Callable[[str], bool]) -> None:
        self._all = routes
        self._wanted = wanted
        self._chosen: dict[AnyRole, Route] = {}

    def keep(self) -> Callable[[], None]:
        """Keep them from being cleaned up until the returned function is called, once."""
        providers = [provider for route in self._all.values() for provider in route.providers]
        for provider in providers:
            provider.acquire()

        def release() -> None:
            for provider in providers:
                provider.release()

        return release

    def get(self, role: type[RoleT]) -> RoleT | None:
        """What serves ``role`` now, ``None`` when nothing does."""
        route = self._chosen.get(role)
        if route is None and (whole := self._all.get(role)) is not None:
            route = self._chosen[role] = whole.only(self._wanted)
        # A route has the role's interface, and it is not the role: it is the one wrapper around the real ones.
        return cast("RoleT", route) if route is not None and route.available() else None


class Host:
    """Loads the installed plugins, keeps the broken ones away, and hands out capabilities by role."""

    def __init__(self, config: Config, log: DecisionLog) -> None:
        self.config = config
        self._settings = config.live
        self._log = log
        self._toggles = Toggles(config.live)
        self._registry = Registry(config.live)
        self._plugins: dict[str, Plugin] = {}
        self._routes: dict[AnyRole, Route] = {}
        self._supervision = Supervision(self.classify, self._note, self._patience)
        self._tasks: set[asyncio.Task[None]] = set()

    # --- lifecycle ------------------------------------------------------------------------------

    def load(self) -> None:
        """Find, check, import and register. A broken plugin is quarantined; raises ``ConfigError`` for bad settings."""
        modules = self._settings.get("plugins.modules", list)
        self._plugins = {found.name: Plugin(found) for found in discover(modules, self._toggles.taken_names())}
        for plugin in self._plugins.values():
            reason = self._toggles.why_off(plugin.name)
            if reason is Reason.NONE:
                self._load_one(plugin)
            else:
                plugin.rest(Phase.DISABLED, reason)
        self.config.finish(name for name, plugin in self._plugins.items() if plugin.loaded is None)

    async def start(self) -> None:
        """Initialize every loaded plugin, all at once, the language model's first; none can hold up the others."""
        watch = Watch(self._supervision, self._settings, self._providers)
        self._tasks.add(asyncio.create_task(watch.run()))
        loaded = [plugin for plugin in self._plugins.values() if plugin.phase is Phase.LOADED]
        loaded.sort(key=lambda plugin: "llm" not in plugin.state().roles)
        await asyncio.gather(*map(self._initialize, loaded))
        self.config.on_change(lambda _: self._spawn(self.reconcile()))

    async def stop(self, timeout_seconds: float) -> None:
        """Clean up every plugin, all at once and bounded."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._routes = {}
        limit = min(timeout_seconds, self._settings.get("plugins.cleanup_timeout_seconds", float))
        loaded = [plugin for plugin in self._plugins.values() if plugin.loaded is not None]
        await asyncio.gather(*(self._unload(plugin, Phase.STOPPED, Reason.NONE, limit) for plugin in loaded))

    async def reconcile(self) -> None:
        """Make what runs match the settings: load what was switched on, drain what was switched off, re-order."""
        for plugin in self._plugins.values():
            killed = self._toggles.why_off(plugin.name) in {Reason.KILLED, Reason.CORE_ONLY}
            for provider in plugin.providers:
                provider.killed = killed
        self._rebuild()
        await asyncio.gather(*map(self._reconcile_one, self._plugins.values()))

    # --- look-up --------------------------------------------------------------------------------

    def get(self, role: type[RoleT], hardware_id: str = "") -> RoleT | None:
        """What serves ``role`` (for this device) now, in the operator's order with failover inside, or ``None``."""
        return self._parts(hardware_id).get(role)

    def _parts(self, hardware_id: str) -> Parts:
        return Parts(self._routes, lambda plugin: self._toggles.serves_device(plugin, hardware_id))

    @contextmanager
    def hold(self, hardware_id: str = "") -> Iterator[Parts]:
        """The parts for one turn of a device: a plugin that is disabled meanwhile is cleaned up after it."""
        parts = self._parts(hardware_id)
        release = parts.keep()
        try:
            yield parts
        finally:
            release()

    def actions(self) -> tuple[Action, ...]:
        """The commands of every serving plugin; the first of a name wins."""
        named: dict[str, Action] = {}
        for plugin in self._plugins.values():
            for action in plugin.loaded.actions if plugin.loaded and plugin.phase is Phase.SERVING else ():
                named.setdefault(action.name, action)
        return tuple(named.values())

    def classify(self, error: BaseException) -> ErrorType:
        """The error type of any exception."""
        if isinstance(error, NexyError):
            return error.error_type
        named = self._registry.classify(error)
        if named is not None:
            return named
        if isinstance(error, TimeoutError):
            return ErrorType.TIMEOUT
        return ErrorType.UNAVAILABLE if isinstance(error, ConnectionError) else ErrorType.INTERNAL

    def states(self) -> tuple[PluginState, ...]:
        """Every plugin that is installed or asked for, by name."""
        missing = [
            PluginState(name, "", Phase.QUARANTINED, Reason.NOT_INSTALLED)
            for name in self._toggles.named()
            if name not in self._plugins
        ]
        return (*(plugin.state() for plugin in self._plugins.values()), *missing)

    def ready(self) -> bool:
        """Whether every plugin of ``plugins.required`` serves."""
        return not self.missing()

    def missing(self) -> tuple[str, ...]:
        """The required plugins that do not serve."""
        required: Sequence[str] = self._settings.get("plugins.required", list)
        return tuple(name for name in required if not (name in self._plugins and self._plugins[name].serves))

    # --- inside ---------------------------------------------------------------------------------

    def _load_one(self, plugin: Plugin) -> None:
        try:
            load(plugin, self._registry, self.config)
        except PluginError as error:
            self._quarantine(plugin, error)

    def _quarantine(self, plugin: Plugin, error: PluginError) -> None:
        plugin.quarantine(error)
        self._note(Decision.QUARANTINE, plugin=plugin.name, reason=error.reason.code, detail=error.detail)

    async def _initialize(self, plugin: Plugin) -> None:
        try:
            await plugin.initialize(self._settings.get("plugins.initialize_timeout_seconds", float))
        except PluginError as error:
            await self._unload(plugin, Phase.QUARANTINED, error.reason, self._cleanup_seconds())
            self._quarantine(plugin, error)
            return
        plugin.rest(Phase.SERVING, Reason.NONE)
        self._rebuild()
        roles = [provider.capability.role for provider in plugin.providers]
        self._note(
            Decision.LOAD, plugin=plugin.name, version=plugin.found.version, roles=roles, dur_ms=plugin.initialize_ms
        )

    async def _unload(self, plugin: Plugin, phase: Phase, reason: Reason, timeout_seconds: float) -> None:
        for problem in await plugin.cleanup(timeout_seconds):
            self._note(Decision.WARN, plugin=plugin.name, reason="cleanup_failed", detail=problem)
        self._registry.unregister(plugin.name)
        plugin.rest(phase, reason)

    async def _reconcile_one(self, plugin: Plugin) -> None:
        async with plugin.changing:
            reason = self._toggles.why_off(plugin.name)
            if reason is Reason.NONE and plugin.phase is Phase.DISABLED:
                await self._enable(plugin)
            elif reason is not Reason.NONE and plugin.phase is Phase.SERVING:
                await self._disable(plugin, reason)
            elif reason is not Reason.NONE and plugin.phase is Phase.QUARANTINED:
                plugin.rest(Phase.DISABLED, reason)

    async def _enable(self, plugin: Plugin) -> None:
        with suppress(PluginError):  # imported off the loop; what is wrong with it is found again below
            await asyncio.to_thread(self._registry.inspect, plugin.found)
        self._load_one(plugin)
        if plugin.phase is Phase.LOADED:
            await self._initialize(plugin)
            self._note(Decision.ENABLE, plugin=plugin.name)

    async def _disable(self, plugin: Plugin, reason: Reason) -> None:
        """Take it out of service at once, let running turns finish (a kill switch does not), clean up."""
        self._note(Decision.DISABLE, plugin=plugin.name, reason=reason.code)
        plugin.rest(Phase.DRAINING, reason)
        self._rebuild()
        try:
            async with asyncio.timeout(self._settings.get("plugins.drain_timeout_seconds", float)):
                for provider in plugin.providers:
                    await provider.idle()
        except TimeoutError:
            self._note(Decision.WARN, plugin=plugin.name, reason="drain_timeout")
        await self._unload(plugin, Phase.DISABLED, reason, self._cleanup_seconds())

    def _cleanup_seconds(self) -> float:
        return self._settings.get("plugins.cleanup_timeout_seconds", float)

    def _providers(self) -> list[Provider]:
        serving = [plugin for plugin in self._plugins.values() if plugin.phase is Phase.SERVING]
        return [provider for plugin in serving for provider in plugin.providers]

    def _rebuild(self) -> None:
        """Replace the routes as a whole: turns that hold the old ones go on with them."""
        providers = self._providers()
        routes = {role: Route(role, self._ordered(role, providers), self._supervision) for role in ROLES}
        self._routes = {role: route for role, route in routes.items() if route.providers}

    def _ordered(self, role: AnyRole, providers: Sequence[Provider]) -> tuple[Provider, ...]:
        ours = [provider for provider in providers if isinstance(provider.capability, role)]
        order = self._toggles.order(role.role, [provider.plugin for provider in ours])
        return tuple(provider for name in order for provider in ours if provider.plugin == name)

    def _patience(self, role: AnyRole) -> float:
        key = _PATIENCE_KEYS.get(role.role, "plugins.stall_timeout_seconds")
        return self._settings.get(key, float)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note(self, decision: Decision, **ctx: Any) -> None:
        level = "WARNING" if decision in _WARNINGS else "INFO"
        self._log.write(decision, scope=SCOPE, level=level, **ctx)


_WARNINGS = frozenset({Decision.QUARANTINE, Decision.WARN, Decision.ERROR, Decision.TRIP, Decision.FALLBACK})
_PATIENCE_KEYS = {
    "memory": "turn.recall_timeout_seconds",
    "filter": "turn.filter_timeout_seconds",
    "tts": "turn.speech_timeout_seconds",
}
