"""The harness reports what was measured, paired round by round."""

import pytest

from benchmarks.harness import Comparison, measure, measure_all, table
from benchmarks.startup import cpu_ms


def scripted(figures, order, name):
    left = iter(figures)

    def run():
        order.append(name)
        return next(left)

    return run


def test_the_ratio_is_the_median_of_the_pairs_not_the_ratio_of_the_medians():
    order = []
    comparison = Comparison(
        "case", "µs", scripted([2.0, 30.0, 5.0], order, "ours"), scripted([1.0, 10.0, 5.0], order, "bare"), "bare", 3
    )
    result = measure(comparison)
    assert sorted(result.ratios) == [1.0, 2.0, 3.0]
    assert (result.ours, result.baseline) == (5.0, 5.0)
    assert "| 2.00 (1.00–3.00) |" in table([result])


def test_the_two_sides_alternate_who_is_first():
    order = []
    measure(Comparison("c", "s", scripted([1, 1], order, "ours"), scripted([1, 1], order, "bare"), "bare", 2))
    assert order == ["bare", "ours", "ours", "bare"]


def test_a_figure_without_a_baseline_is_reported_alone():
    result = measure(Comparison("alone", "ms", lambda: 7.0, rounds=3))
    assert result.baseline is None
    assert "| alone | 7    | -        | -" in table([result])


@pytest.mark.parametrize(
    ("targets", "shown"),
    [
        ({}, "| - "),
        ({"at_most": 4.0}, "| ≤ 4 "),
        ({"ratio_at_most": 2.0}, "| ratio ≤ 2 "),
        ({"at_most": 3.9}, "| ≤ 3.9, MISSED "),
        ({"at_most": 9.0, "ratio_at_most": 1.9}, "| ≤ 9, ratio ≤ 1.9, MISSED "),
        ({"at_least": 4.0, "at_most": 11.0}, "| ≤ 11, ≥ 4 "),
        ({"at_least": 4.1}, "| ≥ 4.1, MISSED "),
        ({"ratio_at_least": 2.0}, "| ratio ≥ 2 "),
        ({"ratio_at_least": 2.1}, "| ratio ≥ 2.1, MISSED "),
    ],
)
def test_a_target_stands_beside_its_figure_and_a_miss_is_told(targets, shown):
    result = measure(Comparison("c", "ms", lambda: 4.0, lambda: 2.0, "bare", 3, **targets))
    assert result.missed() == ("MISSED" in shown)
    assert shown in table([result]).splitlines()[-1]


def test_no_rounds_is_an_error():
    with pytest.raises(ValueError, match="at least one round"):
        measure(Comparison("c", "s", lambda: 1.0, rounds=0))


def test_a_generators_set_up_is_still_there_while_it_is_measured():
    open_things = []

    def comparisons():
        open_things.append("server")
        try:
            yield Comparison("c", "s", lambda: float(len(open_things)), rounds=1)
        finally:
            open_things.clear()

    (result,) = measure_all(comparisons())
    assert result.ours == 1.0
    assert open_things == []


def test_cpu_time_of_a_process_is_counted():
    busy = cpu_ms("python", "-c", "sum(range(5_000_000))")()
    idle = cpu_ms("python", "-c", "pass")()
    assert busy > idle
