"""Bands of a score: each holds its lower edge and not its upper one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

MOST_BANDS = 100  # chosen here: more than a reader takes in, fewer than a statement can hold


def _rising(edges: tuple[float, ...]) -> tuple[float, ...]:
    if not all(map(math.isfinite, edges)) or any(one >= other for one, other in pairwise(edges)):
        raise ValueError("the edges of bands are finite numbers that rise")
    return edges


Count = Annotated[int, Field(ge=2, le=MOST_BANDS)]
Edges = Annotated[tuple[float, ...], Field(min_length=1, max_length=MOST_BANDS - 1), AfterValidator(_rising)]
Bands = Count | Edges


def edges_of(bands: int | Sequence[float]) -> tuple[float, ...]:
    """The edges between bands: as given, or those of so many equal bands of 0..1."""
    if isinstance(bands, int):
        return tuple(place / bands for place in range(1, bands))
    return tuple(bands)


def number_sql(edges: Sequence[float], column: str) -> str:
    """SQL of the number of the band that a number lies in, from 0; null where it is null."""
    tests = " ".join(f"WHEN {column} < CAST('{edge!r}' AS DOUBLE) THEN {place}" for place, edge in enumerate(edges))
    return f"CASE WHEN {column} IS NULL THEN NULL {tests} ELSE {len(edges)} END"


def name_sql(edges: Sequence[float], column: str) -> str:
    """SQL of the name of a band from its number."""
    texts = [repr(edge).removesuffix(".0") for edge in edges]
    names = [f"below {texts[0]}", *(f"{low} to {high}" for low, high in pairwise(texts)), f"from {texts[-1]}"]
    tests = " ".join(f"WHEN {place} THEN '{name}'" for place, name in enumerate(names))
    return f"CASE {column} {tests} END"
