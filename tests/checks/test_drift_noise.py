"""Floors of chance and intervals of drift, against samples that are drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from governance.checks import _drift_noise as noise
from governance.checks._drift_noise import Bin, Spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DRAWS = 2000
SHARES = {
    "deciles": np.full(10, 0.1),
    "a few rare": np.array([0.97, 0.01, 0.01, 0.005, 0.005]),
    "many": 1 / np.arange(1, 51) / np.sum(1 / np.arange(1, 51)),
}


def binned(shares: NDArray[np.float64], n: int, draws: int = DRAWS) -> NDArray[np.int64]:
    return np.random.default_rng(n).multinomial(n, shares, draws)


def figure(measure: str, reference: NDArray[np.int64], now: NDArray[np.int64]) -> tuple[float, list[Bin]]:
    kept = reference + now > 0
    r, c = reference[kept], now[kept]
    bins = [Bin(int(a), int(b)) for a, b in zip(r, c, strict=True)]
    if measure == "js":
        return float(jensenshannon(r, c, base=2)), bins
    p, q = np.maximum(r, 0.5) / r.sum(), np.maximum(c, 0.5) / c.sum()
    return float(np.sum((q - p) * np.log(q / p))), bins


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("measure", ["psi", "js"])
@pytest.mark.parametrize(("n", "m"), [(30, 1000), (100, 100), (101, 10_000), (1000, 1001), (10_000, 70_000)])
def test_bins_without_drift_seldom_exceed_the_floor(name: str, measure: str, n: int, m: int) -> None:
    """Twenty subjects: 5 % / 20 of comparisons may, and the number that does is a binomial of that share."""
    reference, now = binned(SHARES[name], m), binned(SHARES[name], n)
    beyond = 0
    for one, other in zip(reference, now, strict=True):
        value, bins = figure(measure, one, other)
        beyond += value > noise.of_bins(measure, value, bins, 20).floor
    assert beyond <= stats.binom.ppf(0.999, DRAWS, 0.05 / 20)


def test_the_mean_of_psi_is_bins_less_one_times_s() -> None:
    values = [
        figure("psi", *pair)[0]
        for pair in zip(binned(SHARES["deciles"], 3000), binned(SHARES["deciles"], 2000), strict=True)
    ]
    assert np.mean(values) == pytest.approx(9 * (1 / 3000 + 1 / 2000), rel=0.05)


@pytest.mark.parametrize("measure", ["psi", "js"])
@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5])
def test_intervals_of_bins_hold_the_truth(measure: str, shift: float) -> None:
    before = SHARES["deciles"]
    after = before * (1 + shift * np.linspace(-1, 1, 10))
    truth = float(np.sum((after - before) * np.log(after / before)))
    truth = truth if measure == "psi" else float(jensenshannon(before, after, base=2))
    reference, now = binned(before, 4001, 500), binned(after, 1501, 500)
    found = [
        (value, noise.of_bins(measure, value, bins, 1).interval)
        for value, bins in (figure(measure, *pair) for pair in zip(reference, now, strict=True))
    ]
    held = np.mean([low <= truth <= high for _, (low, high) in found])
    assert held >= 0.93
    assert all(low <= value <= high for value, (low, high) in found)


@pytest.mark.parametrize("shape", ["normal", "exponential", "whole"])
@pytest.mark.parametrize("measure", ["ks", "wasserstein"])
@pytest.mark.parametrize(("n", "m"), [(50, 50), (40, 2000)])
def test_order_without_drift_seldom_exceeds_the_floor(shape: str, measure: str, n: int, m: int) -> None:
    numbers = np.random.default_rng(5)
    drawn: dict[str, Callable[[int], NDArray[np.float64]]] = {
        "normal": lambda size: numbers.normal(size=size),
        "exponential": lambda size: numbers.exponential(size=size),
        "whole": lambda size: numbers.poisson(3, size).astype(np.float64),
    }
    beyond, held = 0, 0
    for _ in range(400):
        reference, now = drawn[shape](m), drawn[shape](n)
        if measure == "ks":
            value = float(stats.ks_2samp(reference, now, method="asymp").statistic)
        else:
            value = float(stats.wasserstein_distance(reference, now) / reference.std())
        found = noise.of_order(measure, value, (n, m), spread(reference, now), 20)
        beyond += value > found.floor
        held += found.interval[0] <= 0
    assert beyond <= stats.binom.ppf(0.999, 400, 0.05 / 20)
    assert held >= 380


def spread(reference: NDArray[np.float64], now: NDArray[np.float64]) -> Spread:
    def integral(values: NDArray[np.float64]) -> float:
        ordered = np.sort(values)
        share = np.arange(1, len(ordered)) / len(ordered)
        return float(np.sum(np.sqrt(share * (1 - share)) * np.diff(ordered)) / reference.std())

    return Spread(
        integral(np.concatenate([reference, now])),
        integral(reference),
        integral(now),
        float(now.std() / reference.std()),
    )


@pytest.mark.parametrize("upper", [0.05, 0.001, 1e-5])
@pytest.mark.parametrize("freedom", [1, 2, 3, 9, 50])
def test_chi_square(upper: float, freedom: int) -> None:
    exact = stats.chi2.isf(upper, freedom)
    assert noise.chi_square_quantile(upper, freedom) == pytest.approx(exact, rel=0.06)


def test_a_single_bin_has_no_noise() -> None:
    assert noise.of_bins("psi", 0.0, [Bin(10, 10)], 3) == (0, (0, 0))


def test_records_needed() -> None:
    """Since s = 1/100 + 1/1000 = 0.011; half of it is 1/1000 + 1/222.2."""
    assert noise.records_needed(100, 1000, 0.5) == 223
    assert noise.records_needed(100, 1000, 0.05) is None
    assert noise.psi_floor(223, 1000, 10, 1) <= noise.psi_floor(100, 1000, 10, 1) / 2


def test_bands_of_the_distribution_functions() -> None:
    half = 2 * math.sqrt(math.log(80) / 200)
    assert noise.ks_interval(0.5, 100, 100) == pytest.approx((0.5 - half, 0.5 + half))
    assert noise.ks_interval(0.1, 10, 10) == (0, 1)


@pytest.mark.parametrize("measure", ["psi", "js"])
@pytest.mark.parametrize(
    ("bins", "n", "m", "tilt"), [(2, 300, 300, 0.2), (3, 200, 200, 0.2), (10, 500, 500, 0.0), (10, 5000, 2000, 0.2)]
)
def test_the_interval_of_bins_holds_the_true_figure_about_as_often_as_it_says(
    measure: str, bins: int, n: int, m: int, tilt: float
) -> None:
    """Few bins with few records are where an interval of a fixed width falls short."""
    was = np.full(bins, 1 / bins)
    now = was * np.exp(tilt * np.linspace(-1.5, 1.5, bins))
    now /= now.sum()
    true = (
        float(np.sum((now - was) * np.log(now / was))) if measure == "psi" else float(jensenshannon(now, was, base=2))
    )
    drawn = zip(np.random.default_rng(1).multinomial(m, was, 800), binned(now, n, 800), strict=True)
    held = 0
    for reference, current in drawn:
        value, found = figure(measure, reference, current)
        low, high = noise.of_bins(measure, value, found, 1).interval
        held += low <= true <= high
    assert 0.925 <= held / 800 <= 0.985
