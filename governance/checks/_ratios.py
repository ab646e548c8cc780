"""Arithmetic of impact ratios: their bounds under unknown groups, and the outcomes that flip a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Group(NamedTuple):
    """Favourable decisions of a group, and all of them that say which they were."""

    favourable: int
    n: int

    @property
    def rate(self) -> Fraction:
        """Share of favourable ones; n >= 1."""
        return Fraction(self.favourable, self.n)


class Bounds(NamedTuple):
    """How far decisions whose group is not known could move a ratio; None where a denominator could be zero."""

    worst: float | None
    proportional: float | None
    best: float | None


def ratio_bounds(group: Group, references: Sequence[Group], unknown: Group, known: int, *, is_highest: bool) -> Bounds:
    """Bounds of the ratio of a group's rate to the highest rate among others.

    Args:
        group: The group.
        references: The other groups that may be the reference; one if it is named.
        unknown: The decisions whose group is not known.
        known: Decisions of all groups that are known.
        is_highest: Whether the reference is whichever group has the highest rate, so that no ratio exceeds 1.

    Returns:
        The ratio if every refused unknown belonged to the group and every favoured one to the reference; if the
        unknowns spread over the groups by size, each with the rate of the unknowns; and the largest ratio that any
        attribution of the unknowns could give. Bounds of the attribution, not of chance.
    """
    favoured, refused = unknown.favourable, unknown.n - unknown.favourable
    highest_possible = max((Fraction(j + favoured, m + favoured) for j, m in references), default=Fraction(0))
    lowest_possible = _lowest_maximum(references, refused)
    added = Fraction(favoured, known)
    highest = max((other.rate for other in references), default=Fraction(0)) + added
    cap = Fraction(1) if is_highest else None
    return Bounds(
        _ratio(Fraction(group.favourable, group.n + refused), highest_possible, cap),
        _ratio(group.rate + added, highest, cap),
        _ratio(Fraction(group.favourable + favoured, group.n + favoured), lowest_possible, cap),
    )


def _ratio(rate: Fraction, reference: Fraction, cap: Fraction | None) -> float | None:
    if reference == 0:
        return None
    return float(rate / reference if cap is None else min(rate / reference, cap))


def _lowest_maximum(groups: Sequence[Group], refused: int) -> Fraction:
    """The lowest that the highest rate of the groups can become by adding that many refusals to them.

    They go to the groups with the highest rates, so that these sink to one level together.
    """
    ordered = sorted((group for group in groups if group.favourable), key=lambda group: group.rate, reverse=True)
    favourable, n, level = 0, refused, Fraction(0)
    for place, group in enumerate(ordered):
        favourable, n = favourable + group.favourable, n + group.n
        level = Fraction(favourable, n)
        if place + 1 == len(ordered) or level >= ordered[place + 1].rate:
            break
    return level


def flipping_outcomes(group: Group, reference: Group, limit: Fraction) -> int | None:
    """Fewest outcomes of the group that would have to change for the other verdict, or None if none can do it."""
    needed = limit * reference.rate * group.n  # favourable outcomes at which the ratio is exactly on the limit
    if group.favourable >= needed:
        flips = group.favourable - math.ceil(needed) + 1
        return flips if flips <= group.favourable else None
    flips = math.ceil(needed) - group.favourable
    return flips if group.favourable + flips <= group.n else None
