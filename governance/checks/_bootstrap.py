"""Bootstrap from counts: how a figure over groups varies, where no formula says it.

Drawing n records with replacement and counting the cells is the same as drawing the counts of the cells from a
multinomial distribution with their shares (Efron & Tibshirani 1993, An Introduction to the Bootstrap, sections 6.2 and
13.3). So a draw costs as much as there are cells, not as there are records. The seed is fixed: the same counts give the
same interval, wherever and whenever.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from governance.checks._intervals import Interval
from governance.checks._ratios import Group

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DRAWS = 4000  # chosen here: the ends of a 95 % interval then vary by about a fiftieth of its width
SEED = 1979  # of the paper that the method is from
_MOST_UNDEFINED = 0.05  # chosen here: share of draws without a figure above which there is no interval


def resampled(counts: Sequence[int]) -> npt.NDArray[np.int64]:
    """Counts of the cells in each draw.

    Args:
        counts: Records in each cell; at least one record.

    Returns:
        Whole numbers, shape (DRAWS, cells), each row with the same sum as the counts.
    """
    import numpy as np  # noqa: PLC0415 - only checks that draw wait for it

    total = sum(counts)
    shares = np.asarray(counts, dtype=np.float64) / total
    return np.random.default_rng(SEED).multinomial(total, shares, size=DRAWS)


def percentile_interval(figures: npt.NDArray[np.float64]) -> Interval | None:
    """95 % percentile interval of the figure of each draw; None where too many draws have none (NaN).

    Source: Efron & Tibshirani (1993), section 13.3; quantiles linear between ranks.
    """
    import numpy as np  # noqa: PLC0415 - loaded by whoever drew

    defined = figures[np.isfinite(figures)]
    if defined.size < (1 - _MOST_UNDEFINED) * figures.size:
        return None
    low, high = np.quantile(defined, (0.025, 0.975))
    return float(low), float(high)


class Reselected(NamedTuple):
    """What becomes of a group where the reference is chosen anew in each draw.

    Attributes:
        interval: 95 % interval of the comparison of its rate with the highest; None where too many draws have none.
        is_highest: Share of the draws in which no group that may be the reference has a higher rate, 0..1.
    """

    interval: Interval | None
    is_highest: float


class Comparison(StrEnum):
    """How a rate is compared with the highest: divided by it, less it, or the smaller by the larger of the two."""

    QUOTIENT = "quotient"
    DIFFERENCE = "difference"
    SMALLER_BY_LARGER = "ratio"


def compared_with_highest(groups: Sequence[Group], may_refer: Sequence[bool], how: Comparison) -> list[Reselected]:
    """Each group's rate beside the highest among those that may be the reference, chosen anew in each draw.

    Args:
        groups: Each with n >= 1.
        may_refer: Whether the group may be the reference; at least one may.
        how: What is computed of the two rates.
    """
    import numpy as np  # noqa: PLC0415 - as above

    cells = [count for group in groups for count in (group.favourable, group.n - group.favourable)]
    drawn = resampled(cells).reshape(-1, len(groups), 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = drawn[:, :, 0] / drawn.sum(axis=2)
        highest = np.nanmax(np.where(np.asarray(may_refer), rates, -np.inf), axis=1, keepdims=True)
        figures = _compared(rates, highest, how)
    is_highest = (rates >= highest).mean(axis=0)
    return [Reselected(percentile_interval(figures[:, at]), float(is_highest[at])) for at in range(len(groups))]


def _compared(
    rates: npt.NDArray[np.float64], highest: npt.NDArray[np.float64], how: Comparison
) -> npt.NDArray[np.float64]:
    import numpy as np  # noqa: PLC0415 - as above

    match how:
        case Comparison.QUOTIENT:
            return rates / highest
        case Comparison.DIFFERENCE:
            return rates - highest
        case Comparison.SMALLER_BY_LARGER:
            return np.minimum(rates, highest) / np.maximum(rates, highest)
