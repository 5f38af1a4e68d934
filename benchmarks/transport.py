"""The server's CPU a message and a turn, with a model and a voice that cost nothing, against a bare grpc.aio generator.

The bare server sends exactly what ours was seen to send: the same kinds, sizes and counts.
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nexy_core.testing.process import ServerProcess

from benchmarks._wire import Server, bare_server, connect, cpu_per_message, script_of
from benchmarks.harness import Comparison, Measure

ROOT = Path(__file__).parent.parent
SHORT_TURNS = 200
CASES = (
    ("text and audio, 1 to 1", "150 1", 6),
    ("audio of 8 KiB, 50 a piece", "10 50", 6),
    ("a whole short turn: 1 piece, 1 chunk", "1 1", SHORT_TURNS),
)
ENVIRON = {
    "NEXY_ENV": "prod",
    "PYTHONPATH": str(ROOT),
    "NEXY_PLUGINS__MODULES": '["llm=benchmarks._plugins:llm", "tts=benchmarks._plugins:tts"]',
    "NEXY_PLUGINS__MEMORY__ENABLED": "false",
    "NEXY_PLUGINS__FILTER__ENABLED": "false",
    "NEXY_PLUGINS__UPDATES__ENABLED": "false",
    "NEXY_TURN__AUDIO_CHUNK_BYTES": "8192",
    "NEXY_BACKPRESSURE__MAX_MESSAGE_RATE_PER_SECOND": "100000",
}


@contextlib.contextmanager
def our_server() -> Iterator[Server]:
    """`nexy serve` at level INFO, as in production."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ServerProcess(Path(folder), ENVIRON) as process,
        connect(process.process.pid, int(process.address.rpartition(":")[2])) as server,
    ):
        yield server


def comparisons() -> Iterator[Comparison]:
    with our_server() as ours, bare_server() as bare:
        for name, prompt, turns in CASES:
            script = json.dumps(script_of(ours.turn(prompt)))
            yield Comparison(
                name, "CPU µs/message", of(ours, prompt, turns), of(bare, script, turns), "bare grpc.aio generator"
            )


def of(server: Server, prompt: str, turns: int) -> Measure:
    return lambda: cpu_per_message(server, prompt, turns)
