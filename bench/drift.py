"""Drift of 20 inputs over a million decisions, one month against another and month by month; prints seconds.

Ten inputs are normal, five whole numbers, three skewed with missing values, two texts; the window is a third of the
rows, or two thirds in two months. No store is made: the check runs on one Parquet file, as on a segment. Beside it, in
turn, the least that plain SQL does for the same figures: counts between approximate deciles, or exact distances.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from quarter import raw

from governance.engines.duckdb import Engine, literal
from governance.extensions import checks
from governance.findings import Window
from governance.measurement.scopes import Scope

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
    scope, found = Scope(window, columns={"features:m": ()}), 0
    ours, limit = [], []
    for _ in range(RUNS):
        began = _clock()
        found = sum(one.value is not None for one in check.measure(engine, scope).observations)
        ours.append(_since(began))
        if per is None:
            began = _clock()
            engine.rows(_least(measure))
            limit.append(_since(began))
    print(f"{measure}{', by month' if per else ''}: {_told(ours)}, {found} figures, {RUNS} runs")
    if limit:
        ratio = statistics.median(own.cpu / other.cpu for own, other in zip(ours, limit, strict=True))
        print(f"    plain SQL: {_told(limit)}; the check takes {ratio:.2f} times its processor time")


class _Used(NamedTuple):
    """Seconds of the wall clock and of the processor."""

    wall: float
    cpu: float


def _clock() -> _Used:
    return _Used(time.perf_counter(), time.process_time())


def _since(began: _Used) -> _Used:
    return _Used(time.perf_counter() - began.wall, time.process_time() - began.cpu)


def _told(runs: list[_Used]) -> str:
    walls = [one.wall for one in runs]
    cpu = statistics.median(one.cpu for one in runs)
    return f"{statistics.median(walls):.2f} s ({min(walls):.2f} to {max(walls):.2f}; processor {cpu:.2f} s)"


def _least(measure: str) -> str:
    """One statement that counts what the figures of a measure need."""
    now, reference = "decision_ts >= TIMESTAMPTZ '2026-09-01'", "decision_ts < TIMESTAMPTZ '2026-08-01'"
    numbers, texts = [f"f{k}" for k in range(18)], ["f18", "f19"]
    if measure in ("ks", "wasserstein"):
        return str(raw.distances(numbers, '"features:m"', now, reference))
    values = ", ".join(f"histogram({name})" for name in texts)
    return (
        f'SELECT {now} AS is_now, {raw.histograms(numbers)}, {values} FROM "features:m", '
        f'(SELECT {raw.quantiles(numbers)} FROM "features:m" WHERE {reference}) WHERE {now} OR {reference} GROUP BY 1'
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
