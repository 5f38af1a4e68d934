"""The table of every setting the core declares: the one place of its limits, timeouts and ports."""

from collections.abc import Mapping

from nexy_core.core_settings_operations import KILL_SWITCHES, LOG_LEVELS, operations_settings
from nexy_core.setting_shapes import by_env, count, limit, port, seconds
from nexy_core.settings import Percent, Setting, Value

__all__ = [
    "AUTO",
    "AUTO_HOSTS",
    "CORE",
    "KILL_SWITCHES",
    "LOG_LEVELS",
    "TABLES_OF_PLUGINS",
    "core_settings",
    "dynamic_setting",
]

CORE = "nexy-core"
"""The owner of these keys."""
AUTO = "auto"
"""A host written so takes the environment's default."""
AUTO_HOSTS = frozenset({"grpc.host", "http.host", "update.host"})
TABLES_OF_PLUGINS: Mapping[str, tuple[str, ...]] = {"updates": ("updates", "update"), "memory": ("memory", "storage")}
"""The settings tables of a plugin, where its name alone does not say it."""
NOT_PLUGIN_NAMES = frozenset({"required", "modules", "module_coordinator", "forward_assistant_actions"})

LOOPBACK = "127.0.0.1"
ANYWHERE = "0.0.0.0"  # noqa: S104  # the canon's default in dev
HOST_BY_ENV: Mapping[str, Value] = {"dev": ANYWHERE, "local": LOOPBACK}
KIB = 1024
MIB = 1024 * 1024
HOUR_SECONDS = 3600
CANNOT_DO: Mapping[str, str] = {"en": "Sorry, I can't do that here.", "ru": "Извините, здесь я не могу этого сделать."}
GREETING: Mapping[str, str] = {"en": "Hi! Nexy is here. How can I help you?", "ru": "Привет! Я Nexy. Чем помочь?"}


def core_settings() -> tuple[Setting, ...]:
    """Every key of the core; the dynamic ones are ``dynamic_setting``'s."""
    return (*_grpc(), *_http(), *_backpressure(), *_session(), *_turn(), *operations_settings())


def dynamic_setting(key: str) -> Setting | None:
    """The keys any plugin name makes: ``plugins.<name>.enabled`` and ``.percent``, ``kill_switches.disable_<name>``."""
    match key.split("."):
        case ["plugins", name, "enabled"] if name not in NOT_PLUGIN_NAMES:
            return Setting(key, bool, True, f"Load and use the plugin {name}.", live=True)
        case ["plugins", name, "percent"] if name not in NOT_PLUGIN_NAMES:
            return Setting(
                key, Percent, True, f"The share of the devices whose turns use the plugin {name}.", live=True
            )
        case ["kill_switches", switch] if switch.startswith("disable_"):
            name = switch.removeprefix("disable_")
            return Setting(key, bool, False, f"Switch the plugin {name} off at once.", live=True)
    return None


def _grpc() -> tuple[Setting, ...]:
    return (
        Setting("grpc.host", str, LOOPBACK, "Address of the gRPC port.", by_env=HOST_BY_ENV, alias="GRPC_HOST"),
        port("grpc.port", 50_051, "The gRPC port; 0 takes a free one.", "GRPC_PORT"),
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
        seconds("grpc.keepalive_seconds", 10, "Ask a silent client for a sign of life this often.", live=False),
        seconds("grpc.keepalive_timeout_seconds", 5, "Drop a client that gives none for this long.", live=False),
        seconds("grpc.handshake_timeout_seconds", 10, "Drop a connection that has said nothing by then.", live=False),
        count("grpc.max_connection_streams", 1000, "HTTP/2 streams on one connection.", live=False),
        Setting("tls.cert", str, "", "PEM file of the certificate chain; empty: no TLS on the gRPC port."),
        Setting("tls.key", str, "", "PEM file of the certificate's private key."),
        seconds("shutdown.grace_seconds", 5, "What running calls get to end before they are cut."),
    )


def _http() -> tuple[Setting, ...]:
    return (
        Setting("http.host", str, LOOPBACK, "Address of the HTTP port.", by_env=HOST_BY_ENV, alias="HTTP_HOST"),
        port("http.port", 8080, "Health, status, metrics and console; 0 takes a free one.", "HTTP_PORT"),
        Setting("http.console", bool, False, "Serve the web console.", by_env={"local": True, "dev": True}),
        seconds("http.max_age_seconds", 30, "Cache-Control max-age of /health.", minimum=0, live=False),
        Setting("update.host", str, LOOPBACK, "Address of the updates port.", by_env=HOST_BY_ENV, alias="UPDATE_HOST"),
        port("update.port", 8081, "The updates port; 0 takes a free one.", "UPDATE_PORT"),
    )


def _backpressure() -> tuple[Setting, ...]:
    table = "backpressure."
    return (
        limit(
            table + "max_concurrent_streams",
            by_env(10, 25, 50),
            "Turns and welcomes running at once, on the whole server.",
            "BACKPRESSURE_MAX_STREAMS",
        ),
        limit(
            table + "max_message_rate_per_second",
            by_env(5, 8, 10),
            "Messages a second from one device, COLLECT aside.",
            "BACKPRESSURE_MAX_RATE",
        ),
        limit(
            table + "idle_timeout_seconds",
            by_env(60, 180, 300),
            "End a stream without a message or a running turn for this long.",
            "BACKPRESSURE_IDLE_TIMEOUT",
        ),
        count(table + "max_collect_rate_per_second", 20, "COLLECT messages a second from one device."),
        seconds(table + "stall_timeout_seconds", 30, "End a turn whose client reads nothing for this long."),
        seconds(table + "max_turn_seconds", 600, "End a turn that lasts longer."),
        seconds(table + "retry_after_seconds", 60, "What a client refused for want of a slot should wait."),
        seconds(table + "max_speech_backlog_seconds", 4, "Refuse turns while the speech owed takes longer to make."),
        count(table + "max_open_streams", 20_000, "Streams open at once, with or without a turn."),
        seconds(table + "speech_per_turn_seconds", 8, "Speech that a running turn is expected to owe.", minimum=0),
        count(table + "max_message_bytes", 50 * MIB, "Size of one message.", live=False, minimum=KIB),
        count(table + "max_screenshot_bytes", 48 * MIB, "Size of a screenshot, in base64.", minimum=KIB),
        count(table + "max_screenshot_pixels", 4096 * 4096, "Width times height of a screenshot.", minimum=KIB),
        count(table + "max_prompt_chars", 32_000, "Length of a prompt."),
        count(table + "max_id_chars", 128, "Length of an id."),
        count(table + "max_collect_buffers", 1000, "COLLECT buffers kept at once."),
        count(table + "max_collect_bytes", 256 * MIB, "What all COLLECT buffers hold together.", minimum=KIB),
        seconds(table + "collect_ttl_seconds", 120, "Drop a COLLECT buffer that gets no COMMIT in this time."),
        count(table + "max_devices", 10_000, "Devices whose rate is kept at once."),
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
        seconds("session.ttl_seconds", HOUR_SECONDS, "Forget a session that is idle for this long."),
    )


def _turn() -> tuple[Setting, ...]:
    table = "turn."
    return (
        count(table + "lookahead_pieces", 3, "Pieces the model may be ahead of the voice."),
        count(table + "max_sentence_chars", 400, "A longer sentence is cut.", minimum=20),
        count(table + "max_answer_chars", 20_000, "The rest of a longer answer is not delivered."),
        count(table + "audio_chunk_bytes", 4096, "Size of an audio chunk; it is made even.", minimum=2),
        seconds(table + "recall_timeout_seconds", 0.15, "Go on without memories that take longer."),
        seconds(table + "filter_timeout_seconds", 1, "Go on without a filter that takes longer for a piece."),
        seconds(table + "speech_timeout_seconds", 30, "Show a piece unspoken when no sound comes for this long."),
        seconds(table + "greeting_timeout_seconds", 30, "End a welcome that takes longer."),
        seconds(table + "interrupt_timeout_seconds", 0.05, "Stop all of a device's turns when the policy is slower."),
        count(table + "trace_ring", 200, "Ended turns, and as many refused ones, kept for `nexy explain`.", live=False),
        seconds(table + "remember_timeout_seconds", 10, "Give up on remembering a turn after this long."),
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
