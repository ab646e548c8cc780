"""Tests of many groups at once: the chance of a difference, and how many discoveries may be false."""

from __future__ import annotations

from collections.abc import Sequence

from governance.measurement.statistics import fisher_exact, two_proportion_z

FISHER_N, FISHER_EXPECTED = 30, 5  # an exact test below these: enforcement manual to 29 CFR 1607.4(D)


def p_of_difference(k: int, n: int, j: int, m: int) -> float:
    """Two-sided p of k/n against j/m, n >= 1, m >= 1: Fisher's where a group or an expected count is small, else z's.

    1 where nobody or everybody was counted: nothing differs.
    """
    expected = min(n, m) * min(k + j, n + m - k - j) / (n + m)
    if n < FISHER_N or m < FISHER_N or expected < FISHER_EXPECTED:
        return fisher_exact(k, n, j, m)
    p = two_proportion_z(k, n, j, m)["p"]
    return 1.0 if p is None else p


def false_discovery_rates(p_values: Sequence[float]) -> list[float]:
    """For each test the share of false ones among all that are at least as clear, at most 1.

    Source: Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300, as adjusted p values;
    holds for tests that are independent or depend positively (Benjamini & Yekutieli 2001).
    """
    total = len(p_values)
    order = sorted(range(total), key=lambda place: p_values[place], reverse=True)
    rates, least = [1.0] * total, 1.0
    for behind, place in enumerate(order):
        least = min(least, p_values[place] * total / (total - behind))
        rates[place] = least
    return rates
