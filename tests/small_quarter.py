"""A small workspace with two checked quarters whose every figure can be counted by hand.

Per quarter 40 decisions about women and 40 about men on four days. In the second quarter 10 women and 32 men are
approved (a ratio of 0.3125), in the first 32 of each. Five decisions of each quarter are a rule's. Ten requests to an
assistant per quarter: six of unit sales cost 1.50 each, three of another unit (whose name is hostile) have no price,
one of sales was answered by a fallback.
"""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from governance.assessment import assess
from governance.findings import Window, parse_window
from governance.ingestion import ingest
from governance.policies.policy import read_policies
from governance.workspace import Workspace, make_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 10, 2, 9, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\u202e=1+1"
DAYS = {
    "2026-Q2": ("2026-04-02", "2026-05-04", "2026-06-03", "2026-06-29"),
    "2026-Q3": ("2026-07-02", "2026-08-03", "2026-09-02", "2026-09-29"),
}
APPROVED = {"2026-Q2": {"female": 32, "male": 32}, "2026-Q3": {"female": 10, "male": 32}}

DECISIONS_MAPPING = """\
source: desk
columns:
  request_id: id
  start_ts: {column: at, format: iso}
  operation: {constant: decide}
  model: {constant: desk}
  model_version: {constant: "1"}
  latency_us: {column: ms, unit: ms}
  decision: decision
  favourable: {column: decision, map: {approved: true, refused: false}}
  score: score
  confidence: confidence
  deciding_stage: stage
  rule_id: rule
  business_unit: {constant: credit}
subjects: {sex: sex}
"""
REQUESTS_MAPPING = """\
source: assistant
columns:
  request_id: id
  start_ts: {column: at, format: iso}
  operation: {constant: chat}
  model_served: model
  model_requested: {constant: writer-large}
  latency_us: {column: ms, unit: ms}
  cost_reported: cost
  cost_currency: {constant: USD}
  fallbacks: fallbacks
  business_unit: unit
"""
REVIEWS_MAPPING = """\
source: case-tool
table: reviews
columns:
  request_id: id
  reviewer: who
  requested_ts: {column: asked, format: iso}
  completed_ts: {column: done, format: iso}
  outcome: outcome
"""
POLICY = """\
policy: desk
version: {version}
owner: desk-owner
approved: {{by: A. Officer, on: 2026-03-20}}
in_force: {{from: {start}}}
checks:
  - id: four-fifths
    kind: fairness-impact-ratio
    by: [sex]
    min: {least}
    minimum_n: 30
    severity: high
    controls: [eu-ai-act:26.5]
  - {{id: response-time, kind: latency-slo, max_ms: 500, quantile: 0.95}}
  - {{id: budget, kind: cost-budget, by: [business_unit], max_usd: 8, per: month}}
  - {{id: stand-in, kind: fallback, max_share: 0.5, minimum_n: 5}}
  - {{id: eyes, kind: escalation, below: 0.6, min_share: 0.9, minimum_n: 5}}
  - {{id: judged, kind: output-quality, score: helpful, min: 0.8}}
waivers:
  - {{check: response-time, reason: new machine, requested_by: P. Product, approved_by: A. Officer, until: 2026-11-30}}
"""


@dataclass(frozen=True)
class Quarter:
    """The workspace and its two windows."""

    workspace: Workspace
    window: Window
    previous: Window


def make_quarter(root: Path) -> Quarter:
    """A workspace with both quarters ingested and checked."""
    workspace = make_workspace(root, environment=os.environ, now="2026-10-02T08:00:00.000000Z")
    for file in workspace.policies.glob("*.yaml"):
        file.unlink()
    (workspace.policies / "desk-1.yaml").write_text(POLICY.format(version=1, start="2026-04-01", least=0.75))
    (workspace.policies / "desk-2.yaml").write_text(POLICY.format(version=2, start="2026-07-01", least=0.8))
    folder = root / "logs"
    folder.mkdir()
    _ingest(workspace, folder / "decisions.csv", DECISIONS_MAPPING, list(_decisions()))
    _ingest(workspace, folder / "requests.csv", REQUESTS_MAPPING, list(_requests()))
    _ingest(workspace, folder / "reviews.csv", REVIEWS_MAPPING, list(_reviews()))
    own, before = parse_window("2026-Q3", now=NOW), parse_window("2026-Q2", now=NOW)
    for window in (before, own):
        assess(workspace, read_policies([workspace.policies]), window, now=NOW)
    return Quarter(workspace, own, before)


def _ingest(workspace: Workspace, path: Path, mapping: str, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    mapped = path.with_suffix(".yaml")
    mapped.write_text(mapping)
    ingest(workspace, [str(path)], now=NOW, mapping=mapped)


def _decisions() -> Iterator[dict[str, object]]:
    for quarter, days in DAYS.items():
        for sex in ("female", "male"):
            for number in range(40):
                at = datetime.fromisoformat(f"{days[number % 4]}T09:00:00+00:00") + timedelta(minutes=number)
                approved = number < APPROVED[quarter][sex]
                by_rule = sex == "male" and number >= 35
                yield {
                    "id": f"{quarter}-{sex}-{number}",
                    "at": at.isoformat(),
                    "ms": 100 + number,
                    "decision": "approved" if approved else "refused",
                    "score": 0.25 if approved else 0.75,
                    "confidence": 0.5 if number < 4 else 0.9,
                    "stage": "rule" if by_rule else "model",
                    "rule": "debtor" if by_rule else "",
                    "sex": sex,
                }
    yield {
        "id": "broken",
        "at": "no time",
        "ms": 1,
        "decision": "approved",
        "score": 0,
        "confidence": 1,
        "stage": "",
        "rule": "",
        "sex": "male",
    }


def _requests() -> Iterator[dict[str, object]]:
    for quarter, days in DAYS.items():
        for number in range(10):
            priced = number < 6
            yield {
                "id": f"chat-{quarter}-{number}",
                "at": f"{days[1]}T10:00:{number:02d}+00:00",
                "model": "writer-small" if number == 9 else "writer-large",
                "ms": 1000,
                "cost": "1.50" if priced else "",
                "fallbacks": int(number == 9),
                "unit": "sales" if priced or number == 9 else HOSTILE,
            }


def _reviews() -> Iterator[dict[str, object]]:
    """In the first quarter all eight decisions of low confidence are reviewed, in the second two."""
    for quarter, days in DAYS.items():
        low = [f"{quarter}-{sex}-{number}" for sex in ("female", "male") for number in range(4)]
        for place, name in enumerate(low if quarter == "2026-Q2" else low[:2]):
            yield {
                "id": name,
                "who": f"reviewer-{place % 2}",
                "asked": f"{days[place % 4]}T10:00:00+00:00",
                "done": f"{days[place % 4]}T12:00:00+00:00",
                "outcome": "overridden" if place == 0 else "confirmed",
            }


def texts(document: object) -> str:
    """Everything that a block says, as one text."""
    return json.dumps(document, ensure_ascii=False)
