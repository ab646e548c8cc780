"""Tables that belong to no request: evaluations, incidents and counts from elsewhere, by mapping and by source."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from governance.engines.duckdb import Engine
from governance.errors import PolicyError
from governance.ingestion import Ingestion, ingest
from governance.mapping import allowed_columns, read_mapping
from governance.moments import stamp
from governance.storage.store import Store
from governance.tables import STANDALONE
from governance.verification import verify
from governance.workspace import Workspace, make_workspace

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
EVALUATIONS = """
source: nightly
table: evaluations
columns:
  model: model
  model_version: version
  suite: suite
  metric: {constant: accuracy}
  value: {column: percent, scale: 0.01}
  samples: n
  started_ts: {column: at, timezone: Europe/Berlin}
"""
INCIDENTS = """
source: tickets
table: incidents
columns:
  incident_id: id
  opened_ts: opened
  reported_ts: reported
  severity: severity
"""
COUNTS = """
source: balancer
table: request_counts
columns:
  source: log
  window_start: start
  window_end: end
  expected: n
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w", environment={"HOME": str(tmp_path)}, now=stamp(NOW))


def read(workspace: Workspace, mapping: str, *rows: dict[str, Any]) -> Ingestion:
    folder = workspace.store.parent
    (folder / "mapping.yaml").write_text(mapping)
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ingest(workspace, [str(folder / "log.jsonl")], now=NOW, mapping=folder / "mapping.yaml")


def stored(workspace: Workspace, table: str) -> list[dict[str, Any]]:
    with Engine() as engine:
        Store(workspace.store).snapshot().attach(engine)
        return engine.records(f"SELECT * FROM {table} ORDER BY ALL")


def test_evaluations(workspace: Workspace) -> None:
    row = {"model": "m", "version": "2", "suite": "s", "percent": 91, "n": 50, "at": "2026-06-30T10:00:00"}
    done = read(workspace, EVALUATIONS, row, row | {"percent": "high"}, row, row | {"suite": None})
    assert (done.total("stored"), done.total("duplicates"), done.total("quarantined")) == (1, 1, 2)
    (found,) = stored(workspace, "evaluations")
    assert (found["model"], found["model_version"], found["metric"]) == ("m", "2", "accuracy")
    assert (found["value"], found["samples"]) == (0.91, 50)
    assert found["started_ts"] == "2026-06-30T08:00:00.000000Z"
    assert read(workspace, EVALUATIONS, row, row | {"version": "3"}).total("stored") == 1
    assert verify(workspace.store).ok


def test_an_incident_that_goes_on_is_kept_in_each_state(workspace: Workspace) -> None:
    opened = {"id": "I-1", "opened": "2026-06-30T10:00:00Z", "reported": None, "severity": "high"}
    assert read(workspace, INCIDENTS, opened).total("stored") == 1
    done = read(workspace, INCIDENTS, opened, opened | {"reported": "2026-06-30T12:00:00Z"})
    assert (done.total("stored"), done.total("duplicates")) == (1, 1)
    rows = stored(workspace, "incidents")
    assert [row["incident_id"] for row in rows] == ["I-1", "I-1"]
    assert {row["reported_ts"] for row in rows} == {None, "2026-06-30T12:00:00.000000Z"}


def test_request_counts(workspace: Workspace) -> None:
    hour = {"log": "otlp", "start": "2026-06-30T10:00:00Z", "end": "2026-06-30T11:00:00Z", "n": 120}
    done = read(workspace, COUNTS, hour, hour | {"n": "1.5"})
    assert (done.total("stored"), done.total("quarantined")) == (1, 1)
    (row,) = stored(workspace, "request_counts")
    assert (row["source"], row["expected"], row["counted_by"]) == ("otlp", 120, None)


def test_logs_of_inspect(workspace: Workspace) -> None:
    log = {
        "status": "success",
        "eval": {"run_id": "r", "task_id": "t", "task": "s", "created": "2026-06-01T00:30:00+02:00", "model": "m"},
        "results": {"scores": [{"name": "match", "metrics": {"accuracy": {"value": 0.5}}}]},
    }
    path = workspace.store.parent / "eval.json"
    path.write_text(json.dumps(log, indent=2))
    assert ingest(workspace, [str(path)], now=NOW).files[0].source == "inspect-ai"
    assert stored(workspace, "evaluations")[0]["started_ts"] == "2026-05-31T22:30:00.000000Z"
    again = json.dumps(log)
    path.write_text(again)
    assert ingest(workspace, [str(path)], now=NOW).total("duplicates") == 1


@pytest.mark.parametrize("table", STANDALONE)
def test_a_mapping_of_them_names_no_request(table: str, tmp_path: Path) -> None:
    assert not {"request_id", "target_id", "file_sha256", "row_no"} & set(allowed_columns(table))
    path = tmp_path / "mapping.yaml"
    path.write_text(f"source: s\ntable: {table}\ncolumns: {{request_id: id}}\n")
    with pytest.raises(PolicyError) as caught:
        read_mapping(path)
    whats = [mistake.what for mistake in caught.value.mistakes]
    assert "no canonical column is called 'request_id'" in whats
    assert any("must be mapped" in what for what in whats)
