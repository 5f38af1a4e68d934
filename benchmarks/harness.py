"""One way to measure: ours and a baseline in turns, the median of the paired ratios, one table.

A benchmark is a module of this package with a generator ``comparisons()``: it sets up, yields ``Comparison`` objects
(each is measured before the generator goes on) and clears up in ``finally``. A measure runs one round and returns its
figure; on a shared machine CPU time is steadier than wall time.
"""

import statistics
from collections.abc import Callable, Iterable, Iterator

import attrs

DEFAULT_ROUNDS = 7
Measure = Callable[[], float]


@attrs.frozen
class Comparison:
    """What is measured. Without a ``baseline`` only the figure is reported; lower is better unless ``unit`` says so.

    The last four are targets: for the figure, and for its ratio to the baseline.
    """

    name: str
    unit: str
    ours: Measure
    baseline: Measure | None = None
    baseline_name: str = "-"
    rounds: int = DEFAULT_ROUNDS
    at_most: float | None = None
    at_least: float | None = None
    ratio_at_most: float | None = None
    ratio_at_least: float | None = None


@attrs.frozen
class Result:
    """Medians over the rounds; ``ratios`` are ours to the baseline, round by round."""

    comparison: Comparison
    ours: float
    baseline: float | None
    ratios: tuple[float, ...]

    def targets(self) -> Iterator[tuple[str, bool]]:
        """Each target of the comparison, and whether it is met."""
        wanted, ratio = self.comparison, statistics.median(self.ratios) if self.ratios else None
        for name, figure, most, least in (
            ("", self.ours, wanted.at_most, wanted.at_least),
            ("ratio ", ratio, wanted.ratio_at_most, wanted.ratio_at_least),
        ):
            if most is not None:
                yield f"{name}≤ {most:g}", figure is not None and figure <= most
            if least is not None:
                yield f"{name}≥ {least:g}", figure is not None and figure >= least

    def missed(self) -> bool:
        """Whether a target is not met."""
        return not all(met for _, met in self.targets())


def measure(comparison: Comparison) -> Result:
    """Run the rounds, the two sides in turns and each first every other time, so that drift hits both alike."""
    if comparison.rounds < 1:
        raise ValueError("a comparison needs at least one round")
    ours: list[float] = []
    baseline: list[float] = []
    for number in range(comparison.rounds):
        sides = [(comparison.ours, ours), (comparison.baseline, baseline)]
        for run, figures in sides if number % 2 else reversed(sides):
            if run is not None:
                figures.append(run())
    if not baseline:
        return Result(comparison, statistics.median(ours), None, ())
    ratios = tuple(mine / bare for mine, bare in zip(ours, baseline, strict=True))
    return Result(comparison, statistics.median(ours), statistics.median(baseline), ratios)


def measure_all(comparisons: Iterable[Comparison]) -> Iterator[Result]:
    """Measure each as it comes: a generator's set-up is still up while its comparison runs."""
    for comparison in comparisons:
        yield measure(comparison)


def table(results: Iterable[Result]) -> str:
    """A Markdown table."""
    rows = [
        ("what", "ours", "baseline", "ratio (min–max)", "unit", "baseline is", "target"),
        *(row(result) for result in results),
    ]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |" for cells in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def row(result: Result) -> tuple[str, ...]:
    """The cells of one result."""
    comparison = result.comparison
    ratio = "-"
    if result.ratios:
        low, high = min(result.ratios), max(result.ratios)
        ratio = f"{statistics.median(result.ratios):.2f} ({low:.2f}–{high:.2f})"
    baseline = "-" if result.baseline is None else _figure(result.baseline)
    figures = (comparison.name, _figure(result.ours), baseline, ratio, comparison.unit, comparison.baseline_name)
    return (*figures, _target(result))


def _target(result: Result) -> str:
    parts = [name for name, _ in result.targets()] + (["MISSED"] if result.missed() else [])
    return ", ".join(parts) or "-"


def _figure(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
