"""What is done to explain rows inside the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from governance.artefacts._child import load
from governance.artefacts._columns import matrix
from governance.errors import SourceError
from governance.explainers import explainer
from governance.sandbox import Answer, Json

if TYPE_CHECKING:
    from governance.artefacts import Model
    from governance.artefacts._columns import Matrix
    from governance.explainers import Shares


# Rounding is ten times smaller (7e-6 at most, measured); what shap makes of a dart booster is 10,000 times larger.
LARGEST_ERROR = 1e-4


def explain(
    method: str, *, path: str, sha256: str, where: str, rows: pa.Table, background: pa.Table | None = None
) -> Answer:
    """Contributions, the model's own margins, and the distance between them."""
    chosen = explainer(method)
    own_version = chosen.version()  # first: shap brings scikit-learn, which a model's library then may see
    model = load(path, sha256, where)
    wanted = matrix(rows, model.columns)
    try:
        shares = chosen.attribute(model, wanted, None if background is None else matrix(background, model.columns))
    except SourceError as error:
        raise SourceError(error.what, where=error.where or where, hint=error.hint) from error
    value: Json = {"base_value": shares.base_value, "library": " on ".join(filter(None, (own_version, model.library)))}
    return Answer(value, _tables(model, wanted, shares, where))


def _tables(model: Model, rows: Matrix, shares: Shares, where: str) -> dict[str, pa.Table]:
    import numpy as np  # noqa: PLC0415  (only children load numpy)

    margins = model.margins(rows)
    errors = abs(shares.base_value + shares.contributions.sum(axis=1) - margins)
    if not np.isfinite(errors).all():
        raise SourceError("the model or the method gives no number for a row", where=where, hint="it may be damaged")
    if errors.max() > LARGEST_ERROR:
        what = f"the contributions miss the model's own margin by {errors.max():.3g}, so the method misreads this model"
        raise SourceError(what, where=where, hint="use the method 'native'")
    columns = {column.name: shares.contributions[:, number] for number, column in enumerate(model.columns)}
    return {
        "contributions": pa.table({name: pa.array(values, pa.float64()) for name, values in columns.items()}),
        "outputs": pa.table({"value": pa.array(margins), "additivity_error": pa.array(errors)}),
    }
