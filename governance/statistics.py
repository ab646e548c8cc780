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
