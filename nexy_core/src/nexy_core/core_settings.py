"""The table of every setting the core declares: the one place of its limits, timeouts and ports."""

from collections.abc import Mapping

from nexy_core.capability import ROLES
from nexy_core.settings import Percent, Setting, Value

CORE = "nexy-core"
"""The owner of these keys."""
AUTO = "auto"
"""A host written so takes the environment's default."""
AUTO_HOSTS = frozenset({"grpc.host", "http.host", "update.host"})
KILL_SWITCHES = "kill_switches."
TABLES_OF_PLUGINS: Mapping[str, tuple[str, ...]] = {"updates": ("updates", "update"), "memory": ("memory", "storage")}
"""The settings tables of a plugin, where its name alone does not say it."""
NOT_PLUGIN_NAMES = frozenset({"required", "modules", "module_coordinator", "forward_assistant_actions"})

LOOPBACK = "127.0.0.1"
ANYWHERE = "0.0.0.0"  # noqa: S104  # the canon's default in dev
HOST_BY_ENV: Mapping[str, Value] = {"dev": ANYWHERE, "local": LOOPBACK}
MAX_PORT = 65_535
KIB = 1024
MIB = 1024 * 1024
HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
CANNOT_DO: Mapping[str, str] = {"en": "Sorry, I can't do that here.", "ru": "Извините, здесь я не могу этого сделать."}
GREETING: Mapping[str, str] = {"en": "Hi! Nexy is here. How can I help you?", "ru": "Привет! Я Nexy. Чем помочь?"}


def core_settings() -> tuple[Setting, ...]:
    """Every key of the core; the dynamic ones are ``dynamic_setting``'s."""
    return (
        *_grpc(),
        *_http(),
        *_backpressure(),
        *_session(),
        *_turn(),
        *_features(),
        *_plugins(),
        *_storage(),
        *_log(),
    )


def dynamic_setting(key: str) -> Setting | None:
    """The keys any plugin name makes: ``plugins.<name>.enabled`` and ``kill_switches.disable_<name>``."""
    match key.split("."):
        case ["plugins", name, "enabled"] if name not in NOT_PLUGIN_NAMES:
            return Setting(key, bool, True, f"Load and use the plugin {name}.", live=True)
        case ["kill_switches", switch] if switch.startswith("disable_"):
            name = switch.removeprefix("disable_")
            return Setting(key, bool, False, f"Switch the plugin {name} off at once.", live=True)
    return None


def _port(key: str, default: int, text: str, alias: str) -> Setting:
    return Setting(key, int, default, text, minimum=0, maximum=MAX_PORT, alias=alias)


def _count(key: str, default: int, text: str, *, minimum: int = 1, live: bool = True, **more: int) -> Setting:
    return Setting(key, int, default, text, minimum=minimum, live=live, by_env=more)


def _seconds(key: str, default: float, text: str, *, minimum: float = 0.001, live: bool = True) -> Setting:
    return Setting(key, float, default, text, minimum=minimum, maximum=DAY_SECONDS, live=live)


def _grpc() -> tuple[Setting, ...]:
    return (
        Setting("grpc.host", str, LOOPBACK, "Address of the gRPC port.", by_env=HOST_BY_ENV, alias="GRPC_HOST"),
        _port("grpc.port", 50_051, "The gRPC port; 0 takes a free one.", "GRPC_PORT"),
        Setting(
            "grpc.max_workers",
            int,
            100,
            "Threads for calls that block.",
            by_env={"dev": 10, "prod": 100},
            minimum=1,
            maximum=1000,
            alias="MAX_WORKERS",
        ),
        Setting("grpc.reflection", bool, False, "Answer reflection requests.", by_env={"dev": True}),
        _seconds("grpc.keepalive_seconds", 10, "Ask a silent client for a sign of life this often.", live=False),
        _seconds("grpc.keepalive_timeout_seconds", 5, "Drop a client that gives none for this long.", live=False),
        _seconds("grpc.handshake_timeout_seconds", 10, "Drop a connection that has said nothing by then.", live=False),
        _count("grpc.max_connection_streams", 1000, "HTTP/2 streams on one connection.", live=False),
        Setting("tls.cert", str, "", "PEM file of the certificate chain; empty: no TLS on the gRPC port."),
        Setting("tls.key", str, "", "PEM file of the certificate's private key."),
        _seconds("shutdown.grace_seconds", 5, "What running calls get to end before they are cut."),
    )


def _http() -> tuple[Setting, ...]:
    return (
        Setting("http.host", str, LOOPBACK, "Address of the HTTP port.", by_env=HOST_BY_ENV, alias="HTTP_HOST"),
        _port("http.port", 8080, "Health, status, metrics and console; 0 takes a free one.", "HTTP_PORT"),
        Setting("http.console", bool, False, "Serve the web console.", by_env={"local": True, "dev": True}),
        Setting(
            "http.status_details",
            bool,
            True,
            "Tell the whole status; off: the state alone.",
            live=True,
        ),
        _seconds("http.max_age_seconds", 30, "Cache-Control max-age of /health.", minimum=0, live=False),
        _seconds("http.request_timeout_seconds", 10, "End a request that takes longer.", live=False),
        Setting("update.host", str, LOOPBACK, "Address of the updates port.", by_env=HOST_BY_ENV, alias="UPDATE_HOST"),
        _port("update.port", 8081, "The updates port; 0 takes a free one.", "UPDATE_PORT"),
    )


def _by_env(dev: int, stage: int, prod: int) -> Mapping[str, Value]:
    return {"dev": dev, "stage": stage, "prod": prod}


def _limit(key: str, by_env: Mapping[str, Value], text: str, alias: str) -> Setting:
    return Setting(key, int, by_env["prod"], text, by_env=by_env, minimum=1, maximum=100_000, alias=alias, live=True)


def _backpressure() -> tuple[Setting, ...]:
    table = "backpressure."
    return (
        _limit(
            table + "max_concurrent_streams",
            _by_env(10, 25, 50),
            "Turns and welcomes running at once, on the whole server.",
            "BACKPRESSURE_MAX_STREAMS",
        ),
        _limit(
            table + "max_message_rate_per_second",
            _by_env(5, 8, 10),
            "Messages a second from one device, COLLECT aside.",
            "BACKPRESSURE_MAX_RATE",
        ),
        _limit(
            table + "idle_timeout_seconds",
            _by_env(60, 180, 300),
            "End a stream without a message or a running turn for this long.",
            "BACKPRESSURE_IDLE_TIMEOUT",
        ),
        _count(table + "max_collect_rate_per_second", 20, "COLLECT messages a second from one device."),
        _seconds(table + "stall_timeout_seconds", 30, "End a turn whose client reads nothing for this long."),
        _seconds(table + "max_turn_seconds", 600, "End a turn that lasts longer."),
        _seconds(table + "retry_after_seconds", 60, "What a client refused for want of a slot should wait."),
        _seconds(table + "max_speech_backlog_seconds", 4, "Refuse turns while the speech owed takes longer to make."),
        _count(table + "max_message_bytes", 50 * MIB, "Size of one message.", live=False, minimum=KIB),
        _count(table + "max_screenshot_bytes", 48 * MIB, "Size of a screenshot, in base64.", minimum=KIB),
        _count(table + "max_screenshot_pixels", 4096 * 4096, "Width times height of a screenshot.", minimum=KIB),
        _count(table + "max_prompt_chars", 32_000, "Length of a prompt."),
        _count(table + "max_id_chars", 128, "Length of an id."),
        _count(table + "max_collect_buffers", 1000, "COLLECT buffers kept at once."),
        _count(table + "max_collect_bytes", 256 * MIB, "What all COLLECT buffers hold together.", minimum=KIB),
        _seconds(table + "collect_ttl_seconds", 120, "Drop a COLLECT buffer that gets no COMMIT in this time."),
        _count(table + "max_devices", 10_000, "Devices whose rate is kept at once."),
    )


def _session() -> tuple[Setting, ...]:
    return (
        Setting(
            "session.require_session_id",
            bool,
            True,
            "Refuse a StreamAudio request without session_id, as the oldest clients send.",
            live=True,
        ),
        _seconds("session.ttl_seconds", HOUR_SECONDS, "Forget a session that is idle for this long."),
        _count("session.max_sessions", 10_000, "Sessions kept at once; the longest idle goes first."),
    )


def _turn() -> tuple[Setting, ...]:
    table = "turn."
    return (
        _count(table + "lookahead_pieces", 3, "Pieces the model may be ahead of the voice."),
        _count(table + "max_sentence_chars", 400, "A longer sentence is cut.", minimum=20),
        _count(table + "max_answer_chars", 20_000, "The rest of a longer answer is not delivered."),
        _count(table + "max_action_chars", 16_000, "A longer JSON answer is no action."),
        _count(table + "audio_chunk_bytes", 4096, "Size of an audio chunk; it is made even.", minimum=2),
        _seconds(table + "recall_timeout_seconds", 0.15, "Go on without memories that take longer."),
        _seconds(table + "filter_timeout_seconds", 1, "Go on without a filter that takes longer for a piece."),
        _seconds(table + "speech_timeout_seconds", 30, "Show a piece unspoken when no sound comes for this long."),
        _seconds(table + "greeting_timeout_seconds", 30, "End a welcome that takes longer."),
        _seconds(table + "interrupt_timeout_seconds", 0.05, "Stop all of a device's turns when the policy is slower."),
        _count(table + "trace_ring", 200, "Ended turns kept for `nexy explain`.", live=False),
        _seconds(table + "remember_timeout_seconds", 10, "Give up on remembering a turn after this long."),
        Setting(
            table + "action_transport",
            str,
            "mcp_text",
            "How an action reaches the client: in a text chunk with the prefix __MCP__, or as an action_message.",
            choices=("mcp_text", "action_message"),
            live=True,
        ),
        Setting(
            table + "language",
            str,
            "en",
            "Language of a prompt that shows none.",
            live=True,
        ),
        Setting(
            table + "phrases.cannot_do",
            dict,
            dict(CANNOT_DO),
            "Spoken, by language, instead of an action that is not forwarded.",
            live=True,
        ),
        Setting(
            table + "phrases.greeting",
            dict,
            dict(GREETING),
            "The welcome's words, by language, when the client sends none.",
            live=True,
        ),
    )


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
        _seconds(table + "initialize_timeout_seconds", 60, "A plugin that takes longer to start is set aside."),
        _seconds(table + "cleanup_timeout_seconds", 3, "Leave a plugin that takes longer to stop."),
        _seconds(table + "drain_timeout_seconds", 60, "A plugin switched off is stopped under turns that take longer."),
        _seconds(table + "stall_timeout_seconds", 60, "Give up a capability that is silent for this long."),
        _count(table + "breaker_failures", 5, "Failures in a row after which a capability rests."),
        _seconds(table + "breaker_reset_seconds", 15, "How long it rests before one request tries it again."),
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
        _count(table + "max_file_bytes", 20 * MIB, "A log file of this size is closed and compressed.", live=False),
        _count(table + "keep_files", 10, "Closed log files kept.", live=False),
        _count(table + "buffer_lines", 10_000, "Lines waiting for the disk; more are counted and dropped.", live=False),
        Setting(
            table + "foreign_text",
            bool,
            False,
            "Log what other libraries say. Off: who spoke and how much, for their words may hold what users said.",
            live=True,
        ),
        _seconds("metrics.interval_seconds", 60, "How often the metrics are logged.", minimum=1),
    )
