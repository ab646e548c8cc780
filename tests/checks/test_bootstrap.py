"""Bootstrap from counts against the bootstrap of rows by scipy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from governance.checks._bootstrap import DRAWS, Comparison, compared_with_highest, percentile_interval, resampled
from governance.checks._ratios import Group

if TYPE_CHECKING:
    import numpy.typing as npt

GROUPS = [Group(120, 200), Group(110, 200), Group(30, 80)]


def rows(groups: list[Group]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Group and outcome of each record."""
    group = np.repeat(np.arange(len(groups)), [one.n for one in groups])
    outcome = np.concatenate([np.repeat([1, 0], [one.favourable, one.n - one.favourable]) for one in groups])
    return group, outcome


@pytest.mark.slow
@pytest.mark.parametrize("how", Comparison)
def test_the_bootstrap_of_rows_by_scipy_gives_the_same_intervals(how: Comparison) -> None:
    """Within the noise of both: the ends of 4,000 draws vary by about a fiftieth of the width, five times that here."""
    from scipy.stats import bootstrap

    group, outcome = rows(GROUPS)
    found = compared_with_highest(GROUPS, [True] * 3, how)
    for place, own in enumerate(found):

        def figure(group: npt.NDArray[np.int64], outcome: npt.NDArray[np.int64], at: int = place) -> float:
            rates = [float(outcome[group == one].mean()) for one in range(3)]
            return rates[at] - max(rates) if how is Comparison.DIFFERENCE else rates[at] / max(rates)

        theirs = bootstrap(
            (group, outcome), figure, paired=True, vectorized=False, n_resamples=DRAWS, method="percentile", rng=1
        ).confidence_interval
        assert own.interval is not None
        width = theirs.high - theirs.low
        assert own.interval == pytest.approx((theirs.low, theirs.high), abs=0.1 * width)


def test_a_group_above_the_reference_is_the_larger_of_the_two() -> None:
    groups = [Group(29, 30), Group(500, 1000)]
    quotient, ratio = (
        compared_with_highest(groups, [False, True], how)[0].interval
        for how in (Comparison.QUOTIENT, Comparison.SMALLER_BY_LARGER)
    )
    assert quotient is not None
    assert ratio == pytest.approx((1 / quotient[1], 1 / quotient[0]), rel=0.001)


def test_a_single_share_has_the_quantiles_of_the_binomial() -> None:
    from scipy.stats import binom

    drawn = resampled([30, 70])
    assert drawn.shape == (DRAWS, 2)
    assert set(drawn.sum(axis=1)) == {100}
    low, high = percentile_interval(drawn[:, 0] / 100) or (0, 0)
    assert (low, high) == pytest.approx(tuple(binom.ppf([0.025, 0.975], 100, 0.3) / 100), abs=0.0101)


def test_the_same_counts_give_the_same_interval() -> None:
    once, again = (compared_with_highest(GROUPS, [True] * 3, Comparison.QUOTIENT) for _ in range(2))
    assert once == again


def test_equal_groups_are_the_reference_by_chance() -> None:
    one, other = compared_with_highest([Group(50, 100), Group(50, 100)], [True, True], Comparison.QUOTIENT)
    assert one.is_highest == pytest.approx(0.5, abs=0.06)
    assert one.interval is not None
    assert one.interval[0] < 0.8
    assert one.interval[1] == 1
    assert other.interval == pytest.approx(one.interval, abs=0.03)


@pytest.mark.parametrize(
    ("groups", "may_refer", "interval"),
    [
        ([Group(0, 50), Group(0, 50)], [True, True], None),  # nobody is favoured: no draw has a denominator
        ([Group(5, 5), Group(500, 500)], [False, True], (1.0, 1.0)),  # everybody is
        ([Group(1, 1), Group(50, 100)], [False, True], None),  # a group of one is missing from a third of the draws
    ],
)
def test_small_samples(groups: list[Group], may_refer: list[bool], interval: tuple[float, float] | None) -> None:
    assert compared_with_highest(groups, may_refer, Comparison.QUOTIENT)[0].interval == interval


def test_a_group_that_may_not_refer_may_be_above_the_reference() -> None:
    high, reference = compared_with_highest([Group(29, 30), Group(500, 1000)], [False, True], Comparison.QUOTIENT)
    assert high.interval is not None
    assert high.interval[0] > 1.5
    assert reference.interval == (1.0, 1.0)
