"""Intervals and tests that checks share, each by its textbook formula."""

from __future__ import annotations

import math
from statistics import NormalDist

Z95 = NormalDist().inv_cdf(0.975)


def wilson(successes: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Score interval of a share.

    Args:
        successes: 0 <= successes <= n.
        n: n >= 1.
        z: Normal quantile; 1.96 for 95 %.

    Returns:
        Lower and upper end, within 0..1.

    Source: Wilson (1927), JASA 22; Brown, Cai & DasGupta (2001), Statistical Science 16, eq. 4.
    """
    share = successes / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else max(0.0, (centre - half) / scale)
    high = 1.0 if successes == n else min(1.0, (centre + half) / scale)
    return low, high


def two_proportion_z(k: int, n: int, j: int, m: int) -> dict[str, float | None]:
    """Pooled z statistic and two-sided p of k/n against j/m; both None where nobody or everybody succeeded.

    Source: Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, section 3.2, no correction.
    """
    pooled = (k + j) / (n + m)
    variance = pooled * (1 - pooled) * (1 / n + 1 / m)
    if variance == 0:
        return {"z": None, "p": None}
    z = (k / n - j / m) / math.sqrt(variance)
    return {"z": z, "p": math.erfc(abs(z) / math.sqrt(2))}


def fisher_exact(k: int, n: int, j: int, m: int) -> float:
    """Two-sided p of k/n against j/m: the sum of the tables that are no more likely than this one.

    Source: Fisher (1935); the two-sided rule is that of R and SciPy, with their relative tolerance of 1e-7.
    """
    total, marked = n + m, k + j

    def log_likelihood(x: int) -> float:
        return _log_choose(n, x) + _log_choose(m, marked - x) - _log_choose(total, marked)

    observed = log_likelihood(k)
    tables = range(max(0, marked - m), min(n, marked) + 1)
    return min(1.0, math.fsum(math.exp(p) for x in tables if (p := log_likelihood(x)) <= observed + 1e-7))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def newcombe(k: int, n: int, j: int, m: int, z: float = Z95) -> tuple[float, float]:
    """Interval of the difference k/n - j/m of two independent shares, within -1..1; n >= 1, m >= 1.

    Source: Newcombe (1998), Statistics in Medicine 17, 873-890, method 10 (from the two score intervals).
    """
    (low, high), (other_low, other_high) = wilson(k, n, z), wilson(j, m, z)
    share, other = k / n, j / m
    difference = share - other
    return (
        difference - math.hypot(share - low, other_high - other),
        difference + math.hypot(high - share, other - other_low),
    )


def mean_interval(mean: float, variance: float, n: int) -> tuple[float, float] | None:
    """95 % interval of a mean by Student's t; None for fewer than two records.

    Args:
        mean: Mean of the n records.
        variance: Their variance with divisor n - 1.
        n: Number of records.

    Source: Student (1908), Biometrika 6.
    """
    if n < 2:  # noqa: PLR2004 - a variance needs two
        return None
    half = t_quantile(0.975, n - 1) * math.sqrt(variance / n)
    return mean - half, mean + half


def welch(a: tuple[float, float, int], b: tuple[float, float, int]) -> tuple[float, float] | None:
    """95 % interval of the difference of two means, a less b; None where either has fewer than two records.

    Args:
        a: Mean, variance with divisor n - 1, and n.
        b: The same of the other sample.

    Source: Welch (1947), Biometrika 34, with the degrees of freedom of Satterthwaite (1946).
    """
    (mean, variance, n), (other, other_variance, m) = a, b
    if n < 2 or m < 2:  # noqa: PLR2004 - a variance needs two
        return None
    own, others = variance / n, other_variance / m
    difference = mean - other
    if own + others == 0:
        return difference, difference
    freedom = (own + others) ** 2 / (own**2 / (n - 1) + others**2 / (m - 1))
    half = t_quantile(0.975, freedom) * math.sqrt(own + others)
    return difference - half, difference + half


def forecast(sums: tuple[float, float, int], remaining: float) -> tuple[float, tuple[float, float] | None]:
    """Total that equal days lead to, and its 95 % prediction interval (None for fewer than three days).

    Args:
        sums: Sum of the days so far, sum of their squares, and their number, at least 1.
        remaining: Days to come, not necessarily whole.

    Source: prediction of a sum from a sample mean, Hahn & Meeker (1991), Statistical Intervals, section 4.8; days are
        taken as independent and alike, which weekdays are not.
    """
    total, squares, days = sums
    expected = total + total / days * remaining
    if days < 3:  # noqa: PLR2004 - chosen here: two days say nothing about the spread
        return expected, None
    variance = max(0.0, (squares - total * total / days) / (days - 1))
    half = t_quantile(0.975, days - 1) * math.sqrt(variance * remaining * (1 + remaining / days))
    return expected, (expected - half, expected + half)


def t_quantile(p: float, freedom: float) -> float:
    """Point below which Student's t lies with probability p, 0.5 <= p < 1; degrees of freedom > 0, not only whole ones.

    Found by bisection; relative error below 1e-8 up to ten million degrees of freedom.
    """
    high = 1.0
    while _t_probability(high, freedom) < p:
        high *= 2
    low = 0.0
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if _t_probability(middle, freedom) < p else (low, middle)
    return high


def _t_probability(t: float, freedom: float) -> float:
    """P(T <= t) for t >= 0. Source: Abramowitz & Stegun (1964), 26.7.1."""
    return 1 - _beta_share(freedom / (freedom + t * t), freedom / 2, 0.5) / 2


def _beta_share(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b), 0 <= x <= 1. Source: Abramowitz & Stegun, 26.5.2 and 26.5.8."""
    if x <= 0 or x >= 1:
        return min(1.0, max(0.0, x))
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly
        return 1 - _beta_share(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a / _beta_fraction(x, a, b)


def _beta_fraction(x: float, a: float, b: float) -> float:
    """1 + d1/(1 + d2/(1 + ...)), from its end: each term added until the value stands still."""
    value, terms = math.inf, 16
    while True:
        tail = 1.0
        for place in range(terms, 0, -1):
            half = place // 2
            step = half * (b - half) if place % 2 == 0 else -(a + half) * (a + b + half)
            tail = 1 + step * x / ((a + place - 1) * (a + place)) / tail
        if abs(tail - value) <= 1e-15 * abs(tail) or terms > 100_000:  # noqa: PLR2004 - far beyond what any x here takes
            return tail
        value, terms = tail, terms * 2


def ratio_interval(k: int, n: int, j: int, m: int, z: float = Z95) -> tuple[float, float] | None:
    """95 % interval of the ratio of two independent shares k/n and j/m; None where a count of zero leaves it undefined.

    Source: Katz, Baptista, Azen & Pike (1978), Biometrics 34, method C.
    """
    if k == 0 or j == 0:
        return None
    error = math.sqrt(1 / k - 1 / n + 1 / j - 1 / m)
    ratio = (k / n) / (j / m)
    return ratio * math.exp(-z * error), ratio * math.exp(z * error)
