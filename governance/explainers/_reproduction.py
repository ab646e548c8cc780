"""Whether an explanation adds up to the score that was logged, which no check of a library's own can tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from governance.artefacts import Link, margin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Arithmetic(NamedTuple):
    """How exactly a library computes."""

    tolerance: float  # of a margin; measured over 300 trees: 3e-14 for LightGBM, 7e-6 for XGBoost
    epsilon: float  # relative rounding of a score, IEEE 754
    smallest: float  # positive score


ARITHMETICS: Mapping[str, Arithmetic] = {
    "lightgbm-text": Arithmetic(1e-6, 2.0**-52, 5e-324),
    "xgboost-json": Arithmetic(1e-5, 2.0**-23, 1e-45),
}


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The distance between an explanation and the logged score, in margin space.

    Attributes:
        error: |base + contributions - margin of the logged score|; None where the logged number is no score of that
            link (a probability of 1.2), or the explanation is no number.
        tolerance: What arithmetic and the rounding in the log explain.
        equal: Whether the error is within the tolerance.
    """

    error: float | None
    tolerance: float
    equal: bool


def reproduction(
    logged_score: float,
    logged_text_digits: int | None,
    base: float,
    contributions: Iterable[float],
    link: Link,
    *,
    format: str,  # noqa: A002  (the word of ArtefactFacts)
    link_scale: float = 1.0,
) -> Reproduction:
    """Compares an explanation with the score in the log.

    A score logged as 0.7312 was anything from 0.73115 to 0.73125. Both ends are carried through the link, and the
    tolerance is that of the library's arithmetic and the way from the logged number's margin to the end on the
    explanation's side. (Near 0 and 1, where the link is steep, its slope at the number would say too little.) A
    number at a bound of the link, such as a probability logged as 1.000, has no margin: there the inner end stands for
    it, and every explanation beyond that end agrees.

    Args:
        logged_score: The score as logged, in score space.
        logged_text_digits: Digits after the decimal point in the log (4 for 0.7312); None if it was a full float.
        base: Base value, in margin space.
        contributions: One per feature, in margin space.
        link: From margin to score.
        format: Format of the model file, for its library's arithmetic.
        link_scale: Slope of the logistic link.
    """
    arithmetic = ARITHMETICS[format]
    half = max(arithmetic.epsilon * abs(logged_score), arithmetic.smallest)
    if logged_text_digits is not None:
        half += 0.5 * 10.0**-logged_text_digits
    explained = math.fsum((base, *contributions))
    low, middle, high = (_margin(logged_score + step, half, link, link_scale) for step in (-half, 0.0, half))
    if not math.isfinite(explained) or math.isnan(low + middle + high):
        return Reproduction(None, arithmetic.tolerance, equal=False)
    if math.isinf(middle):
        inner = low if middle > 0 else high
        beyond = explained >= inner if middle > 0 else explained <= inner
        error, reach = (0.0 if beyond else abs(explained - inner)), 0.0
    else:
        error, reach = abs(explained - middle), high - middle if explained >= middle else middle - low
    tolerance = arithmetic.tolerance + (reach if math.isfinite(reach) else error)
    return Reproduction(error, tolerance, error <= tolerance)


def _margin(value: float, half: float, link: Link, scale: float) -> float:
    """The margin of a score; rounding may lead past the link's bound, which then counts; NaN for what is no score."""
    if not math.isfinite(value):
        return math.nan
    if link == "identity":
        return value
    within = max(0.0, min(1.0, value)) if link == "logit" else max(0.0, value)
    return math.nan if abs(within - value) > half * 1.5 else margin(within, link, scale)
