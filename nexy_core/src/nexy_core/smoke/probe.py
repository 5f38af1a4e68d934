"""What a probe is, and running them all."""

import time
from collections.abc import Callable, Iterator, Mapping

import attrs

MS = 1000


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


def run_all(target: Target) -> Iterator[Outcome]:
    """Run every probe that fits the target, one after the other."""
    from nexy_core.smoke import rpcs, sites

    probes: dict[str, Probe] = {**rpcs.PROBES, **sites.PROBES}
    probes |= sites.ENTRANCE_PROBES if target.entrance else sites.DIRECT_PROBES
    if target.updates:
        probes |= sites.UPDATES_PROBES
    yield from _run(target, probes)


def _run(target: Target, probes: Mapping[str, Probe]) -> Iterator[Outcome]:
    for name, probe in probes.items():
        began = time.monotonic()
        problem = ""
        try:
            probe(target)
        except Failure as failure:
            problem = str(failure)
        yield Outcome(name, problem, MS * (time.monotonic() - began))
