"""Makes `governance/demo_data` anew from the public data sets named in its ATTRIBUTION.md.

    python scripts/make_demo_data.py path/to/data [folder to write to]

The first folder holds `decisions/credit_default_taiwan.csv.gz`, `llm/gateway_bench_v0_2_1.parquet` and
`cost/genai_prices.json.gz`. Needs lightgbm, numpy and pyarrow; the same input gives the same files.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEMO_DATA = Path(__file__).resolve().parents[1] / "governance" / "demo_data"
SEED = 20260401
TRAINING_ROWS = 12_000
BACKGROUND_ROWS = 1_000
TREES = 100
LABEL = "default_next_month"
# Protected characteristics stay out of the model; they are kept for the audit alone.
NOT_INPUTS = ("ID", "SEX", "AGE", "MARRIAGE", LABEL)
PARAMETERS = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.06,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}
MODELS = ("mistral-large", "mistral-medium-3", "mistral-small-2603")
MICROSECONDS = 1_000_000


class Parts(NamedTuple):
    """The credit data, split at random: rows to train on, and rows to decide."""

    training: pa.Table
    applicants: pa.Table


def split(path: Path) -> Parts:
    """Training rows and applicants, both in the order of the source."""
    table = pa.csv.read_csv(path)
    shuffled = np.random.default_rng(SEED).permutation(table.num_rows)
    rows = [np.sort(part) for part in np.split(shuffled, [TRAINING_ROWS])]
    return Parts(table.take(rows[0]), table.take(rows[1]))


def inputs(table: pa.Table) -> pa.Table:
    """The columns that the model may see, in the order of the source."""
    return table.drop_columns([name for name in NOT_INPUTS if name in table.column_names])


def matrix(table: pa.Table) -> NDArray[np.float64]:
    """The columns side by side; float64, shape (rows, columns)."""
    return np.column_stack([column.to_numpy().astype(np.float64) for column in table.columns])


def train(training: pa.Table) -> lightgbm.Booster:
    """The credit model: probability of default in the next month."""
    features = inputs(training)
    labels = training.column(LABEL).to_numpy()
    data = lightgbm.Dataset(matrix(features), labels, feature_name=features.column_names, free_raw_data=False)
    return lightgbm.train(PARAMETERS, data, num_boost_round=TREES)


def narrow(table: pa.Table) -> pa.Table:
    """The same whole numbers in the smallest type that holds each column."""
    columns = []
    for column in table.columns:
        low, high = pc.min_max(column).as_py().values()
        fits = [
            kind for kind in (np.int8, np.int16, np.int32) if np.iinfo(kind).min <= low <= high <= np.iinfo(kind).max
        ]
        columns.append(column.cast(pa.from_numpy_dtype(fits[0])))
    return pa.table(columns, names=table.column_names)


def write(table: pa.Table, path: Path) -> None:
    """Writes Parquet, zstd; the same table gives the same bytes."""
    pq.write_table(table, path, compression="zstd", compression_level=19)


def measured(path: Path) -> pa.Table:
    """The measured gateway requests, durations in whole microseconds; what is constant or derived is left out."""
    table = pq.read_table(path)
    whole = {
        "prompt_tokens": table.column("prompt_tokens"),
        "output_tokens": table.column("generation_tokens"),
        "user_no": table.column("user_id"),
        "ttft_us": pc.multiply(table.column("ttft"), MICROSECONDS),
        "generation_us": pc.multiply(table.column("generation_time"), MICROSECONDS),
    }
    columns = {name: pc.round(column.cast(pa.float64())).cast(pa.int32()) for name, column in whole.items()}
    return pa.table({"system": table.column("system").cast(pa.string()).dictionary_encode(), **columns})


def prices(path: Path) -> list[dict[str, object]]:
    """The providers of the price table that are needed, with the models that are needed."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        providers = json.load(file)
    mistral = next(provider for provider in providers if provider["id"] == "mistral")
    kept = [model for model in mistral["models"] if model["id"] in MODELS]
    return [{**mistral, "models": kept}]


def main(data: Path, folder: Path = DEMO_DATA) -> None:
    """Writes the shipped files that are made from public data."""
    parts = split(data / "decisions" / "credit_default_taiwan.csv.gz")
    chosen = np.sort(np.random.default_rng(SEED + 1).choice(TRAINING_ROWS, BACKGROUND_ROWS, replace=False))
    write(narrow(parts.applicants), folder / "credit" / "applicants.parquet")
    write(inputs(parts.training).take(chosen), folder / "credit" / "background.parquet")
    (folder / "credit" / "model.txt").write_text(train(parts.training).model_to_string(), encoding="utf-8")
    write(measured(data / "llm" / "gateway_bench_v0_2_1.parquet"), folder / "gateway" / "measured.parquet")
    text = json.dumps(prices(data / "cost" / "genai_prices.json.gz"), indent=1, ensure_ascii=False)
    (folder / "gateway" / "prices.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
