"""What /status says: everything an operator asks first."""

import os
import platform
import time
from collections.abc import Sequence
from enum import StrEnum
from importlib import metadata
from typing import Any

import attrs

from nexy_core.config import Config
from nexy_core.decisions import DecisionLog
from nexy_core.events import Health
from nexy_core.host import Host
from nexy_core.metrics import Metrics
from nexy_core.metrics.objectives import held
from nexy_core.plugins.reasons import Phase, PluginState
from nexy_core.trace import TraceRing
from nexy_core.transport.desk import Desk
from nexy_core.transport.options import exposed_ports

UNWELL = frozenset({Health.DEGRADED, Health.FAILED})
WELL = frozenset({Phase.SERVING, Phase.DISABLED})
UPDATES_ROLE = "updates"


class ServerState(StrEnum):
    """One word for the whole server."""

    OK = "ok"
    DEGRADED = "degraded"
    NOT_READY = "not_ready"
    DRAINING = "draining"


@attrs.define(eq=False)
class StatusSources:
    """What the site reads; it changes nothing."""

    config: Config
    host: Host
    metrics: Metrics
    desk: Desk
    traces: TraceRing
    log: DecisionLog
    started: float = attrs.field(factory=time.monotonic)

    def ready(self) -> bool:
        """Whether new turns are taken."""
        return self.host.ready() and not self.desk.draining

    def state(self) -> ServerState:
        """What serves, in a word."""
        if self.desk.draining:
            return ServerState.DRAINING
        if not self.host.ready():
            return ServerState.NOT_READY
        well = all(plugin.state in WELL and plugin.health not in UNWELL for plugin in self.host.states())
        return ServerState.OK if well and not self.log.failing() else ServerState.DEGRADED

    async def status(self) -> dict[str, Any]:
        """Everything an operator asks first. No secret, no id."""
        plugins, metrics = self.host.states(), self.metrics.snapshot()
        totals = await self.desk.orchestrator.usage_totals()
        return {
            "state": self.state(),
            "version": metadata.version("nexy-core"),
            "python": platform.python_version(),
            "env": self.config.live.current.env,
            "pid": os.getpid(),
            "warnings": self._warnings(),
            "uptime_seconds": round(time.monotonic() - self.started, 1),
            "plugins": [plugin.as_dict() for plugin in plugins],
            "updates": _updates(plugins),
            "limits": self._limits(),
            "switches": self._switches(),
            "objectives": [one.as_dict() for one in held(metrics, self.config.live)],
            "refusals": self.metrics.refusals(),
            "log": {"lost_lines": self.log.lost, "failing": self.log.failing()},
            "usage": attrs.asdict(totals),
            "metrics": metrics,
        }

    def _warnings(self) -> list[str]:
        exposed = ["listening_without_tls"] if exposed_ports(self.config.live) else []
        return exposed + (["log_unwritable"] if self.log.failing() else [])

    def _limits(self) -> dict[str, float]:
        desk, settings = self.desk, self.config.live

        def most(name: str) -> int:
            return settings.get(f"backpressure.{name}", int)

        return {
            "turns": len(desk.turns),
            "max_turns": most("max_concurrent_streams"),
            "streams": len(desk.streams),
            "slots_used": desk.admission.slots_used,
            "collect_buffers": len(desk.collected),
            "max_collect_buffers": most("max_collect_buffers"),
            "speech_backlog_seconds": round(desk.orchestrator.speech_backlog_seconds(), 2),
            "max_speech_backlog_seconds": settings.get("backpressure.max_speech_backlog_seconds", float),
            "max_message_rate_per_second": most("max_message_rate_per_second"),
        }

    def _switches(self) -> dict[str, Any]:
        current = self.config.live.current
        return {
            key: {"value": value, "source": current.sources.get(key, "default")}
            for key, value in current.values.items()
            if key.startswith(("features.", "kill_switches."))
        }


def _updates(plugins: Sequence[PluginState]) -> dict[str, Any]:
    """How the update site is, from the plugin that has it."""
    found = next((plugin for plugin in plugins if UPDATES_ROLE in plugin.roles), None)
    if found is None:
        return {"state": "absent"}
    return {"state": found.health or found.state.value, "reason": found.detail, **found.figures}
