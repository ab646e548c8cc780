"""Intervals and tests against scipy and statsmodels, written by others."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.measurement.statistics import (
    fisher_exact,
    forecast,
    mean_interval,
    newcombe,
    ratio_interval,
    t_quantile,
    two_proportion_z,
    welch,
    wilson,
)

COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
SAMPLES = st.lists(st.floats(-100, 100, allow_subnormal=False), min_size=2, max_size=30)


@given(COUNTS)
def test_wilson(count: tuple[int, int]) -> None:
    from statsmodels.stats.proportion import proportion_confint

    assert wilson(*count) == pytest.approx(proportion_confint(*count, method="wilson"), abs=1e-12)


@given(COUNTS, COUNTS)
def test_newcombe(one: tuple[int, int], other: tuple[int, int]) -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep

    expected = confint_proportions_2indep(*one, *other, compare="diff", method="newcomb")
    assert newcombe(*one, *other) == pytest.approx(expected, abs=1e-12)


@given(COUNTS, COUNTS)
def test_two_proportion_z(one: tuple[int, int], other: tuple[int, int]) -> None:
    from statsmodels.stats.proportion import proportions_ztest

    (k, n), (j, m) = one, other
    found = two_proportion_z(k, n, j, m)
    if k + j in (0, n + m):
        assert found == {"z": None, "p": None}
    else:
        assert (found["z"], found["p"]) == pytest.approx(proportions_ztest([k, j], [n, m]), abs=1e-10)


@given(COUNTS, COUNTS)
def test_fisher_exact(one: tuple[int, int], other: tuple[int, int]) -> None:
    from scipy.stats import fisher_exact as expected

    (k, n), (j, m) = one, other
    assert fisher_exact(k, n, j, m) == pytest.approx(expected([[k, n - k], [j, m - j]]).pvalue, rel=1e-6)


@given(COUNTS, COUNTS)
def test_ratio_interval(one: tuple[int, int], other: tuple[int, int]) -> None:
    from scipy.stats.contingency import relative_risk

    if one[0] and other[0]:
        expected = relative_risk(*one, *other).confidence_interval(0.95)
        assert ratio_interval(*one, *other) == pytest.approx((expected.low, expected.high), rel=1e-9)
    else:
        assert ratio_interval(*one, *other) is None


@pytest.mark.parametrize("freedom", [0.5, 1, 1.5, 2, 3.7, 10, 29, 30, 100, 1e4, 1e6])
@pytest.mark.parametrize("p", [0.5, 0.6, 0.9, 0.975, 0.9999])
def test_t_quantile(p: float, freedom: float) -> None:
    from scipy.stats import t

    assert t_quantile(p, freedom) == pytest.approx(t.ppf(p, freedom), rel=1e-7, abs=1e-12)


@given(SAMPLES)
def test_mean_interval(values: list[float]) -> None:
    from statsmodels.stats.weightstats import DescrStatsW

    mean, variance = moments(values)
    assert mean_interval(mean, variance, len(values)) == pytest.approx(DescrStatsW(values).tconfint_mean(), abs=1e-7)


@given(SAMPLES, SAMPLES)
def test_welch(one: list[float], other: list[float]) -> None:
    from scipy.stats import ttest_ind

    a, b = moments(one), moments(other)
    found = welch((*a, len(one)), (*b, len(other)))
    if min(a[1], b[1]) > 1e-6:
        expected = ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
        assert found == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-7)


def test_too_few_records_have_no_interval() -> None:
    assert mean_interval(1.0, 0.0, 1) is None
    assert welch((1.0, 0.0, 1), (1.0, 0.0, 5)) is None
    assert welch((3.0, 0.0, 5), (1.0, 0.0, 5)) == (2.0, 2.0)


def moments(values: list[float]) -> tuple[float, float]:
    mean = math.fsum(values) / len(values)
    return mean, math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


class TestForecast:
    def test_equal_days_go_on(self) -> None:
        assert forecast((30.0, 90.0, 10), 21.0) == (93.0, (93.0, 93.0))

    def test_interval_is_that_of_a_regression_on_nothing_but_the_mean(self) -> None:
        """One day ahead it is the prediction interval that statsmodels gives for a constant."""
        import numpy as np
        from statsmodels.api import OLS

        days = [3.0, 5.0, 4.0, 6.0, 2.0]
        fitted = OLS(days, np.ones(5)).fit().get_prediction(np.ones((1, 1))).conf_int(obs=True, alpha=0.05)[0]
        expected, interval = forecast((sum(days), sum(day * day for day in days), 5), 1.0)
        assert expected == 24.0
        assert interval == pytest.approx((20 + fitted[0], 20 + fitted[1]))

    def test_two_days_say_nothing_about_the_spread(self) -> None:
        assert forecast((3.0, 5.0, 2), 2.0) == (6.0, None)
