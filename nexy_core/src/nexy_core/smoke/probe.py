"""What a probe is."""

from collections.abc import Callable

import attrs


class Failure(Exception):
    """What was found instead of what should be, and what to do."""


@attrs.frozen
class Target:
    """Where the server is. ``entrance``: one TLS port for everything (nginx), else three plain ones."""

    host: str
    grpc_port: int
    http_port: int
    updates_port: int
    entrance: bool = False
    ca_file: str = ""
    version: str = ""
    """The version it must say, or "" for any; only the server's own port tells it."""
    prompt: str = "What is the capital of France?"
    updates: bool = True
    timeout_seconds: float = 60.0


@attrs.frozen
class Outcome:
    """One probe's result: ``problem`` is "" when all is well."""

    name: str
    problem: str
    dur_ms: float


Probe = Callable[[Target], None]
