"""The model library's own contributions: exact, path-dependent, with native categories, without a background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.errors import SourceError
from governance.explainers import Explainer, Shares

if TYPE_CHECKING:
    from governance.artefacts import Model
    from governance.artefacts._columns import Matrix


class Native(Explainer):
    """`pred_contrib` of LightGBM and `pred_contribs` of XGBoost.

    What a feature is worth where it is absent is taken from the training rows that went each way in the trees, so
    the comparison is with the training data, not with a registered sample. Correlated features share their credit.

    Source: Lundberg et al. (2020), From local explanations to global understanding with explainable AI for trees,
    Nature Machine Intelligence 2, algorithm 2.
    """

    method = "native"
    needs_background = False
    formats = frozenset({"lightgbm-text", "xgboost-json"})
    pairs_at_once = 200_000
    uses_all_cores = True

    def version(self) -> str | None:
        """None: it has no library but the model's own."""
        return None

    def attribute(self, model: Model, rows: Matrix, background: Matrix | None) -> Shares:
        """Contributions by the library; the base value is the last column of its matrix."""
        del background
        found = model.contributions(rows)
        bases = found[:, -1]
        if bases.min() != bases.max():
            raise SourceError("the library gives rows different base values", hint="use the method 'shap'")
        return Shares(float(bases[0]), found[:, :-1])


EXPLAINER = Native()
