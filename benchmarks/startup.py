"""What a start costs, as CPU time of a fresh interpreter, against importing the libraries it cannot do without."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Comparison, Measure

MS = 1000


def cpu_ms(*command: str) -> Measure:
    """CPU time of the whole process, in milliseconds."""

    def run() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return MS * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)

    return run


def python(code: str) -> Measure:
    return cpu_ms(sys.executable, "-c", code)


def comparisons() -> Iterator[Comparison]:
    bare = "import attrs, pluggy"
    yield Comparison("import nexy_core", "CPU ms", python("import nexy_core"), python(bare), f"`{bare}`")
    bare = "import click"
    nexy = str(Path(sys.executable).with_name("nexy"))
    yield Comparison("nexy --help", "CPU ms", cpu_ms(nexy, "--help"), python(bare), f"`{bare}`")
