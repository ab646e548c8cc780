"""The statements of `raw.sql`: those that name every input of the model are filled in here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from governance.engines.duckdb import Engine
from quarter.rows import FEATURES

NOT_SQL = "model-operations/store-intact"
_EDGES = ", ".join(f"{n / 10:.1f}" for n in range(1, 10))


def statements() -> dict[str, str]:
    """Check -> its statement, and first the `views` that they read, several in one text."""
    text = (Path(__file__).parent / "raw.sql").read_text()
    for name, sql in _FILLED.items():
        text = text.replace(f"{{{name}}}", sql)
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("-- "):
            name = line.removeprefix("-- ")
        elif line:
            found.setdefault(name, []).append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


def run(engine: Engine, sql: str) -> None:
    """Runs every statement of a text."""
    for one in sql.split(";\n"):
        engine.rows(one.rstrip(";"))


def digests(store: Path) -> None:
    """Reads every file and computes its digest: what `integrity` must do at least."""
    for path in store.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")


def distances(names: Sequence[str], view: str, now: str, reference: str) -> str:
    """Largest and summed distance of the empirical distribution functions of each input, exactly.

    Args:
        names: The inputs, numbers.
        view: Where they are.
        now: Condition of the records of the window.
        reference: Condition of those of the reference.
    """
    each = (
        f"SELECT '{name}' AS feature, max(abs(f - g)), sum(abs(f - g) * (next - v)) FROM (SELECT v, "
        "lead(v) OVER o AS next, sum(n) OVER o / sum(n) OVER () AS f, sum(m) OVER o / sum(m) OVER () AS g FROM ("
        f"SELECT CAST({name} AS DOUBLE) AS v, count(*) FILTER ({now}) AS n, count(*) FILTER ({reference}) AS m "
        f"FROM {view} WHERE {name} IS NOT NULL AND ({now} OR {reference}) GROUP BY v) WINDOW o AS (ORDER BY v))"
        for name in names
    )
    return " UNION ALL ".join(each)


def quantiles(names: Sequence[str]) -> str:
    """Select list of the deciles of each input."""
    return ", ".join(f"approx_quantile({name}, [{_EDGES}]) AS e_{name}" for name in names)


def histograms(names: Sequence[str]) -> str:
    """Select list of how many records of each input lie between its deciles."""
    return ", ".join(f"histogram({name}, e_{name})" for name in names)


def _promised(name: str, least: float, most: float) -> str:
    return f"count({name}), count(*) FILTER ({name} NOT BETWEEN {least} AND {most})"


_FILLED = {
    "promised": ", ".join(
        [_promised(name, 0, 1e12) for name in ("latency_us", "ttft_us", "queue_us", "input_tokens", "output_tokens")]
        + ["count(*) FILTER (status NOT IN ('ok', 'error', 'timeout', 'blocked', 'cancelled', 'incomplete'))"]
        + [f"count({name})" for name in ("request_uid", "start_ts", "status", "model_served", "operation", "provider")]
    ),
    "filled": ", ".join(f"count({name})" for name in FEATURES),
    "pushes": ", ".join(FEATURES),
    "named": " ".join(f"WHEN greatest({', '.join(FEATURES)}) = {name} THEN '{name}'" for name in FEATURES),
    "larger": " + ".join(f"CAST({name} > PAY_6 AS INTEGER)" for name in FEATURES if name != "PAY_6"),
    "quantiles": quantiles(FEATURES),
    "histograms": histograms(FEATURES),
    "distances": distances(
        FEATURES,
        "inputs",
        "decision_ts >= TIMESTAMPTZ '2026-07-01' AND decision_ts < TIMESTAMPTZ '2026-10-01'",
        "decision_ts < TIMESTAMPTZ '2026-07-01'",
    ),
}
