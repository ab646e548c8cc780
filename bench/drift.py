"""Drift of 20 inputs over a million decisions, one month against another and month by month; prints seconds.

Ten inputs are normal, five whole numbers, three skewed with missing values, two texts; the window is a third of the
rows, or two thirds in two months. No store is made: the check runs on one Parquet file, as on a segment.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from governance.engines.duckdb import Engine, literal
from governance.extensions import checks
from governance.findings import Window
from governance.scopes import Scope

ROWS = 1_000_000
RUNS = 3
MILLISECONDS = 92 * 86_400_000 // ROWS  # a quarter


def main() -> None:
    """Prints one line for each measure: seconds of wall and processor, median and spread of the runs."""
    with tempfile.TemporaryDirectory() as folder, Engine(Path(folder) / "spill") as engine:
        path = Path(folder) / "features.parquet"
        engine.execute("SELECT setseed(0.5)")
        engine.write_parquet(_inputs(), path)
        engine.execute(f'CREATE VIEW "features:m" AS SELECT * FROM read_parquet({literal(str(path))})')
        for measure in ("psi", "js", "ks", "wasserstein"):
            for start, per in ((9, None), (8, "month")):
                _print(engine, measure, start, per)


def _print(engine: Engine, measure: str, start: int, per: str | None) -> None:
    window = Window(datetime(2026, start, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC), "window")
    fields = {"id": "bench", "kind": "drift-input", "reference": {"window": "2026-07"}, "measure": measure, "max": 0.1}
    check = checks()["drift-input"].model_validate(fields | {"per": per})
    walls, cpus, figures = [], [], 0
    for _ in range(RUNS):
        wall, cpu = time.perf_counter(), time.process_time()
        found = check.measure(engine, Scope(window, columns={"features:m": ()})).observations
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        figures = sum(one.value is not None for one in found)
    spread = f"{min(walls):.2f} to {max(walls):.2f}"
    print(
        f"{measure}{', by month' if per else ''}: {statistics.median(walls):.2f} s ({spread}; processor "
        f"{statistics.median(cpus):.2f} s), {figures} figures, {RUNS} runs"
    )


def _inputs() -> str:
    normal = [f"sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) * {k + 1} AS f{k}" for k in range(10)]
    whole = [f"CAST(floor(random() * {size}) AS BIGINT) AS f{10 + k}" for k, size in enumerate((2, 5, 12, 80, 1000))]
    skewed = [f"CASE WHEN random() < 0.95 THEN exp(3 * random()) END AS f{k}" for k in range(15, 18)]
    texts = [f"'c' || CAST(floor(random() ** 2 * {size}) AS INT) AS f{18 + k}" for k, size in enumerate((6, 40))]
    columns = ", ".join([*normal, *whole, *skewed, *texts])
    return (
        "SELECT 'd' || i AS decision_id, TIMESTAMPTZ '2026-07-01 00:00:00Z' + "
        f"INTERVAL (i * {MILLISECONDS}) MILLISECOND AS decision_ts, {columns} FROM range({ROWS}) t(i)"
    )


if __name__ == "__main__":
    main()
