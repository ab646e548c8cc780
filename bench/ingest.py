"""How fast rows come into a store: CSV, JSON Lines and Parquet, beside bare DuckDB and pandas, which check nothing.

Usage: python bench/ingest.py [ROWS]
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import pandas as pd

from governance.ingestion import ingest
from governance.workspace import make_workspace

FEATURES = 20
NOW = datetime(2026, 10, 1, tzinfo=UTC)
MAPPING = """\
source: bench
columns:
  request_id: id
  start_ts: at
  model: {constant: credit}
  model_version: {constant: "1"}
  latency_us: {column: seconds, unit: s}
  decision: decision
  favourable: {column: decision, map: {"1": true, "0": false}}
  score: score
features: "*"
subjects: {sex: sex}
"""


def write(folder: Path, rows: int) -> dict[str, Path]:
    """The same rows in three forms, over 90 days."""
    dice = random.Random(7)
    start = datetime(2026, 7, 1, tzinfo=UTC)
    paths = {form: folder / f"rows.{form}" for form in ("csv", "jsonl", "parquet")}
    with paths["jsonl"].open("w") as lines:
        for place in range(rows):
            at = start + timedelta(seconds=90 * 86_400 * place / rows)
            row = {"id": f"r{place}", "at": at.isoformat(), "seconds": round(dice.random(), 3)}
            row |= {"decision": place % 2, "score": round(dice.random(), 6), "sex": dice.choice("fm")}
            row |= {f"f{number}": round(dice.gauss(0, 100), 3) for number in range(FEATURES)}
            lines.write(json.dumps(row) + "\n")
    for form in ("csv", "parquet"):
        options = "FORMAT csv, HEADER" if form == "csv" else "FORMAT parquet"
        duckdb.sql(f"COPY (SELECT * FROM read_json('{paths['jsonl']}')) TO '{paths[form]}' ({options})")
    return paths


def timed(what: str, rows: int, work: Callable[[], object]) -> None:
    """Runs it once and prints how long it took."""
    start, used = time.perf_counter(), time.process_time()
    work()
    seconds, used = time.perf_counter() - start, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what:34} {seconds:7.2f} s {used:7.2f} s of CPU {rows / seconds:10,.0f} rows/s   peak so far {peak:,.0f} MiB",
        flush=True,
    )


def main() -> None:
    """Times each form."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write(folder, rows)
        (folder / "mapping.yaml").write_text(MAPPING)
        environment = {**os.environ, "XDG_CONFIG_HOME": name}
        for form, path in paths.items():
            space = make_workspace(folder / form, environment=environment, now="2026-10-01T00:00:00.000000Z")
            work = partial(ingest, space, [str(path)], now=NOW, mapping=folder / "mapping.yaml")
            timed(f"ingest {form}", rows, work)
        copy = f"COPY (SELECT * FROM read_json('{paths['jsonl']}')) TO '{folder}/bare.parquet' (COMPRESSION zstd)"
        timed("DuckDB read_json -> one Parquet", rows, lambda: duckdb.sql(copy))
        timed(
            "pandas read_csv -> one Parquet", rows, lambda: pd.read_csv(paths["csv"]).to_parquet(folder / "pd.parquet")
        )


if __name__ == "__main__":
    main()
