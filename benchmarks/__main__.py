"""Run the benchmarks named on the command line (a name stands for all that start with it), or all of them."""

import importlib
import pkgutil
import sys

import benchmarks
from benchmarks.harness import Result, measure_all, row, table


def find(wanted: list[str]) -> list[str]:
    """The benchmark modules that are wanted. Raises ``SystemExit`` naming those there are."""
    known = [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_")]
    known.remove("harness")
    chosen = [
        name for name in known if not wanted or any(name == word or name.startswith(f"{word}_") for word in wanted)
    ]
    unknown = [word for word in wanted if not any(name == word or name.startswith(f"{word}_") for name in known)]
    if unknown:
        raise SystemExit(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}")
    return chosen


def main(wanted: list[str]) -> None:
    results: list[Result] = []
    for name in find(wanted):
        print(f"{name} …", file=sys.stderr, flush=True)
        for result in measure_all(importlib.import_module(f"benchmarks.{name}").comparisons()):
            print("  ", *row(result), sep="  ", file=sys.stderr, flush=True)
            results.append(result)
    print(table(results))
    if missed := [result.comparison.name for result in results if result.missed()]:
        raise SystemExit(f"target missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
