"""Why a plugin does not serve, and the states it can be in."""

from enum import Enum, StrEnum

import attrs


class Phase(StrEnum):
    """Where a plugin is in its life."""

    FOUND = "found"
    LOADED = "loaded"
    SERVING = "serving"
    TRIPPED = "tripped"
    DRAINING = "draining"
    DISABLED = "disabled"
    QUARANTINED = "quarantined"
    STOPPED = "stopped"


class Reason(Enum):
    """Why a plugin does not serve: code, what happened, what to do. The documentation's table is made from these."""

    NONE = ("", "", "")
    DISABLED = (
        "disabled",
        "The operator switched it off with plugins.NAME.enabled = false. It was not imported.",
        "Set plugins.NAME.enabled = true, or run `nexy plugins enable NAME`.",
    )
    KILLED = (
        "killed",
        "Its kill switch kill_switches.disable_NAME is on.",
        "Turn the kill switch off in every source: it is on when any of them says so.",
    )
    CORE_ONLY = (
        "core_only",
        "features.use_module_coordinator is false, or its kill switch is on: no plugin is loaded.",
        "Set features.use_module_coordinator = true and kill_switches.disable_module_coordinator = false.",
    )
    NOT_INSTALLED = (
        "not_installed",
        "A setting names it, but no installed wheel offers it in the entry-point group nexy.plugins.",
        "Install its wheel into the server's environment, or correct the name in plugins.required or roles.",
    )
    RESERVED_NAME = (
        "reserved_name",
        "Its entry point has a name the settings need, or one that is not lower-case letters, digits and underscores.",
        "Rename the entry point, for example to my_voice.",
    )
    DUPLICATE_NAME = (
        "duplicate_name",
        "Two installed wheels offer a plugin of this name; neither is loaded, because either could be meant.",
        "Uninstall one of the two, or ask its author to rename the entry point.",
    )
    WRONG_CORE_VERSION = (
        "wrong_core_version",
        "Its wheel asks for another version of nexy-core than the one that runs. It was not imported.",
        "Install a release of the plugin made for this core, or change the core.",
    )
    IMPORT_FAILED = (
        "import_failed",
        "Its module raised an exception while it was imported.",
        "Install what is missing, then try `python -c 'import MODULE'` in the server's environment.",
    )
    EXITED_AT_IMPORT = (
        "exited_at_import",
        "Its module tried to end the process while it was imported.",
        "Report it to the author: a plugin's module must not call sys.exit.",
    )
    NO_HOOKS = (
        "no_hooks",
        "Its module implements no hook, so there is nothing it could do.",
        "Mark its functions with @hookimpl, and check that the entry point names the module that holds them.",
    )
    BAD_SIGNATURE = (
        "bad_signature",
        "One of its hooks asks for an argument that the hook does not have.",
        "Compare the signature with the reference of hooks.",
    )
    UNKNOWN_HOOK = (
        "unknown_hook",
        "It implements a hook that does not exist: most likely a misspelling.",
        "Compare the name with the reference of hooks.",
    )
    ASYNC_HOOK = (
        "async_hook",
        "One of its hooks is an async function; hooks are called synchronously.",
        "Make the hook a plain function and do the waiting in initialize().",
    )
    HOOK_RAISED = (
        "hook_raised",
        "One of its hooks raised an exception.",
        "Read the error beside this reason; settings may be incomplete, otherwise report it to the author.",
    )
    BAD_CAPABILITY = (
        "bad_capability",
        "nexy_capabilities() handed over something that is not a capability of a known role.",
        "Subclass one of the roles of nexy_core, and make process() an async generator.",
    )
    BAD_SETTING = (
        "bad_setting",
        "nexy_settings() declared something that is not a Setting, or a key that somebody else owns.",
        "Declare keys in a table of the plugin's own name.",
    )
    INITIALIZE_RAISED = (
        "initialize_raised",
        "initialize() raised an exception.",
        "Read the error beside this reason; `nexy doctor` may say what is missing.",
    )
    INITIALIZE_TIMED_OUT = (
        "initialize_timed_out",
        "initialize() took longer than plugins.initialize_timeout_seconds.",
        "Look for a slow download or connection, or raise plugins.initialize_timeout_seconds.",
    )
    BREAKER_OPEN = (
        "breaker_open",
        "It failed plugins.breaker_failures times in a row and rests for plugins.breaker_reset_seconds.",
        "Nothing, if it comes back by itself with the next probe; otherwise read its errors in the log.",
    )

    def __init__(self, code: str, text: str, remedy: str) -> None:
        self.code = code
        self.text = text
        self.remedy = remedy


@attrs.frozen
class PluginState:
    """One plugin as ``/status`` and ``nexy plugins`` show it; ``detail`` is free of secrets.

    ``health`` is the worst that a serving plugin's capabilities say of themselves, "" when it does not serve.
    """

    name: str
    version: str
    state: Phase
    reason: Reason = Reason.NONE
    detail: str = ""
    roles: tuple[str, ...] = ()
    distribution: str = ""
    failures: int = 0
    figures: dict[str, float | int | str] = attrs.field(factory=dict)
    health: str = ""

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "name": self.name,
            "version": self.version,
            "state": self.state.value,
            "health": self.health,
            "reason": self.reason.code,
            "detail": self.detail,
            "remedy": self.reason.remedy.replace("NAME", self.name),
            "roles": list(self.roles),
            "distribution": self.distribution,
            "failures": self.failures,
            "figures": dict(self.figures),
        }


class PluginError(Exception):
    """A plugin is broken; carries the reason. ``detail`` is a short text that names the cause."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
