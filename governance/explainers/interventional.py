"""Interventional contributions against a registered background, counted leaf by leaf: exact and fast."""

from __future__ import annotations

from math import factorial
from typing import TYPE_CHECKING

from governance.errors import SourceError
from governance.explainers import Explainer, Shares

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy as np
    import numpy.typing as npt

    from governance.artefacts import Model
    from governance.artefacts._columns import Matrix
    from governance.artefacts._trees import Tree

    Bits: TypeAlias = npt.NDArray[np.int64]
    Flags: TypeAlias = npt.NDArray[np.bool_]

MOST_FEATURES = 40  # on the way to one leaf; its patterns are bits of one integer
PAIRS_AT_ONCE = 4_000_000  # of patterns, some 200 MB


class Interventional(Explainer):
    """The same values as the method `shap`, without comparing every row with every row of the background.

    Whether a row goes the way to a leaf is a pattern: one bit for each feature on that way. A coalition of features
    reaches the leaf if it holds every feature whose bit only the row has (a of them) and none whose bit only the
    background has (b of them); so the first earn value x (a-1)! b! / (a+b)! each, the others lose value x a! (b-1)! /
    (a+b)!. These depend on the two patterns alone, of which there are few: rows of the background with the same pattern
    are counted once.

    Source: the weights are those of Lundberg et al. (2020), Nature Machine Intelligence 2, algorithm 3; to count
    patterns per leaf follows Laberge & Pequignot (2022), Understanding interventional TreeSHAP, section 3.
    """

    method = "interventional"
    needs_background = True
    formats = frozenset({"lightgbm-text", "xgboost-json"})
    pairs_at_once = 50_000_000
    uses_all_cores = False

    def version(self) -> str | None:
        """None: it has no library but the model's own."""
        return None

    def attribute(self, model: Model, rows: Matrix, background: Matrix | None) -> Shares:
        """Contributions, each row of the background counting once."""
        import numpy as np  # noqa: PLC0415  (only children load numpy)

        if background is None:
            raise ValueError("the method needs a background")
        if model.has_categorical_splits:
            what = "the model splits by category, which the method 'interventional' cannot explain"
            raise SourceError(what, hint="use the method 'native'")
        found = np.zeros(rows.shape)
        explained, compared = model.as_compared(rows), model.as_compared(background)
        for tree in model.grown():
            _add_tree(tree, explained, compared, found)
        return Shares(float(model.margins(background).mean()), found)


def _add_tree(tree: Tree, rows: Matrix, background: Matrix, found: Matrix) -> None:
    """Adds the contributions of one tree to `found`, shape (n, columns)."""
    goes_left = [_goes_left(tree, place, rows) for place in range(len(tree.splits))]
    background_left = [_goes_left(tree, place, background) for place in range(len(tree.splits))]
    for value, way in tree.paths():
        features = list(dict.fromkeys(tree.splits[place].feature for place, _ in way))
        if len(features) > MOST_FEATURES:
            raise SourceError(f"a way to a leaf holds {len(features)} features", hint="use the method 'native'")
        bit = {feature: 1 << number for number, feature in enumerate(features)}
        own = _patterns(tree, way, bit, goes_left, len(rows))
        other = _patterns(tree, way, bit, background_left, len(background))
        if features:
            _add_leaf(value, features, own, other, found)


def _goes_left(tree: Tree, place: int, rows: Matrix) -> Flags:
    import numpy as np  # noqa: PLC0415  (only children load numpy)

    split = tree.splits[place]
    column = rows[:, split.feature]
    left = column < split.threshold if split.is_strict else column <= split.threshold
    return np.asarray(np.where(np.isnan(column), split.missing_left, left), np.bool_)


def _patterns(tree: Tree, way: list[tuple[int, bool]], bit: dict[int, int], left: list[Flags], n: int) -> Bits:
    """For each row, a bit for each feature: whether the row goes this way at every split on the feature."""
    import numpy as np  # noqa: PLC0415  (only children load numpy)

    fails = np.zeros(n, np.int64)
    for place, is_left in way:
        fails |= np.where(left[place] == is_left, 0, bit[tree.splits[place].feature])
    return (sum(bit.values())) & ~fails


def _add_leaf(value: float, features: list[int], own: Bits, other: Bits, found: Matrix) -> None:
    import numpy as np  # noqa: PLC0415  (only children load numpy)

    whole = (1 << len(features)) - 1
    mine, which = np.unique(own, return_inverse=True)
    theirs, counts = np.unique(other, return_counts=True)
    earned, lost = _weights(len(features))
    step = max(1, PAIRS_AT_ONCE // len(theirs))
    worth = np.zeros((len(mine), len(features)))
    for start in range(0, len(mine), step):
        part = mine[start : start + step, None]
        reached = ((part | theirs) == whole) * counts
        only_mine, only_theirs = part & ~theirs, theirs & ~part
        a, b = np.bitwise_count(only_mine), np.bitwise_count(only_theirs)
        gain, loss = reached * earned[a, b], reached * lost[a, b]
        for number in range(len(features)):
            has, lacks = only_mine >> number & 1, only_theirs >> number & 1
            worth[start : start + step, number] = (has * gain - lacks * loss).sum(axis=1)
    found[:, features] += (value / len(other)) * worth[which]


def _weights(features: int) -> tuple[Matrix, Matrix]:
    """(a-1)! b! / (a+b)! and a! (b-1)! / (a+b)! for a and b from 0 to the number of features; 0 where a or b is."""
    import numpy as np  # noqa: PLC0415  (only children load numpy)

    earned = np.zeros((features + 1, features + 1))
    lost = np.zeros_like(earned)
    for a in range(features + 1):
        for b in range(features + 1):
            if a:
                earned[a, b] = factorial(a - 1) * factorial(b) / factorial(a + b)
            if b:
                lost[a, b] = factorial(a) * factorial(b - 1) / factorial(a + b)
    return earned, lost


EXPLAINER = Interventional()
