"""Interventional contributions against a registered background, by the library shap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.errors import SourceError
from governance.explainers import Explainer, Shares

if TYPE_CHECKING:
    from governance.artefacts import Model
    from governance.artefacts._columns import Matrix

ROWS_AT_ONCE = 500


class Shap(Explainer):
    """shap's `TreeExplainer` with a background: what if a feature had the value it has in the background's rows?

    The base value is the mean of the model's own margins over the background. Features that the model does not read
    get exactly 0. Models that split by category cannot be explained this way; use `native` for them.

    Source: Lundberg et al. (2020), Nature Machine Intelligence 2, algorithm 3; Janzing et al. (2020), Feature
    relevance quantification in explainable AI, on why to intervene.
    """

    method = "shap"
    needs_background = True
    formats = frozenset({"lightgbm-text", "xgboost-json"})
    library = "shap"
    pairs_at_once = 2_000_000  # measured: 25 to 40 s for 100 trees
    uses_all_cores = False  # its C code runs on one and holds the interpreter's lock

    def version(self) -> str | None:
        """Name and version of shap."""
        import shap  # noqa: PLC0415  (1.3 s and 0.2 GB: only in a child)

        return f"shap {shap.__version__}"

    def attribute(self, model: Model, rows: Matrix, background: Matrix | None) -> Shares:
        """Contributions by shap, each row of the background counting once."""
        import numpy as np  # noqa: PLC0415  (only children load numpy)
        import shap  # noqa: PLC0415  (this is the file that owns it)

        if background is None:
            raise ValueError("the method needs a background")
        if model.has_categorical_splits:
            what = "the model splits by category, which the method 'shap' cannot explain"
            raise SourceError(what, hint="use the method 'native'")
        if model.trees == 0:
            raise SourceError("the model has no trees", hint="use the method 'native'")
        compared = model.as_compared(background)
        # A background given as it is would be cut to 100 rows without a word.
        masker = shap.maskers.Independent(compared, max_samples=len(compared))
        try:
            trees = shap.TreeExplainer(
                model.booster, data=masker, feature_perturbation="interventional", model_output="raw"
            )
        except (NotImplementedError, ValueError, TypeError, AssertionError, KeyError, IndexError) as error:
            what = f"shap cannot read this model: {type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"
            raise SourceError(what, hint="use the method 'native'") from error
        parts = [model.as_compared(rows[start : start + ROWS_AT_ONCE]) for start in range(0, len(rows), ROWS_AT_ONCE)]
        # shap would compare with its own reading of the trees; the caller compares with the model.
        found = np.concatenate([trees.shap_values(part, check_additivity=False) for part in parts])
        return Shares(float(model.margins(background).mean()), found)


EXPLAINER = Shap()
