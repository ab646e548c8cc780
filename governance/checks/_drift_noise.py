"""How large a measure of drift gets by chance, and how far it can be trusted.

Every measure grows when few records are compared, also where nothing has changed. Its *floor* is what chance alone
exceeds in at most 5 % of checks: each of the k subjects of a check gets 5 % / k (Bonferroni). With n records, m
reference records, B bins that hold a record, s = 1/n + 1/m:

| measure | floor | source |
|---|---|---|
| psi | s chi2(B - 1), and a quarter more | Yurdakul (2018), Statistical Properties of Population Stability Index |
| js | root of s chi2(B - 1) / 4 | its square, in bits, is at most half the sum of (p - q)^2 / (p + q): Topsoe (2000) |
| ks | root of s ln(2 k / 0.05) / 2 | Smirnov (1948), Annals of Mathematical Statistics 19, first term of his series |
| wasserstein | root of s, times root of 2/pi J + root of 2 ln(k / 0.05) | below |

The mean of psi is s (B - 1). The quarter is chosen here: where bins expect about ten records or fewer the far tail of
psi lies up to 1.25 times as high as the limit law says (tests/checks/test_drift_noise.py draws such samples). Topsoe is
IEEE Transactions on Information Theory 46; for large samples js stays below 0.85 of its floor.

J is the integral of the root of F (1 - F), in standard deviations. For large samples the distance is the root of s
times the integral of |B(F)|, B a Brownian bridge (del Barrio, Gine & Matran 1999, Annals of Probability 27); that has
mean root of 2/pi J, and exceeds it by t standard deviations of the records with probability exp(-t^2 / 2) at most
(inequality of Borell and Tsirelson), since no function of slope 1 varies more than the records themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

from governance.measurement.false_alarms import CHANCE
from governance.measurement.statistics import Z95

_J = math.sqrt(2 / math.pi)


class Bin(NamedTuple):
    """Records of a bin in the reference, and now."""

    reference_n: int
    n: int


class Spread(NamedTuple):
    """What the noise of the Wasserstein distance depends on, in standard deviations of the reference.

    Attributes:
        pooled: Integral of the root of F (1 - F) over all records.
        reference: The same over the reference.
        current: The same over the records.
        sd: Standard deviation of the records.
    """

    pooled: float
    reference: float
    current: float
    sd: float


class Noise(NamedTuple):
    """What chance alone exceeds in few checks, and the interval of the figure."""

    floor: float
    interval: tuple[float, float]


def of_bins(measure: str, value: float, bins: Sequence[Bin], subjects: int) -> Noise:
    """Noise of a psi or js that was computed from these bins, one of `subjects` figures of a check."""
    m, n = sum(one.reference_n for one in bins), sum(one.n for one in bins)
    if measure == "psi":
        return Noise(psi_floor(n, m, len(bins), subjects), psi_interval(value, bins))
    return Noise(js_floor(n, m, len(bins), subjects), js_interval(value, bins))


def of_order(measure: str, value: float, sizes: tuple[int, int], spread: Spread, subjects: int) -> Noise:
    """Noise of a ks or wasserstein of (records, reference records), one of `subjects` figures of a check."""
    if measure == "ks":
        return Noise(ks_floor(*sizes, subjects), ks_interval(value, *sizes))
    return Noise(wasserstein_floor(*sizes, spread, subjects), wasserstein_interval(value, *sizes, spread))


def psi_floor(n: int, m: int, bins: int, subjects: int) -> float:
    """PSI that chance exceeds in 5 % / subjects of comparisons; 0 for a single bin."""
    return 1.25 * (1 / n + 1 / m) * chi_square_quantile(CHANCE / subjects, bins - 1)


def js_floor(n: int, m: int, bins: int, subjects: int) -> float:
    """Jensen-Shannon distance that chance exceeds in 5 % / subjects of comparisons."""
    return math.sqrt((1 / n + 1 / m) * chi_square_quantile(CHANCE / subjects, bins - 1) / 4)


def ks_floor(n: int, m: int, subjects: int) -> float:
    """Kolmogorov-Smirnov distance that chance exceeds in 5 % / subjects of comparisons."""
    return math.sqrt((1 / n + 1 / m) * math.log(2 * subjects / CHANCE) / 2)


def wasserstein_floor(n: int, m: int, spread: Spread, subjects: int) -> float:
    """Normalised Wasserstein distance that chance exceeds in at most 5 % / subjects of comparisons."""
    return math.sqrt(1 / n + 1 / m) * (_J * spread.pooled + math.sqrt(2 * math.log(subjects / CHANCE)))


def psi_interval(value: float, bins: Sequence[Bin]) -> tuple[float, float]:
    """About 95 %: score interval of the figure less its mean noise; never below 0, and always around the figure.

    The variance is that of the first-order expansion in both multinomials, which grows with the figure, plus the
    2 (B - 1) s^2 of pure noise; at each end it is that of the end, as in Wilson's interval of a share.

    Source: Bishop, Fienberg & Holland (1975), Discrete Multivariate Analysis, section 14.6, for the variance; Wilson
    (1927), JASA 22, for its place.
    """
    m, n, shares = _shares(bins)
    own = [math.log(q / p) + 1 - p / q for p, q in shares]
    other = [-math.log(q / p) + 1 - q / p for p, q in shares]
    variance = _variance([q for _, q in shares], own) / n + _variance([p for p, _ in shares], other) / m
    noise = 1 / n + 1 / m
    return _around(value, noise * (len(bins) - 1), variance, 2 * (len(bins) - 1) * noise**2)


def js_interval(value: float, bins: Sequence[Bin]) -> tuple[float, float]:
    """About 95 %: the same for the square of the distance, then its roots."""
    m, n, shares = _shares(bins)
    own = [math.log2(2 * q / (p + q)) / 2 for p, q in shares]
    other = [math.log2(2 * p / (p + q)) / 2 for p, q in shares]
    variance = _variance([q for _, q in shares], own) / n + _variance([p for p, _ in shares], other) / m
    noise = (1 / n + 1 / m) / (8 * math.log(2))
    low, high = _around(value**2, noise * (len(bins) - 1), variance, 2 * (len(bins) - 1) * noise**2)
    return math.sqrt(low), min(1.0, math.sqrt(high))


def ks_interval(value: float, n: int, m: int) -> tuple[float, float]:
    """At least 95 %: each of the two distribution functions lies in its own band with 97.5 %.

    Source: Dvoretzky, Kiefer & Wolfowitz (1956) with the constant of Massart (1990), Annals of Probability 18.
    """
    half = sum(math.sqrt(math.log(4 / CHANCE) / (2 * size)) for size in (n, m))
    return max(0.0, value - half), min(1.0, value + half)


def wasserstein_interval(value: float, n: int, m: int, spread: Spread) -> tuple[float, float]:
    """At least 95 % in large samples: each sample is within its own noise of what it was drawn from, with 97.5 %."""
    beyond = math.sqrt(2 * math.log(2 / CHANCE))
    half = (_J * spread.current + beyond * spread.sd) / math.sqrt(n) + (_J * spread.reference + beyond) / math.sqrt(m)
    return max(0.0, value - half), value + half


def records_needed(n: int, m: int, shrink: float) -> int | None:
    """Records at which s is `shrink` (0..1) times what it is, or None where only a larger reference helps."""
    left = (1 / n + 1 / m) * shrink - 1 / m
    return math.ceil(1 / left) if left > 0 else None


def chi_square_quantile(upper: float, freedom: int) -> float:
    """Point that chi-square exceeds with probability `upper`; 0 for no degree of freedom.

    Exact for one and two degrees, else within 6 % for 1e-5 <= upper <= 0.05.

    Source: Wilson & Hilferty (1931), PNAS 17; Abramowitz & Stegun (1964), 26.4.17.
    """
    if freedom <= 0:
        return 0.0
    if freedom == 1:
        return NormalDist().inv_cdf(1 - upper / 2) ** 2
    if freedom == 2:  # noqa: PLR2004 - an exponential distribution
        return -2 * math.log(upper)
    spread = 2 / (9 * freedom)
    return float(freedom * (1 - spread + NormalDist().inv_cdf(1 - upper) * math.sqrt(spread)) ** 3)


def _shares(bins: Sequence[Bin]) -> tuple[int, int, list[tuple[float, float]]]:
    """Records of the reference, records, and the shares of both in each bin, an empty bin counted as half a record."""
    m, n = sum(one.reference_n for one in bins), sum(one.n for one in bins)
    return m, n, [(max(one.reference_n, 0.5) / m, max(one.n, 0.5) / n) for one in bins]


def _variance(shares: Sequence[float], gradient: Sequence[float]) -> float:
    """Variance of the gradient over a multinomial of one record."""
    mean = math.fsum(p * g for p, g in zip(shares, gradient, strict=True))
    return math.fsum(p * (g - mean) ** 2 for p, g in zip(shares, gradient, strict=True))


def _around(value: float, bias: float, variance: float, noise: float) -> tuple[float, float]:
    """Both x for which (value - bias - x)^2 is z^2 times the variance at x: `variance` x / value, and `noise`."""
    slope = variance / value if value > 0 else 0.0
    centre = value - bias + Z95**2 * slope / 2
    square = centre**2 - (value - bias) ** 2 + Z95**2 * noise
    half = math.sqrt(max(0.0, square))
    return max(0.0, min(value, centre - half)), max(value, centre + half)
