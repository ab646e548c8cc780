"""A small workspace of one desk whose answers are slow in some months, for tests of what becomes of findings."""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime
from pathlib import Path

from governance.assessment import Assessment, assess
from governance.findings import parse_window
from governance.ingestion import ingest
from governance.policies.policy import read_policies
from governance.workspace import Workspace, make_workspace

NOW = datetime(2026, 10, 2, 9, tzinfo=UTC)
MAPPING = """\
source: desk
columns:
  request_id: id
  start_ts: {column: at, format: iso}
  model_served: model
  latency_us: {column: ms, unit: ms}
  business_unit: unit
"""
POLICY = """\
policy: desk
version: 1
owner: desk-owner
approved: {by: A. Officer, on: 2026-03-20}
in_force: {from: 2026-04-01}
checks:
  - {id: slow, kind: latency-slo, max_ms: 500, quantile: 0.5, minimum_n: 5, by: [business_unit], due_days: 14}
  - {id: few-errors, kind: service-errors, max_share: 0.5, minimum_n: 5}
"""
HOSTILE = "<script>alert('x@example.org')</script>"
# Month -> milliseconds of each answer, for a unit that is always quick and one whose name is hostile
MONTHS = {"2026-07": 900, "2026-08": 900, "2026-09": 100}


def make_desk(root: Path) -> Workspace:
    """The workspace, with its log ingested and nothing checked."""
    workspace = make_workspace(root, environment=os.environ, now="2026-10-02T08:00:00.000000Z")
    for file in workspace.policies.glob("*.yaml"):
        file.unlink()
    (workspace.policies / "desk.yaml").write_text(POLICY, encoding="utf-8")
    path, mapping = root / "log.csv", root / "log.mapping.yaml"
    mapping.write_text(MAPPING, encoding="utf-8")
    with path.open("w", newline="", encoding="utf-8") as log:
        writer = csv.writer(log)
        writer.writerow(["id", "at", "model", "ms", "unit"])
        for month, ms in MONTHS.items():
            for number in range(10):
                at = f"{month}-02T09:00:{number:02d}+00:00"
                writer.writerow([f"{month}-quick-{number}", at, "m", 50, "quick"])
                writer.writerow([f"{month}-slow-{number}", at, "m", ms, HOSTILE])
    ingest(workspace, [str(path)], now=NOW, mapping=mapping)
    return workspace


def checked(workspace: Workspace, window: str, now: datetime = NOW) -> Assessment:
    """A run of every policy in a window."""
    return assess(workspace, read_policies([workspace.policies]), parse_window(window, now=now), now=now)
