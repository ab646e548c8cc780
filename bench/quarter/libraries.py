"""What a user would write with Great Expectations on pandas, fairlearn and scipy, on the first days of the quarter."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from quarter.rows import FEATURES

_IN_SET = ("decision", ["approved", "refused"])
_COLUMNS = {
    "requests": "request_uid start_ts model_served operation status latency_us business_unit fallbacks cost_reported "
    "cost_computed queue_us provider region experiment_arm cache_status".split(),
    "decisions": "decision_id decision_ts model decision favourable score confidence business_unit".split(),
    "subjects": "decision_id sex race age_band".split(),
    "outcomes": "decision_id positive".split(),
    "features": ["decision_id", "decision_ts", *FEATURES],
}


def measured(store: Path, rows: int) -> dict[str, Any]:
    """Reads `rows` requests and what belongs to them, and computes what these libraries can compute of the checks."""
    frames, taken = _frames(store, rows)
    found = sum(1 for part in (_expected, _fair, _drifted, _counted) for _ in part(frames))
    return {"rows": taken, "checks": found}


def _frames(store: Path, rows: int) -> tuple[dict[str, Any], int]:
    """Table -> data frame of the first days of the window; outcomes are all read, as nothing says when they come."""
    import pandas as pd  # noqa: PLC0415 - its import belongs to the time of this case

    frames: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    taken = 0
    for folder in sorted((store / "requests").glob("date=2026-0[789]-*")):
        for name, columns in _COLUMNS.items():
            days = [] if name == "outcomes" else sorted((store / name).glob(f"**/{folder.name}/*.parquet"))
            frames[name] += [pd.read_parquet(path, columns=columns) for path in days]
        taken = sum(len(frame) for frame in frames["requests"])
        if taken >= rows:
            break
    late = sorted((store / "outcomes").glob("date=*/*.parquet"))
    frames["outcomes"] = [pd.read_parquet(path, columns=_COLUMNS["outcomes"]) for path in late]
    return {name: pd.concat(parts, ignore_index=True) for name, parts in frames.items()}, taken


def _expected(frames: dict[str, Any]) -> Iterator[Any]:
    """Checks of data: ids, categories, ranges and missing values."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.disable(logging.WARNING)
    gx, gxe = import_module("great_expectations"), import_module("great_expectations.expectations")
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("frames")
    wanted: dict[str, list[Any]] = {
        "decisions": [
            gxe.ExpectColumnValuesToBeUnique(column="decision_id"),
            gxe.ExpectColumnValuesToBeInSet(column=_IN_SET[0], value_set=_IN_SET[1]),
            gxe.ExpectColumnValuesToBeBetween(column="score", min_value=0, max_value=1),
            gxe.ExpectColumnValuesToNotBeNull(column="business_unit"),
            gxe.ExpectColumnValuesToNotBeNull(column="favourable"),
        ],
        "features": [
            gxe.ExpectColumnValuesToBeBetween(column="LIMIT_BAL", min_value=1000, max_value=2_000_000),
            gxe.ExpectColumnValuesToBeBetween(column="PAY_0", min_value=-2, max_value=9),
            gxe.ExpectColumnValuesToNotBeNull(column="BILL_AMT1"),
            gxe.ExpectColumnValuesToBeBetween(column="PAY_AMT1", min_value=0),
        ],
        "requests": [
            gxe.ExpectColumnValuesToNotBeNull(column=name) for name in ("model_served", "latency_us", "business_unit")
        ],
    }
    for name, expectations in wanted.items():
        definition = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)
        batch = definition.get_batch(batch_parameters={"dataframe": frames[name]})
        result = batch.validate(gx.ExpectationSuite(name=name, expectations=expectations))
        yield from ([result] if name != "decisions" else [result, result])  # two checks of the policies read decisions


def _fair(frames: dict[str, Any]) -> Iterator[Any]:
    """Selection and error rates by group, without intervals: four-fifths, hiring, intersections, odds, accuracy."""
    from fairlearn.metrics import (  # noqa: PLC0415
        MetricFrame,
        count,
        false_positive_rate,
        selection_rate,
        true_positive_rate,
    )
    from sklearn.metrics import accuracy_score, roc_auc_score  # noqa: PLC0415

    people = frames["decisions"].merge(frames["subjects"], on="decision_id").fillna({"sex": "unknown"})
    for names in (["sex"], ["age_band"], ["race"], ["sex", "age_band"], ["sex", "race"]):
        rates = {"n": count, "rate": selection_rate}
        frame = MetricFrame(
            metrics=rates,
            y_true=people["favourable"],
            y_pred=people["favourable"],
            sensitive_features=people[names],
        )
        yield frame.by_group
    known = people.merge(frames["outcomes"], on="decision_id")
    for names in (["sex"], ["sex", "age_band"]):
        rates = {"tpr": true_positive_rate, "fpr": false_positive_rate, "accuracy": accuracy_score}
        yield MetricFrame(
            metrics=rates, y_true=known["positive"], y_pred=~known["favourable"], sensitive_features=known[names]
        ).by_group
    yield roc_auc_score(known["positive"], known["score"])


def _drifted(frames: dict[str, Any]) -> Iterator[Any]:
    """Distances of each input, the first half of the sample against the second; PSI on deciles."""
    import numpy as np  # noqa: PLC0415
    from scipy.stats import ks_2samp, wasserstein_distance  # noqa: PLC0415

    features = frames["features"]
    halves = [
        (features[name].iloc[: len(features) // 2].dropna(), features[name].iloc[len(features) // 2 :].dropna())
        for name in FEATURES
    ]
    yield [ks_2samp(one, other, method="asymp").statistic for one, other in halves]
    yield [wasserstein_distance(one, other) for one, other in halves]
    psi = []
    for one, other in halves:
        edges = np.unique(np.quantile(one, np.linspace(0.1, 0.9, 9)))
        p, q = (np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1) + 0.5 for side in (one, other))
        p, q = p / p.sum(), q / q.sum()
        psi.append(((q - p) * np.log(q / p)).sum())
    yield psi


def _counted(frames: dict[str, Any]) -> Iterator[Any]:
    """Shares, quantiles and sums by group, with pandas."""
    requests = frames["requests"]
    cost = requests["cost_reported"].fillna(requests["cost_computed"]).astype(float)
    month = requests["start_ts"].dt.strftime("%Y-%m")
    by_model = requests.groupby("model_served")
    yield cost.groupby([requests["model_served"], month]).sum()
    yield cost.groupby([requests["business_unit"], month]).sum()
    yield cost.isna().groupby(requests["model_served"]).mean()
    yield by_model["latency_us"].quantile([0.5, 0.95, 0.99])
    yield requests["status"].isin(["error", "timeout"]).groupby([requests["model_served"], month]).mean()
    yield (requests["fallbacks"] > 0).groupby(requests["start_ts"].dt.strftime("%G-W%V")).mean()
    yield requests.groupby("provider")["queue_us"].quantile(0.95)
    yield requests.groupby("experiment_arm")["latency_us"].agg(["mean", "var"])
    yield requests["start_ts"].diff().max()
    yield requests["cache_status"].value_counts()
