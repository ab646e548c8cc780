"""Expected calibration error: how large chance makes it, and how far it can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from governance.checks._intervals import Interval
from governance.measurement.statistics import Z95

_MEAN = math.sqrt(2 / math.pi)  # of the absolute value of a standard normal variable
_SPREAD = math.sqrt(1 - 2 / math.pi)


class Band(NamedTuple):
    """Decisions whose score lies in one band.

    Attributes:
        n: Decisions, n >= 1.
        hits: Of these, with the outcome.
        expected: Mean of the scores, 0..1.
        noise: Sum of score x (1 - score): variance of the hits if each score is the probability that it says it is.
    """

    n: int
    hits: int
    expected: float
    noise: float


def ece_floor(bands: Sequence[Band]) -> float:
    """Error that a perfectly calibrated score exceeds by chance in at most 5 % of samples of these sizes.

    Each band then adds the absolute value of a normal variable to n x error: mean root of 2/pi, variance 1 - 2/pi times
    `noise`. Their sum is taken as normal at 1.96, which for a single band is just too cautious.
    """
    n = sum(band.n for band in bands)
    mean = _MEAN * math.fsum(math.sqrt(band.noise) for band in bands)
    return (mean + Z95 * _SPREAD * math.sqrt(math.fsum(band.noise for band in bands))) / n


def ece_interval(error: float, bands: Sequence[Band]) -> Interval:
    """95 % interval: delta method around the error less what chance adds to it on average; always around the figure.

    It begins at 0 where the error is below the floor. The variance of a band is that of its share with two hits and two
    misses added, so that none is certain of itself.

    Source: Agresti & Coull (1998), American Statistician 52, 119-126, for the share.
    """
    n = sum(band.n for band in bands)
    shares = [(band.n, (band.hits + 2) / (band.n + 4)) for band in bands]
    spread = math.sqrt(math.fsum(size * share * (1 - share) for size, share in shares)) / n
    noise = math.fsum(_excess(band) for band in bands) / n
    low = 0.0 if error <= ece_floor(bands) else max(0.0, min(error, error - noise - Z95 * spread))
    return low, min(1.0, max(error, error - noise + Z95 * spread))


def _excess(band: Band) -> float:
    """How much chance lengthens the distance of a band on average: little where it is far off, all where it is on."""
    deviation = math.sqrt(band.noise)
    if deviation == 0:
        return 0.0
    off = abs(band.hits - band.n * band.expected) / deviation
    density = math.exp(-off * off / 2) * _MEAN
    return deviation * max(0.0, density + off * math.erf(off / math.sqrt(2)) - off)
