"""LightGBM models as text (`booster.save_model`)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from governance.artefacts import Artefact, Link, Model
from governance.artefacts._columns import Column, Level
from governance.artefacts._libraries import load
from governance.artefacts._trees import Split, Tree
from governance.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from governance.artefacts._columns import Matrix

# docs/Parameters.rst of LightGBM, `objective`: what the raw margin goes through.
LINKS: Mapping[str, Link] = {
    "binary": "logit",
    "cross_entropy": "logit",
    "xentropy": "logit",
    "regression": "identity",
    "regression_l1": "identity",
    "huber": "identity",
    "fair": "identity",
    "quantile": "identity",
    "mape": "identity",
    "lambdarank": "identity",
    "rank_xendcg": "identity",
    "custom": "identity",
    "poisson": "log",
    "gamma": "log",
    "tweedie": "log",
}
# include/LightGBM/tree.h and meta.h: bits 2 and 3 of a split's decision_type, and what counts as zero.
MISSING_IS_ZERO, ZERO_IS_MISSING = 0, 1
MISSING_LEFT = 2  # bit 1 of decision_type: where a missing value goes
ZERO_THRESHOLD = 1e-35
ROWS_AT_ONCE = 20_000  # a matrix of contributions of 100 columns is then 16 MB


class LightGBMText(Artefact):
    """LightGBM's text format, versions 3 and 4."""

    format = "lightgbm-text"
    library = "lightgbm"

    def recognises(self, head: bytes) -> bool:
        """Whether the file begins with a tree model and its version."""
        return re.match(rb"tree\r?\nversion=v\d+\r?\n", head) is not None

    def read(self, content: bytes, where: str) -> Model:
        """The model, after a check that the text is whole: LightGBM itself takes a cut one for a smaller model."""
        try:
            text = content.decode("utf-8").replace("\r\n", "\n")  # it finds trees by byte offsets; CR would shift them
        except UnicodeDecodeError as error:
            raise SourceError(f"byte {error.start} is not text", where=where, hint="the file is damaged") from error
        header = _header(text)
        _require_whole(text, header, where)
        lightgbm = load("lightgbm")
        try:
            booster = lightgbm.Booster(model_str=text, params={"verbosity": -1})
            return LightGBMModel(booster, text, header, where)
        except (lightgbm.basic.LightGBMError, ValueError, KeyError, TypeError) as error:
            hint = "the file is damaged; save it again"
            raise SourceError("LightGBM cannot read this model", where=where, hint=hint) from error


class LightGBMModel:
    """A loaded LightGBM booster with one margin per row."""

    base = 0.0  # the mean of the training labels is in the leaves of the first tree

    def __init__(self, booster: Any, text: str, header: Mapping[str, str], where: str) -> None:
        self.booster = booster
        self.where = where
        self.library = f"lightgbm {load('lightgbm').__version__}"
        self.trees = int(booster.num_trees())
        self.objective = header.get("objective", "custom")
        if int(header.get("num_tree_per_iteration", "1")) != 1:
            what = f"the model has {header['num_class']} classes, and only models with one score per row are explained"
            raise SourceError(what, where=where, hint="register one model per class")
        if re.search(r"^average_output$", text.partition("\nTree=")[0], re.MULTILINE):
            what = "the model is a random forest, whose score is an average and whose margins are sums"
            raise SourceError(what, where=where, hint="train it with boosting=gbdt")
        if re.search(r"^is_linear=1$", text, re.MULTILINE):
            what = "the model has linear leaves, which no explainer here can attribute"
            raise SourceError(what, where=where, hint="train it with linear_tree=false")
        self.link, self.link_scale = _link(self.objective, where)
        self.classes = 2 if self.link == "logit" else 1
        self.columns = _columns(booster.feature_name(), text)
        self.has_categorical_splits = re.search(r"^num_cat=[1-9]", text, re.MULTILINE) is not None
        self.missing = _missing(text)
        self._text = text

    def margins(self, matrix: Matrix) -> Matrix:
        """Raw margins, shape (n,)."""
        return self._predict(matrix, raw_score=True)

    def scores(self, matrix: Matrix) -> Matrix:
        """Scores, shape (n,)."""
        return self._predict(matrix)

    def contributions(self, matrix: Matrix) -> Matrix:
        """Path-dependent contributions, shape (n, columns + 1)."""
        return self._predict(matrix, pred_contrib=True)

    def as_compared(self, matrix: Matrix) -> Matrix:
        """The rows as the trees compare them.

        A feature that had no missing value in training takes a missing one for 0; under `zero_as_missing` it is the
        other way round. Readers of trees such as shap know neither.
        """
        import numpy as np  # noqa: PLC0415  (only children load numpy)

        found = matrix.copy()
        for feature, kinds in self.missing.items():
            if len(kinds) > 1:
                what = f"the model treats missing values of '{self.columns[feature].name}' in different ways"
                raise SourceError(what, where=self.where, hint="use the method 'native'")
            column = found[:, feature]
            if kinds == {MISSING_IS_ZERO}:
                column[np.isnan(column)] = 0.0
            elif kinds == {ZERO_IS_MISSING}:
                column[abs(column) <= ZERO_THRESHOLD] = np.nan
        return found

    def grown(self) -> Iterator[Tree]:
        """The trees of the text; its leaves hold the learning rate and, in the first tree, the base."""
        for block in re.split(r"^Tree=\d+$", self._text, flags=re.MULTILINE)[1:]:
            yield _tree(dict(line.split("=", 1) for line in block.partition("\n\n\n")[0].splitlines() if "=" in line))

    def _predict(self, matrix: Matrix, **options: bool) -> Matrix:
        import numpy as np  # noqa: PLC0415  (only children load numpy)

        parts = range(0, max(1, len(matrix)), ROWS_AT_ONCE)
        found: Matrix = np.concatenate(
            [self._predict_some(matrix[start : start + ROWS_AT_ONCE], options) for start in parts]
        )
        return found

    def _predict_some(self, matrix: Matrix, options: Mapping[str, bool]) -> Matrix:
        try:
            found: Matrix = self.booster.predict(matrix, **options)
        except load("lightgbm").basic.LightGBMError as error:
            hint = "the model may be damaged"
            raise SourceError("LightGBM cannot score these rows", where=self.where, hint=hint) from error
        return found


def _header(text: str) -> dict[str, str]:
    """The lines `key=value` before the first tree."""
    lines = text.partition("\nTree=")[0].splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _require_whole(text: str, header: Mapping[str, str], where: str) -> None:
    promised = len(header.get("tree_sizes", "").split())
    found = len(re.findall(r"^Tree=\d+$", text, re.MULTILINE))
    if found != promised or "\nend of trees\n" not in text:
        what = f"the model is cut off: {found} of its {promised} trees are here"
        raise SourceError(what, where=where, hint="copy the file again")


def _link(objective: str, where: str) -> tuple[Link, float]:
    name, *parameters = objective.split()
    if name not in LINKS or "sqrt" in parameters:
        what = f"the link of the objective '{objective}' is not known here"
        raise SourceError(what, where=where, hint=f"known are {', '.join(LINKS)}")
    scales = [float(parameter.removeprefix("sigmoid:")) for parameter in parameters if parameter.startswith("sigmoid:")]
    return LINKS[name], scales[0] if scales else 1.0


def _columns(names: list[str], text: str) -> tuple[Column, ...]:
    """The inputs; levels where the model was trained on a pandas frame, which lists them by categorical column."""
    found = re.search(r"^\[categorical_feature: ([\d,]+)\]$", text, re.MULTILINE)
    places = sorted({int(place) for place in found[1].split(",") if place}) if found else []
    listed = re.search(r"^pandas_categorical:(\[.*\])$", text, re.MULTILINE)
    levels: list[list[Level]] = json.loads(listed[1]) if listed else []
    # Columns named as categorical by number beside those of the frame make the list's order ambiguous: then no levels.
    by_place = dict(zip(places, map(tuple, levels), strict=True)) if len(levels) == len(places) else {}
    return tuple(Column(name, place in places, by_place.get(place)) for place, name in enumerate(names))


def _missing(text: str) -> dict[int, set[int]]:
    """Feature -> how its splits treat missing values."""
    found: dict[int, set[int]] = {}
    features = re.findall(r"^split_feature=(.*)$", text, re.MULTILINE)
    decisions = re.findall(r"^decision_type=(.*)$", text, re.MULTILINE)
    for features_of_tree, decisions_of_tree in zip(features, decisions, strict=True):
        for feature, decision in zip(features_of_tree.split(), decisions_of_tree.split(), strict=True):
            found.setdefault(int(feature), set()).add(int(decision) >> 2 & 3)
    return found


def _tree(fields: Mapping[str, str]) -> Tree:
    """One tree of the text; a child below zero is ~place of a leaf, as in `Split`."""
    leaves = [float(value) for value in fields["leaf_value"].split()]
    if "split_feature" not in fields or not fields["split_feature"]:
        return Tree((), leaves)
    columns = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
    rows = zip(*(fields[name].split() for name in columns), strict=True)
    splits = [
        Split(
            int(feature),
            float(threshold),
            is_strict=False,
            missing_left=bool(int(decision) & MISSING_LEFT),
            left=int(left),
            right=int(right),
        )
        for feature, threshold, decision, left, right in rows
    ]
    return Tree(splits, leaves)


ARTEFACT = LightGBMText()
