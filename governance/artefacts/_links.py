"""Links between a model's raw margin and the score that it answers with."""

from __future__ import annotations

import math
from typing import Literal, assert_never

Link = Literal["identity", "logit", "log"]

_STEEPEST = 700.0  # exp of more overflows a float64


def score(margin: float, link: Link, scale: float = 1.0) -> float:
    """The score that belongs to a raw margin.

    Args:
        margin: In the space in which trees are added up.
        link: `logit` for a probability, `log` for a positive amount, `identity` where they are the same.
        scale: LightGBM's `sigmoid` parameter: the slope of the logistic function; 1 elsewhere.
    """
    if link == "identity":
        return margin
    if link == "logit":
        steep = max(-_STEEPEST, min(_STEEPEST, scale * margin))
        return 1.0 / (1.0 + math.exp(-steep))
    if link == "log":
        return math.exp(min(_STEEPEST, margin))
    assert_never(link)


def margin(score: float, link: Link, scale: float = 1.0) -> float:
    """The raw margin behind a score; infinite where the score is a bound that no finite margin reaches.

    Raises:
        ValueError: The score lies outside what the link can give (a probability of 1.2, a negative amount).
    """
    if link == "identity":
        return score
    if link == "logit":
        if not 0.0 <= score <= 1.0:
            raise ValueError(f"{score} is no probability")
        if score in {0.0, 1.0}:
            return math.copysign(math.inf, score - 0.5)
        return math.log(score / (1.0 - score)) / scale
    if link == "log":
        if score < 0.0:
            raise ValueError(f"{score} is negative, so it is no exponential")
        return math.log(score) if score else -math.inf
    assert_never(link)
