"""Running the probes."""

import time
from collections.abc import Iterator, Mapping

from nexy_core.smoke import rpcs, sites
from nexy_core.smoke.probe import Failure, Outcome, Probe, Target

MS_PER_SECOND = 1000


def run_all(target: Target) -> Iterator[Outcome]:
    """Run every probe that fits the target, one after the other."""
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
        yield Outcome(name, problem, MS_PER_SECOND * (time.monotonic() - began))
