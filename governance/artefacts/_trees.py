"""Trees as explainers read them: each leaf with the splits that lead to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Split(NamedTuple):
    """One inner node.

    Attributes:
        feature: Place of the feature among the model's columns.
        threshold: Rows below it go left.
        is_strict: Whether a row exactly on the threshold goes right.
        missing_left: Whether a missing value goes left.
        left, right: Children: places of inner nodes, or ~place of a leaf.
    """

    feature: int
    threshold: float
    is_strict: bool
    missing_left: bool
    left: int
    right: int


class Tree(NamedTuple):
    """Inner nodes, of which the first is the root, and the values of the leaves, in margin space."""

    splits: Sequence[Split]
    leaves: Sequence[float]

    def paths(self) -> Iterator[tuple[float, list[tuple[int, bool]]]]:
        """Value of each leaf, and the splits on the way to it with whether the way goes left."""
        if not self.splits:
            yield self.leaves[0], []
            return
        stack: list[tuple[int, list[tuple[int, bool]]]] = [(0, [])]
        while stack:
            place, way = stack.pop()
            if place < 0:
                yield self.leaves[~place], way
                continue
            split = self.splits[place]
            stack.append((split.right, [*way, (place, False)]))
            stack.append((split.left, [*way, (place, True)]))
