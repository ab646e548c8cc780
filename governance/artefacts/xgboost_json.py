"""XGBoost models as JSON (`booster.save_model('model.json')`)."""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from governance.artefacts import Artefact, Link, Model, margin
from governance.artefacts._columns import Column, Level
from governance.artefacts._libraries import load
from governance.artefacts._trees import Split, Tree
from governance.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from governance.artefacts._columns import Matrix

# doc/parameter.rst of XGBoost, `objective`: what the raw margin goes through.
LINKS: Mapping[str, Link] = {
    "binary:logistic": "logit",
    "reg:logistic": "logit",
    "binary:logitraw": "identity",
    "reg:squarederror": "identity",
    "reg:squaredlogerror": "identity",
    "reg:pseudohubererror": "identity",
    "reg:absoluteerror": "identity",
    "rank:ndcg": "identity",
    "rank:map": "identity",
    "rank:pairwise": "identity",
    "count:poisson": "log",
    "reg:gamma": "log",
    "reg:tweedie": "log",
    "survival:cox": "log",
}
NO_CHILD = -1
ROWS_AT_ONCE = 20_000  # a matrix of contributions of 100 columns is then 16 MB


class XGBoostJSON(Artefact):
    """XGBoost's JSON format."""

    format = "xgboost-json"
    library = "xgboost"

    def recognises(self, head: bytes) -> bool:
        """Whether the file is a JSON object whose first member is XGBoost's."""
        return re.match(rb'\s*\{\s*"(learner|version)"\s*:\s*[\[{]', head) is not None and b'"learner"' in head

    def read(self, content: bytes, where: str) -> Model:
        """The model, read once as JSON for its names and once by XGBoost."""
        xgboost = load("xgboost")
        try:
            booster = xgboost.Booster(params={"verbosity": 0})
            learner = json.loads(content)["learner"]
            booster.load_model(bytearray(content))
            return XGBoostModel(booster, learner, where)
        except (
            xgboost.core.XGBoostError,
            ValueError,
            KeyError,
            TypeError,
            IndexError,
            AttributeError,
            RecursionError,
        ) as error:
            hint = "the file is damaged; save it again"
            raise SourceError("XGBoost cannot read this model", where=where, hint=hint) from error


class XGBoostModel:
    """A loaded XGBoost booster with one margin per row.

    A model trained with early stopping holds more trees than its best iteration. As XGBoost's own estimators do, and
    shap, the trees up to the best iteration are used.
    """

    link_scale = 1.0

    def __init__(self, booster: Any, learner: Mapping[str, Any], where: str) -> None:
        self.booster = booster
        self.where = where
        self.library = f"xgboost {load('xgboost').__version__}"
        parameters = learner["learner_model_param"]
        self.objective = str(learner["objective"]["name"])
        if int(parameters["num_class"]) > 1 or int(parameters.get("num_target", 1)) > 1:
            what = "the model has several outputs, and only models with one score per row are explained"
            raise SourceError(what, where=where, hint="register one model per class")
        if self.objective not in LINKS:
            what = f"the link of the objective '{self.objective}' is not known here"
            raise SourceError(what, where=where, hint=f"known are {', '.join(LINKS)}")
        self.link = LINKS[self.objective]
        self.classes = 2 if self.link == "logit" or self.objective == "binary:logitraw" else 1
        self.base = _base(parameters["base_score"], self.link)
        inner = learner["gradient_booster"]
        model = inner.get("gbtree", inner)["model"]  # dart wraps a gbtree
        rounds = model.get("iteration_indptr") or []
        best = learner.get("attributes", {}).get("best_iteration")
        self.iterations = (0, int(best) + 1 if best is not None and rounds else 0)  # (0, 0) means all
        self.trees = rounds[self.iterations[1]] if self.iterations[1] else len(model.get("trees", []))
        self._trees = model.get("trees") if inner.get("name") == "gbtree" else None
        self.has_categorical_splits = any(tree.get("categories") for tree in model.get("trees", []))
        self.columns = _columns(learner, model, int(booster.num_features()))
        self.booster.feature_names = [column.name for column in self.columns]

    def margins(self, matrix: Matrix) -> Matrix:
        """Raw margins, shape (n,)."""
        return self._predict(matrix, output_margin=True)

    def scores(self, matrix: Matrix) -> Matrix:
        """Scores, shape (n,)."""
        return self._predict(matrix)

    def contributions(self, matrix: Matrix) -> Matrix:
        """Path-dependent contributions, shape (n, columns + 1)."""
        return self._predict(matrix, pred_contribs=True)

    def as_compared(self, matrix: Matrix) -> Matrix:
        """The rows as the trees compare them: rounded to float32."""
        return matrix.astype("float32").astype("float64")

    def grown(self) -> Iterator[Tree]:
        """The trees up to the best iteration; dropped-out and linear boosters do not add up to the margin."""
        if self._trees is None:
            what = "the booster is not a plain sum of trees (dart, gblinear)"
            raise SourceError(what, where=self.where, hint="use the method 'native'")
        for tree in self._trees[: self.trees]:
            yield _tree(tree)

    def _predict(self, matrix: Matrix, **options: bool) -> Matrix:
        import numpy as np  # noqa: PLC0415  (only children load numpy)

        parts = range(0, max(1, len(matrix)), ROWS_AT_ONCE)
        found: Matrix = np.concatenate(
            [self._predict_some(matrix[start : start + ROWS_AT_ONCE], options) for start in parts]
        )
        return found

    def _predict_some(self, matrix: Matrix, options: Mapping[str, bool]) -> Matrix:
        xgboost = load("xgboost")
        try:
            rows = xgboost.DMatrix(
                matrix,
                feature_names=self.booster.feature_names,
                feature_types=self.booster.feature_types,
                enable_categorical=True,
            )
            found: Matrix = self.booster.predict(rows, iteration_range=self.iterations, **options).astype("float64")
        except (xgboost.core.XGBoostError, ValueError) as error:
            what = f"XGBoost cannot score these rows: {str(error).splitlines()[0][-200:]}"
            raise SourceError(what, where=self.where, hint="look for infinite values") from error
        return found


def _base(base_score: str, link: Link) -> float:
    """The base margin. It is written as a score, since 3.1 in a list; at a bound of the link it is no number."""
    base = margin(float(base_score.strip("[]")), link)
    if not math.isfinite(base):
        raise ValueError(f"a base score of {base_score} has no margin")
    return base


def _columns(learner: Mapping[str, Any], model: Mapping[str, Any], count: int) -> tuple[Column, ...]:
    names = learner.get("feature_names") or [
        f"f{number}" for number in range(count)
    ]  # as XGBoost's own dumps call them
    types = learner.get("feature_types") or ["q"] * count
    encodings = model.get("cats", {}).get("enc") or [{}] * count
    return tuple(
        Column(str(name), kind == "c", _levels(encoding) if kind == "c" else None)
        for name, kind, encoding in zip(names, types, encodings, strict=True)
    )


def _levels(encoding: Mapping[str, Any]) -> tuple[Level, ...] | None:
    """The categories of one feature in the order of their codes; text is stored as bytes with offsets.

    Up to 3.2, names with letters beyond ASCII that came from pandas were stored cut off, with offsets that count
    letters instead of bytes (mended by dmlc/xgboost pull request 12371). Such a list cannot be told from a good one,
    so it counts as not stored.
    """
    values = encoding.get("values") or []
    if "offsets" not in encoding:
        return tuple(values) or None
    content = bytes(value % 256 for value in values)  # signed in the file
    if not content.isascii():
        return None
    return tuple(content[start:end].decode("ascii") for start, end in pairwise(encoding["offsets"])) or None


def _tree(tree: Mapping[str, Any]) -> Tree:
    """One tree of the file, its nodes parted into splits and leaves; a leaf's value stands in `split_conditions`."""
    import numpy as np  # noqa: PLC0415  (only children load numpy)

    left, right = tree["left_children"], tree["right_children"]
    # Written as decimals of float32: read as float64, a row on the threshold would fall on its other side.
    conditions = np.asarray(tree["split_conditions"], np.float32)
    place_of: dict[int, int] = {}
    leaves: list[float] = []
    for node, child in enumerate(left):
        if child == NO_CHILD:
            place_of[node] = ~len(leaves)
            leaves.append(float(conditions[node]))
    inner = [node for node, child in enumerate(left) if child != NO_CHILD]
    place_of |= {node: place for place, node in enumerate(inner)}
    splits = [
        Split(
            int(tree["split_indices"][node]),
            float(conditions[node]),
            is_strict=True,
            missing_left=bool(tree["default_left"][node]),
            left=place_of[left[node]],
            right=place_of[right[node]],
        )
        for node in inner
    ]
    return Tree(splits, leaves)


ARTEFACT = XGBoostJSON()
