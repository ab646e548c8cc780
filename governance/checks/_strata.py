"""Two groups compared within levels of a factor: the common ratio of their rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from governance.checks._intervals import share_ratio_interval
from governance.measurement.statistics import Z95


class Level(NamedTuple):
    """One level of the factor.

    Attributes:
        favourable: Favourable decisions about the group.
        n: All of them, n >= 0.
        other_favourable: The same of the reference group.
        other_n: The same of the reference group.
    """

    favourable: int
    n: int
    other_favourable: int
    other_n: int


def common_ratio_interval(levels: Sequence[Level], z: float = Z95) -> tuple[float, float] | None:
    """95 % interval of the common ratio of Mantel and Haenszel; None where a sum of zero leaves it undefined.

    Source: Greenland & Robins (1985), Biometrics 41, 55-68: variance of the logarithm for few large or many small
        levels alike. The ratio itself is sum(a m / N) / sum(c n / N) (Tarone 1981; Nurminen 1981).
    """
    both = [level for level in levels if level.n and level.other_n]
    own = math.fsum(a * m / (n + m) for a, n, _, m in both)
    other = math.fsum(c * n / (n + m) for _, n, c, m in both)
    if own == 0 or other == 0:
        return None
    spread = math.fsum(((a + c) * n * m - a * c * (n + m)) / (n + m) ** 2 for a, n, c, m in both)
    if spread <= 0:  # everybody was favoured, so that no level varies: as if all were one level
        return share_ratio_interval(*(sum(level[place] for level in both) for place in range(4)))
    half = z * math.sqrt(spread / (own * other))
    return own / other * math.exp(-half), own / other * math.exp(half)
