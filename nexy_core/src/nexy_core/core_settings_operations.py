"""The second half of the core's table: features, plugins, storage, the log, the objectives."""

from nexy_core.capability import ROLES
from nexy_core.setting_shapes import count, seconds
from nexy_core.settings import Percent, Setting

KILL_SWITCHES = "kill_switches."
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MIB = 1024 * 1024


def operations_settings() -> tuple[Setting, ...]:
    """What an operator switches and watches."""
    return (*_features(), *_plugins(), *_storage(), *_log(), *_objectives())


def _features() -> tuple[Setting, ...]:
    return (
        Setting(
            "features.use_module_coordinator",
            bool,
            True,
            "Load plugins; off: the core alone, and turns are refused.",
            alias="USE_MODULE_COORDINATOR",
            live=True,
        ),
        Setting(
            "features.forward_assistant_actions",
            Percent,
            False,
            "Forward the assistant's actions to clients: all, none or a share of the devices.",
            live=True,
        ),
        Setting(
            KILL_SWITCHES + "disable_module_coordinator",
            bool,
            False,
            "The core alone, at once.",
            alias="NEXY_KS_DISABLE_MODULE_COORDINATOR",
            live=True,
        ),
        Setting(
            KILL_SWITCHES + "disable_forward_assistant_actions",
            bool,
            False,
            "Forward no action, at once.",
            alias="NEXY_KS_DISABLE_FORWARD_ASSISTANT_ACTIONS",
            live=True,
        ),
    )


def _plugins() -> tuple[Setting, ...]:
    table = "plugins."
    order = (
        Setting(
            f"roles.{role.role}",
            list,
            [],
            f"Plugins that may serve {role.role}, the first one first; empty: all.",
            live=True,
        )
        for role in ROLES
    )
    return (
        Setting(table + "required", list, ["llm"], "Without these the server says it does not serve.", live=True),
        Setting(table + "modules", list, [], "Further plugins, each name=module or name=module:object; for tests."),
        seconds(table + "initialize_timeout_seconds", 60, "A plugin that takes longer to start is set aside."),
        seconds(table + "cleanup_timeout_seconds", 3, "Leave a plugin that takes longer to stop."),
        seconds(table + "drain_timeout_seconds", 60, "A plugin switched off is stopped under turns that take longer."),
        seconds(table + "block_timeout_seconds", 0.5, "Holding the event loop for longer is a failure."),
        seconds(table + "stall_timeout_seconds", 60, "Give up a capability that is silent for this long."),
        count(table + "breaker_failures", 5, "Failures in a row after which a capability rests."),
        seconds(table + "breaker_reset_seconds", 15, "How long it rests before one request tries it again."),
        *order,
    )


def _storage() -> tuple[Setting, ...]:
    return (Setting("storage.data_dir", str, "data", "Folder of everything the server keeps."),)


def _log() -> tuple[Setting, ...]:
    table = "log."
    return (
        Setting(table + "level", str, "INFO", "The lowest level that is logged.", choices=LOG_LEVELS, live=True),
        Setting(table + "dir", str, "", "Folder of the log files; empty: logs, inside storage.data_dir."),
        Setting(table + "files", bool, True, "Write log files."),
        Setting(table + "console", bool, True, "Write decision lines to standard error."),
        count(table + "max_file_bytes", 20 * MIB, "A log file of this size is closed and compressed.", live=False),
        count(table + "keep_files", 10, "Closed log files kept.", live=False),
        count(table + "buffer_lines", 10_000, "Lines waiting for the disk; more are counted and dropped.", live=False),
        Setting(
            table + "foreign_text",
            bool,
            False,
            "Log what other libraries say. Off: who spoke and how much, for their words may hold what users said.",
            live=True,
        ),
        seconds("metrics.interval_seconds", 60, "How often the metrics are logged.", minimum=1),
    )


def _objectives() -> tuple[Setting, ...]:
    table = "slo."
    return (
        seconds(table + "window_seconds", 900, "What `nexy guard` looks at.", minimum=1),
        Setting(
            table + "p95_latency_ms", float, 1000, "Longest time to the first words of a turn.", minimum=1, live=True
        ),
        Setting(table + "error_rate", float, 0.05, "Share of errors.", minimum=0, maximum=1, live=True),
        Setting(table + "refusal_rate", float, 0.05, "Share of refusals.", minimum=0, maximum=1, live=True),
        Setting(table + "degrade_rate", float, 0.2, "Share of turns without a part.", minimum=0, maximum=1, live=True),
    )
