"""Small models with known content, trained once for all tests that need one."""

import hashlib
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import xgboost

Floats = npt.NDArray[np.float64]

FEATURES = ("income", "debt", "age", "unused", "odd name")  # nothing was learnt from `unused`
N_ROWS = 1400


class Booster(NamedTuple):
    """A trained model, as bytes and as its own library gives it."""

    format: str
    content: bytes
    native: Any

    def save(self, folder: Path) -> tuple[Path, str]:
        """Path and digest of the model, written under a name that says nothing."""
        path = folder / f"{self.format}.bin"
        path.write_bytes(self.content)
        return path, hashlib.sha256(self.content).hexdigest()

    def margins(self, rows: Floats) -> Floats:
        """Raw margins by the library itself."""
        return self._predict(rows, "raw_score", "output_margin")

    def scores(self, rows: Floats) -> Floats:
        """Scores by the library itself."""
        return self._predict(rows, None, None)

    def contributions(self, rows: Floats) -> Floats:
        """Path-dependent contributions by the library itself."""
        return self._predict(rows, "pred_contrib", "pred_contribs")

    def _predict(self, rows: Floats, lightgbm_option: str | None, xgboost_option: str | None) -> Floats:
        if self.format == "lightgbm-text":
            return np.asarray(self.native.predict(rows, **({lightgbm_option: True} if lightgbm_option else {})))
        frame = xgboost.DMatrix(rows, feature_names=self.native.feature_names)
        found = self.native.predict(frame, **({xgboost_option: True} if xgboost_option else {}))
        return np.asarray(found, dtype=np.float64)


@cache
def rows() -> Floats:
    """Float64, shape (1400, 5), one value in twelve missing."""
    generator = np.random.default_rng(7)
    found = generator.normal(size=(N_ROWS, len(FEATURES)))
    found[:, 2] = np.round(found[:, 2] * 10)  # many equal values, some on thresholds
    found[generator.random(found.shape) < 1 / 12] = math.nan
    return found


@cache
def labels() -> npt.NDArray[np.int64]:
    """0 or 1; an interaction, and nothing of `unused`."""
    filled = np.nan_to_num(rows())
    wish = filled[:, 0] - filled[:, 1] * (filled[:, 2] > 0) + 0.5 * filled[:, 4]
    return (wish + np.random.default_rng(8).normal(size=N_ROWS) * 0.3 > 0.2).astype(np.int64)


@cache
def lightgbm_model(**parameters: float | str | bool) -> Booster:
    """A LightGBM classifier of 20 trees that never splits on `unused`; `whole`: without missing values in training."""
    hidden = np.nan_to_num(rows()) if parameters.pop("whole", False) else rows().copy()
    hidden[:, 3] = 0.0
    names = [name.replace(" ", "_") for name in FEATURES]
    training = lightgbm.Dataset(hidden, labels(), feature_name=names, params={"verbosity": -1})
    settings = {"objective": "binary", "num_leaves": 15, "verbosity": -1, "num_threads": 2, **parameters}
    native = lightgbm.train(settings, training, 20)
    return Booster("lightgbm-text", native.model_to_string().encode(), native)


@cache
def xgboost_model(**parameters: float | str | bool) -> Booster:
    """An XGBoost classifier of 20 trees that never splits on `unused`."""
    hidden = rows().copy()
    hidden[:, 3] = 0.0
    training = xgboost.DMatrix(hidden, labels(), feature_names=list(FEATURES))
    settings = {"objective": "binary:logistic", "nthread": 2, "verbosity": 0, **parameters}
    native = xgboost.train(settings, training, 20)
    return Booster("xgboost-json", bytes(native.save_raw("json")), native)


MODELS = {"lightgbm-text": lightgbm_model, "xgboost-json": xgboost_model}


def table(values: Floats, names: tuple[str, ...] = FEATURES) -> pa.Table:
    """Rows as a log has them: NaN is null."""
    return pa.table({name: pa.array(values[:, number], from_pandas=True) for number, name in enumerate(names)})


@cache
def categories(largest: str = "gross") -> pd.DataFrame:
    """A frame with text categories, whole-number categories, and a number."""
    generator = np.random.default_rng(9)
    return pd.DataFrame(
        {
            "amount": generator.normal(size=800),
            "grade": pd.Categorical(generator.choice(["gut", largest, "x"], 800)),
            "region": pd.Categorical(generator.choice([30, 10, 20], 800)),
        }
    )


@cache
def categorical_model(format: str, largest: str = "gross") -> Booster:  # noqa: A002  (the word of ArtefactFacts)
    """A model with native categories."""
    frame = categories(largest)
    label = (frame["amount"] + (frame["grade"] == largest) - (frame["region"] == 10) > 0).astype(int)
    if format == "lightgbm-text":
        settings: Mapping[str, Any] = {"objective": "binary", "verbosity": -1, "min_data_per_group": 10}
        native = lightgbm.train(dict(settings), lightgbm.Dataset(frame, label, params={"verbosity": -1}), 8)
        return Booster(format, native.model_to_string().encode(), native)
    grown = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(frame, label, enable_categorical=True), 8)
    return Booster(format, bytes(grown.save_raw("json")), grown)
