"""One plugin through its life: found, loaded, serving, draining, gone."""

import asyncio
import time

import attrs

from nexy_core.config import Config
from nexy_core.errors import ConfigError
from nexy_core.events import Health
from nexy_core.plugins.bounded import bounded
from nexy_core.plugins.breaker import Breaker
from nexy_core.plugins.discovery import Found
from nexy_core.plugins.loader import AnyCapability, Loaded, Registry, describe
from nexy_core.plugins.reasons import Phase, PluginError, PluginState, Reason
from nexy_core.plugins.route import Provider
from nexy_core.settings import LiveSettings, Setting

_BADNESS = (Health.READY, Health.STARTING, Health.DEGRADED, Health.STOPPED, Health.FAILED)


@attrs.define(eq=False)
class Plugin:
    """What the host knows of one entry point."""

    found: Found
    phase: Phase = Phase.FOUND
    reason: Reason = Reason.NONE
    detail: str = ""
    loaded: Loaded | None = None
    providers: tuple[Provider, ...] = ()
    initialize_ms: int = 0
    changing: asyncio.Lock = attrs.field(factory=asyncio.Lock)

    @property
    def name(self) -> str:
        return self.found.name

    @property
    def serves(self) -> bool:
        """Whether every capability of it takes calls."""
        return self.phase is Phase.SERVING and all(provider.serves() for provider in self.providers)

    def rest(self, phase: Phase, reason: Reason, detail: str = "") -> None:
        """It does not serve, and why."""
        self.phase, self.reason, self.detail = phase, reason, detail

    def quarantine(self, error: PluginError) -> None:
        """It is broken."""
        self.rest(Phase.QUARANTINED, error.reason, error.detail)

    def adopt(self, loaded: Loaded, capabilities: tuple[AnyCapability, ...], settings: LiveSettings) -> None:
        """It is registered; its capabilities wait for ``initialize``."""
        self.loaded = loaded
        self.providers = tuple(
            Provider(
                self.name,
                capability,
                Breaker(
                    lambda: settings.get("plugins.breaker_failures", int),
                    lambda: settings.get("plugins.breaker_reset_seconds", float),
                ),
            )
            for capability in capabilities
        )
        self.rest(Phase.LOADED, Reason.NONE)

    async def initialize(self, timeout_seconds: float) -> None:
        """Make every capability ready. Raises ``PluginError``."""
        started = time.monotonic()
        for provider in self.providers:
            error = await bounded(provider.capability.initialize, timeout_seconds)
            if isinstance(error, TimeoutError):
                raise PluginError(Reason.INITIALIZE_TIMED_OUT, str(error))
            if error is not None:
                raise PluginError(Reason.INITIALIZE_RAISED, describe(error))
        self.initialize_ms = round((time.monotonic() - started) * 1000)

    async def cleanup(self, timeout_seconds: float) -> list[str]:
        """Release every capability, the last first. Returns what went wrong."""
        errors = [await bounded(provider.capability.cleanup, timeout_seconds) for provider in reversed(self.providers)]
        self.providers, self.loaded = (), None
        return [describe(error) for error in errors if error is not None]

    def state(self) -> PluginState:
        """A snapshot for people and machines."""
        phase, reason = self.phase, self.reason
        if phase is Phase.SERVING and any(provider.breaker.is_open for provider in self.providers):
            phase, reason = Phase.TRIPPED, Reason.BREAKER_OPEN
        statuses = [provider.status() for provider in self.providers] if self.phase is Phase.SERVING else []
        return PluginState(
            name=self.name,
            version=self.found.version,
            state=phase,
            reason=reason,
            detail=self.detail or "; ".join(status.reason for status in statuses if status.reason),
            roles=tuple(provider.capability.role for provider in self.providers),
            distribution=self.found.distribution,
            failures=sum(provider.breaker.failures for provider in self.providers),
            figures={key: value for status in statuses for key, value in status.figures.items()},
            health=max((status.health for status in statuses), key=_BADNESS.index, default=""),
        )


def load(plugin: Plugin, registry: Registry, config: Config) -> None:
    """Import, check and register ``plugin``. Raises ``PluginError``."""
    loaded = registry.inspect(plugin.found)
    _declare(plugin.name, loaded.settings, config)
    plugin.adopt(loaded, registry.register(plugin.name, loaded), config.live)


def _declare(name: str, settings: tuple[Setting, ...], config: Config) -> None:
    """Add the plugin's keys, once in the life of the process."""
    keys = [setting.key for setting in settings]
    if len(set(keys)) < len(keys):
        raise PluginError(Reason.BAD_SETTING, "it declares a key twice")
    if keys and all(config.declared.get(key, ("", None))[0] == name for key in keys):
        return
    try:
        config.declare(name, settings)
    except ConfigError as error:
        raise PluginError(Reason.BAD_SETTING, str(error)) from error
    except Exception as error:  # isolation: a Setting may hold anything
        raise PluginError(Reason.BAD_SETTING, describe(error)) from error
