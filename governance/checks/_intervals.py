"""Intervals of figures that are no plain share or mean: area under the curve, F1, Brier score, differences of these."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from governance.measurement.statistics import Z95, mean_interval, ratio_interval, wilson

Interval = tuple[float, float]


class Ranks(NamedTuple):
    """How the scores of those who had the outcome lie among the scores of those who did not.

    Attributes:
        positives: Records with the outcome, p >= 1.
        negatives: Records without it, n >= 1.
        wins: Twice the pairs in which the one with the outcome has the higher score, equal scores counted once.
        positive_squares: Sum over the positives of the squared share of the negatives below them (half of equal ones).
        negative_squares: The same over the negatives, of the positives above them.
    """

    positives: int
    negatives: int
    wins: int
    positive_squares: float
    negative_squares: float

    @property
    def area(self) -> float:
        """Area under the ROC curve."""
        return self.wins / (2 * self.positives * self.negatives)


def auc_variance(ranks: Ranks) -> float | None:
    """Variance of the area; None where a class has one record.

    Source: DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44, 837-845, equation 2, from the sums of placements.
    """
    p, n, area = ranks.positives, ranks.negatives, ranks.area
    if p < 2 or n < 2:  # noqa: PLR2004 - a variance needs two
        return None
    own = (ranks.positive_squares - p * area**2) / (p - 1)
    other = (ranks.negative_squares - n * area**2) / (n - 1)
    return max(0.0, own / p + other / n)


def auc_interval(ranks: Ranks, z: float = Z95) -> Interval:
    """95 % interval of the area under the ROC curve, within 0..1.

    By the variance of DeLong on the scale of the logit (Pepe 2003, The Statistical Evaluation of Medical Tests,
    section 5.2). Where that has no width (few records, or all pairs ordered alike) by the variance of Hanley & McNeil
    (1982), Radiology 143, at the limit itself: Newcombe (2006), Statistics in Medicine 25, 559-573, method 5.
    """
    area, variance = ranks.area, auc_variance(ranks)
    if variance is None or variance <= 1e-15 or not 0 < area < 1:  # noqa: PLR2004 - the rounding of the sums
        return _newcombe_auc(area, ranks.positives, ranks.negatives, z)
    logit, half = math.log(area / (1 - area)), z * math.sqrt(variance) / (area * (1 - area))
    return 1 / (1 + math.exp(half - logit)), 1 / (1 + math.exp(-half - logit))


def _newcombe_auc(area: float, p: int, n: int, z: float) -> Interval:
    others = (p + n) / 2 - 1

    def within(limit: float) -> bool:
        spread = 1 + others * ((1 - limit) / (2 - limit) + limit / (1 + limit))
        return (area - limit) ** 2 <= z * z * limit * (1 - limit) / (p * n) * spread

    return _edge(area, 0.0, within), _edge(area, 1.0, within)


def _edge(inside: float, outside: float, within: Callable[[float], bool]) -> float:
    """Where a condition that holds inside ends, by bisection; `outside` itself where it never ends before."""
    while (middle := (inside + outside) / 2) not in (inside, outside):
        inside, outside = (middle, outside) if within(middle) else (inside, middle)
    return outside


def f1_interval(tp: int, wrong: int) -> Interval:
    """95 % interval of F1 from the records that are no true negatives; tp + wrong >= 1.

    F1 is 2 J / (1 + J) of the share J of these that are true positives (Jaccard's index), and rises with it; so the
    ends of the score interval of J (Wilson 1927) become those of F1.
    """
    low, high = wilson(tp, tp + wrong)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def bounded_mean_interval(mean: float, variance: float | None, n: int) -> Interval:
    """95 % interval of a mean of figures within 0..1; n >= 1.

    By Student's t. Where the records do not vary, the score interval of a share of that size, which is too wide for
    any figure within 0..1: none varies more than a yes or no with the same mean (Bhatia & Davis 2000, American
    Mathematical Monthly 107).
    """
    found = mean_interval(mean, variance, n) if variance else None
    if found is None:
        return score_interval(mean, n)
    return max(0.0, found[0]), min(1.0, found[1])


def score_interval(share: float, n: float, z: float = Z95) -> Interval:
    """Wilson's interval of a share that is no whole count; n > 0."""
    centre, scale = share + z * z / (2 * n), 1 + z * z / n
    half = z * math.sqrt(max(0.0, share * (1 - share)) / n + z * z / (4 * n * n))
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def difference_interval(a: float, of_a: Interval, b: float, of_b: Interval) -> Interval:
    """95 % interval of a - b of two independent figures, from the interval of each.

    Source: Zou & Donner (2008), Statistics in Medicine 27, 1693-1702; of two shares it is Newcombe's method 10.
    """
    difference = a - b
    return (
        difference - math.hypot(a - of_a[0], of_b[1] - b),
        difference + math.hypot(of_a[1] - a, b - of_b[0]),
    )


def share_ratio_interval(k: int, n: int, j: int, m: int) -> Interval:
    """95 % interval of the ratio of the shares k/n and j/m; j >= 1.

    Katz's. Where that has no width or no value (nobody or everybody counted on both sides) from the score interval of
    each share: Donner & Zou (2012), Statistical Methods in Medical Research 21, 347-359, MOVER-R.
    """
    katz = ratio_interval(k, n, j, m)
    if katz is not None and katz[0] < katz[1]:
        return katz
    a, b = k / n, j / m
    (low, high), (other_low, other_high) = wilson(k, n), wilson(j, m)
    product = a * b
    below = math.sqrt(max(0.0, product**2 - low * other_high * (2 * a - low) * (2 * b - other_high)))
    above = math.sqrt(max(0.0, product**2 - high * other_low * (2 * a - high) * (2 * b - other_low)))
    return (
        max(0.0, (product - below) / (other_high * (2 * b - other_high))),
        (product + above) / (other_low * (2 * b - other_low)),
    )
