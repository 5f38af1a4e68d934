"""The settings of nexy-memory: what it keeps, for how long, and how much of it a turn sees."""

from nexy_core import Setting

URL_SCHEMES = ("sqlite:///", "postgresql://")
EMPTY = ""


def _check_url(value: object) -> str:
    if value == EMPTY or str(value).startswith(URL_SCHEMES):
        return ""
    return "write sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME, or leave it empty"


STORAGE = (
    Setting(
        "storage.url",
        str,
        EMPTY,
        "Where data is kept: sqlite:///PATH or postgresql://…; empty: nexy.sqlite in storage.data_dir.",
        secret=True,
        check=_check_url,
    ),
    Setting(
        "storage.key",
        str,
        EMPTY,
        "Key that hashes device ids, the same on all servers of one database; empty: a key file is beside the data.",
        secret=True,
    ),
    Setting("storage.readers", int, 2, "Threads that read at once.", minimum=1, maximum=64),
    Setting("storage.queue_max", int, 10_000, "Writes that may wait before new ones are refused.", minimum=1),
    Setting("storage.batch_max", int, 500, "Writes that share one commit at most.", minimum=1),
    Setting(
        "storage.write_timeout_seconds", float, 5.0, "How long a write waits for another process's lock.", minimum=0.05
    ),
    Setting("storage.outbox_max", int, 1_000, "Turns kept for a retry while nothing can be written.", minimum=0),
    Setting("storage.keep_usage_days", int, 400, "Age at which usage counts are deleted; 0: never.", minimum=0),
)

MEMORY = (
    Setting(
        "memory.consent",
        bool,
        False,
        "Whether users who said neither yes nor no are remembered beyond the session.",
        live=True,
    ),
    Setting(
        "memory.history_scope",
        str,
        "device",
        "Which earlier turns a question sees, the device's or its session's. Clients start a session per key press.",
        choices=("device", "session"),
    ),
    Setting(
        "memory.history_turns", int, 8, "Earlier turns a question sees at most.", minimum=0, maximum=100, live=True
    ),
    Setting(
        "memory.history_tokens", int, 600, "Size of those turns at most, in estimated tokens.", minimum=0, live=True
    ),
    Setting("memory.sessions_max", int, 10_000, "Conversations kept in process memory at most.", minimum=1),
    Setting("memory.facts_max", int, 5, "Remembered facts a question sees at most.", minimum=0, maximum=50, live=True),
    Setting("memory.facts_tokens", int, 200, "Size of those facts at most, in estimated tokens.", minimum=0, live=True),
    Setting("memory.memories_max", int, 2_000, "Memories kept for one user; the oldest make room.", minimum=1),
    Setting(
        "memory.recall_timeout_ms",
        int,
        120,
        "How long a question waits for the database at most.",
        minimum=1,
        live=True,
    ),
    Setting(
        "memory.semantic",
        str,
        "auto",
        "Rank by meaning as well as by words: auto (when nexy-memory[semantic] is installed), on or off.",
        choices=("auto", "on", "off"),
    ),
    Setting(
        "memory.model",
        str,
        EMPTY,
        "A capable litellm model that notices facts and summarises in the background; empty: none. Not a small one.",
    ),
    Setting("memory.api_base", str, EMPTY, "Where that model is, if not at its provider."),
    Setting("memory.api_key", str, EMPTY, "Key for that model.", secret=True),
    Setting("memory.model_timeout_seconds", float, 30.0, "How long that model may take.", minimum=0.1, live=True),
    Setting("memory.keep_turns_days", int, 30, "Age at which turns are deleted; 0: never.", minimum=0),
    Setting("memory.keep_facts_days", int, 0, "Age at which facts told explicitly are deleted; 0: never.", minimum=0),
    Setting(
        "memory.keep_extracted_days",
        int,
        365,
        "Age at which facts noticed by a model are deleted; 0: never.",
        minimum=0,
    ),
)


def declared() -> tuple[Setting, ...]:
    """Every setting of this plugin."""
    return STORAGE + MEMORY
