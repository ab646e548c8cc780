"""Ids of the records that a finding shows: the same ones however they are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from governance.checks._shares import Measure, shares
from governance.checks.service_errors import ServiceErrors
from governance.engines.duckdb import Engine
from governance.measurement.sample_ids import ids, named

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="engine")
def engine_fixture() -> Iterator[Engine]:
    with Engine() as engine:
        engine.execute(
            "CREATE VIEW decisions AS SELECT 'd' || i AS decision_id, "
            "CASE WHEN i % 3 > 0 THEN 'r' || i END AS request_id, "
            "TIMESTAMPTZ '2026-07-01 00:00:00Z' + to_microseconds(i) AS decision_ts FROM range(2000) t(i)"
        )
        yield engine


@pytest.mark.parametrize("size", [1, 10, 700])
def test_decisions_are_shown_by_the_id_of_their_log(engine: Engine, size: int) -> None:
    listed = "list({'ts': decision_ts, 'id': decision_id} ORDER BY decision_ts)"
    first = f"(SELECT * FROM decisions ORDER BY decision_ts LIMIT {size})"
    (row,) = named(engine, engine.records(f"SELECT {listed} AS samples, 7 AS n FROM {first}"))
    assert ids(row["samples"]) == tuple(f"r{n}" if n % 3 else f"d{n}" for n in range(size))
    assert row["n"] == 7


def test_rows_without_decisions_stay_as_they_are(engine: Engine) -> None:
    rows: list[dict[str, Any]] = [
        {"samples": None, "listed": ["a"]},
        {"samples": [{"ts": "2026-07-01 00:00:00+00", "id": "unknown"}]},
    ]
    assert named(engine, rows) == rows
    assert named(engine, []) == []
    assert ids(None) == ()


@pytest.mark.parametrize("every", [1, 2, 7, 300, 5000])
def test_marked_records_are_the_same_ones_read_again(engine: Engine, every: int) -> None:
    """Many records of one moment, so that the ids decide which are the first."""
    engine.execute(
        "CREATE TABLE answers AS SELECT 'g' || i % 5 AS group_model, (i * 7919) % 1000 AS id, "
        "TIMESTAMPTZ '2026-07-01 00:00:00Z' + to_seconds((i * 31) % 4000 // 50) AS ts, "
        f"i % {every} = 0 AS bad, i % 11 > 0 AS known FROM range(4000) t(i)"
    )
    check = ServiceErrors.model_validate({"id": "x", "kind": "service-errors", "by": [[], "model"], "max_share": 0.1})
    measures = [Measure("one", "bad", "known"), Measure("two", "NOT bad")]
    here, again = (
        engine.records(f"SELECT * FROM ({shares(check, measures, 'answers', ids=how)}) ORDER BY axis, subject")
        for how in ("here", "again")
    )
    assert here == again
    assert any(row["samples"] for row in here)
