"""From a CSV to stored findings, and back: each stored figure is found again in plain DuckDB, without our code."""

from __future__ import annotations

import csv
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml

from governance.assessment import Assessment, assess
from governance.extensions import checks
from governance.findings import Verdict, parse_window
from governance.ingestion import ingest
from governance.moments import stamp
from governance.policies.policy import read_policies
from governance.storage.store import Store
from governance.workspace import Workspace, make_workspace
from tests.checks.test_cases import example

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 10, 5, tzinfo=UTC)
FIRST = datetime(2026, 5, 4, tzinfo=UTC)
RECORDS = 600
OWN_KINDS = (
    "completeness-gaps",
    "cost-budget",
    "escalation",
    "explanation-coverage",
    "fairness-impact-ratio",
    "fallback",
    "latency-slo",
    "output-quality",
)
APPLICATIONS = """
source: applications
columns:
  request_id: id
  start_ts: {column: time, format: iso}
  model: model
  model_version: version
  prompt_version: prompt
  business_unit: unit
  latency_us: {column: ms, unit: ms}
  ttft_us: {column: first_ms, unit: ms}
  cost_reported: usd
  cost_currency: {constant: USD}
  fallbacks: fallbacks
  decision: decision
  favourable: {column: decision, map: {approved: true, refused: false}}
  score: score
  confidence: confidence
  deciding_stage: stage
  rule_id: rule
features: [income, debt]
subjects:
  sex: {column: sex, map: {m: male, f: female}}
  age_band: {column: age, bands: [25, 50]}
"""
REVIEWS = """
source: case-tool
table: reviews
columns:
  request_id: id
  reviewer: reviewer
  requested_ts: {column: asked, format: iso}
  completed_ts: {column: done, format: iso}
  effective_ts: {column: effective, format: iso}
"""
SCORES = """
source: judge
table: assessments
columns:
  request_id: id
  name: {constant: groundedness}
  score: score
  created_ts: {column: time, format: iso}
"""


def moment(number: int) -> datetime:
    """Ten days, a fortnight apart, with sixty records each: few files to read."""
    return FIRST + timedelta(days=14 * (number // 60), minutes=24 * (number % 60))


def application(number: int) -> dict[str, Any]:
    """One record of the log: everything in it follows from its number."""
    hostile = 'cards"; DROP VIEW requests; --'
    return {
        "id": f"a{number}",
        "time": moment(number).isoformat(),
        "model": "credit-main" if number % 3 else "credit-it's",
        "version": number // 300 + 1,
        "prompt": "p1" if number % 2 else "",
        "unit": (hostile, "loans", "")[number % 3],
        "ms": 40 + number * 37 % 400,
        "first_ms": number % 50,
        "usd": "" if number % 50 == 0 else f"{number * 7 % 13 / 100:.4f}",
        "fallbacks": "" if number % 40 == 0 else int(number % 9 == 0),
        "decision": "approved" if number % 5 < 2 + (number % 4 > 0) else "refused",
        "score": number * 31 % 100 / 100,
        "confidence": 0.5 + number * 17 % 50 / 100,
        "stage": "rule" if number % 25 == 0 else "model",
        "rule": "r1" if number % 50 == 0 else "",
        "sex": "" if number % 30 == 0 else "mf"[number % 2],
        "age": 18 + number * 13 % 60,
        "income": number * 11 % 97,
        "debt": number * 5 % 31,
    }


def review(number: int) -> dict[str, Any]:
    asked = moment(number) + timedelta(hours=1)
    return {
        "id": f"a{number}",
        "reviewer": "reviewer-1",
        "asked": asked.isoformat(),
        "done": (asked + timedelta(hours=number % 200)).isoformat(),
        "effective": (asked + timedelta(hours=100)).isoformat(),
    }


def write_csv(path: Path, rows: list[dict[str, Any]]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def fill(workspace: Workspace, folder: Path) -> None:
    """Applications, reviews of two in three, scores of every other one, contributions of nine in ten."""
    numbers = range(RECORDS)
    scores = [
        {"id": f"a{number}", "score": number * 29 % 50 / 100 + 0.5, "time": NOW.isoformat()} for number in numbers[::2]
    ]
    tables = {
        "applications": (APPLICATIONS, [application(number) for number in numbers]),
        "reviews": (REVIEWS, [review(number) for number in numbers if number % 3]),
        "scores": (SCORES, scores),
    }
    for name, (mapping, rows) in tables.items():
        (folder / f"{name}.yaml").write_text(mapping, encoding="utf-8")
        path = write_csv(folder / f"{name}.csv", rows)
        report = ingest(workspace, [path], now=NOW, mapping=folder / f"{name}.yaml")
        assert report.total("stored") == len(rows)
    store_contributions(workspace)


def store_contributions(workspace: Workspace) -> None:
    """Contributions as the explainers store them, some of which do not add up."""
    import pyarrow as pa

    from governance.batches import schema
    from governance.engines.duckdb import Engine
    from governance.tables import ATTRIBUTIONS

    store = Store(workspace.store)
    with Engine() as engine:
        store.snapshot().attach(engine, ["decisions"])
        decisions = engine.rows("SELECT decision_id, epoch_us(decision_ts), model FROM decisions ORDER BY decision_ts")
    by_model: dict[str, list[dict[str, Any]]] = {}
    for number, (decision, decided, model) in enumerate(decisions):
        if number % 10:
            row = {
                "decision_id": decision,
                "decision_ts": datetime.fromtimestamp(decided / 1e6, UTC),
                "model": model,
                "model_version": "1",
                "artefact_sha256": "0" * 64,
                "method": "native",
                "library": "none 1.0",
                "output_space": "margin",
                "base_value": 0.0,
                "output_value": 1.0,
                "additivity_error": 1e-3 if number % 11 == 0 else 1e-9,
                "score_error": 1e-9,
                "score_tolerance": 1e-6,
                "computed_ts": NOW,
            }
            by_model.setdefault(model, []).append(row)
    with store.writing(workspace.key, NOW) as writer:
        for model, rows in by_model.items():
            table = pa.Table.from_pylist(rows, schema=schema(ATTRIBUTIONS))
            staged = store.stage_days(ATTRIBUTIONS, table, folder="attributions/test", facts={"model": model})
            writer.commit("attributions", {"model": model}, staged, at=stamp(NOW))


def policy() -> dict[str, Any]:
    """The example of every kind's manual, and forms of our own kinds that the examples do not show."""
    listed = [item for kind in checks().values() for item in example(kind)]
    more: list[dict[str, Any]] = [
        {"kind": "cost-budget", "max_usd": 1, "by": ["business_unit", ["business_unit", "model"]], "per": "week"},
        {"kind": "latency-slo", "max_ms": 300, "quantile": 0.5, "by": [["model", "prompt_version"]], "per": "month"},
        {"kind": "latency-slo", "max_ms": 30, "share": 0.9, "of": "ttft", "where": "latency_us > 50000"},
        {"kind": "fallback", "worse_by": 0.1, "minimum_n": 5, "by": ["business_unit"], "per": "quarter"},
        {"kind": "escalation", "below": 0.7, "min_share": 0.1, "by": ["sex", ["sex", "age_band"]], "within": "99h"},
        {"kind": "output-quality", "score": "groundedness", "max_drop": 0.01, "per": "month"},
        {"kind": "explanation-coverage", "of": "all", "by": ["model", "deciding_stage"], "min_share": 0.5},
        {"kind": "completeness-gaps", "max_gap_minutes": 400, "per": "day", "days": "mon-fri", "hours": "06-20"},
        {"kind": "fairness-impact-ratio", "by": ["sex"], "per": "month", "denominator": "male", "minimum_n": 5},
        {"kind": "fairness-impact-ratio", "by": ["age_band"], "outcome": "above-median", "per": "month"},
    ]
    numbered = [item | {"id": f"c{place}"} for place, item in enumerate([*listed, *more])]
    return {
        "policy": "everything",
        "version": 1,
        "owner": "tests",
        "in_force": {"from": "2026-01-01"},
        "applies_to": {"model": "credit-*"},
        "checks": numbered,
    }


@dataclass(frozen=True)
class Stored:
    """A workspace with findings."""

    workspace: Workspace
    assessment: Assessment
    found: list[dict[str, Any]]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    root = tmp_path_factory.mktemp("evidence")
    workspace = make_workspace(root / "workspace", environment=os.environ, now=stamp(NOW))
    fill(workspace, root)
    path = root / "policy.yaml"
    path.write_text(yaml.safe_dump(policy()), encoding="utf-8")
    assessment = assess(workspace, read_policies([path]), parse_window("2026-Q3", now=NOW), now=NOW)
    return Stored(workspace, assessment, findings_of(workspace))


def findings_of(workspace: Workspace) -> list[dict[str, Any]]:
    """The stored findings, read by DuckDB from their Parquet files."""
    with duckdb.connect() as connection:
        cursor = connection.execute(
            "SELECT kind, check_id, subject, value, verdict, reason, evidence FROM "
            f"read_parquet('{workspace.store}/findings/**/*.parquet') ORDER BY finding_id"
        )
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture
def bare(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB as anybody starts it in the store's folder, after running the script of the views."""
    monkeypatch.chdir(stored.workspace.store)
    scripts = {json.loads(found["evidence"])["views_sha256"] for found in stored.found}
    assert len(scripts) == 1
    with duckdb.connect() as connection:
        connection.execute((stored.workspace.store / "blobs" / scripts.pop()).read_text(encoding="utf-8"))
        yield connection


class TestStoredFindings:
    def test_every_figure_is_found_again(self, stored: Stored, bare: duckdb.DuckDBPyConnection) -> None:
        figures: dict[str, list[tuple[dict[str, Any], float]]] = {}
        repeated = 0
        for found in stored.found:
            evidence = json.loads(found["evidence"])
            if found["value"] is None or not evidence["sql"]:
                continue
            statement = json.dumps([evidence["sql"], evidence["parameters"]])
            if statement not in figures:
                sql = f"SELECT subject, CAST(value AS DOUBLE) FROM ({evidence['sql']})"
                rows = bare.execute(sql, evidence["parameters"] or None).fetchall()
                figures[statement] = [(json.loads(subject), value) for subject, value in rows]
            same = [value for subject, value in figures[statement] if subject == json.loads(found["subject"])]
            assert same == [pytest.approx(found["value"], rel=1e-12)], (found["kind"], found["subject"])
            repeated += 1
        assert repeated > 100

    def test_every_finding_of_the_assessment_is_stored(self, stored: Stored) -> None:
        assert len(stored.found) == len(stored.assessment.findings) > 0
        subjects = [(found["check_id"], found["subject"]) for found in stored.found]
        assert len(set(subjects)) == len(subjects)

    @pytest.mark.parametrize("kind", OWN_KINDS)
    def test_kind_has_figures_that_pass_and_fail(self, stored: Stored, kind: str) -> None:
        verdicts = {found["verdict"] for found in stored.found if found["kind"] == kind and found["value"] is not None}
        assert verdicts >= {"passed", "failed"}

    def test_nothing_of_our_kinds_errored(self, stored: Stored) -> None:
        errored = [found for found in stored.found if found["verdict"] == "errored" and found["kind"] in OWN_KINDS]
        assert errored == []

    def test_sample_requests_exist(self, stored: Stored, bare: duckdb.DuckDBPyConnection) -> None:
        known = {row[0] for row in bare.execute("SELECT request_id FROM requests").fetchall()}
        named = {
            name
            for found in stored.found
            if found["kind"] in OWN_KINDS
            for name in json.loads(found["evidence"])["request_ids"]
        }
        assert named
        assert named <= known

    def test_parameters_are_those_that_the_statement_names(self, stored: Stored) -> None:
        for found in stored.found:
            evidence = json.loads(found["evidence"])
            assert [name for name in evidence["parameters"] if f"${name}" not in evidence["sql"]] == []

    def test_spending_adds_up_to_the_bill(self, stored: Stored, bare: duckdb.DuckDBPyConnection) -> None:
        """Subjects of one axis, the unattributed one with them, sum to the cost of all requests."""
        budget = next(item for item in policy()["checks"] if item.get("max_usd") == 1)
        own = [one for one in stored.assessment.findings if one.check == budget["id"]]
        by_unit = [one for one in own if dict(one.observation.subject).keys() == {"business_unit", "week"}]
        spent = bare.execute(
            "SELECT CAST(sum(cost_reported) AS VARCHAR) FROM requests "
            "WHERE start_ts >= '2026-07-01' AND start_ts < '2026-10-01'"
        ).fetchall()
        from decimal import Decimal

        assert sum(Decimal(one.observation.counts["spent_usd"]) for one in by_unit) == Decimal(spent[0][0])
        assert any(dict(one.observation.subject)["business_unit"] is None for one in by_unit)


def test_nothing_measured_is_one_finding_that_says_why(stored: Stored, tmp_path: Path) -> None:
    listed = [item for item in policy()["checks"] if item["kind"] in OWN_KINDS]
    nobody = policy() | {"policy": "nobody", "applies_to": {"model": "unheard-of"}, "checks": listed}
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(nobody), encoding="utf-8")
    found = assess(stored.workspace, read_policies([path]), parse_window("2026-Q3", now=NOW), now=NOW).findings
    assert len(found) == len(listed)
    for one in found:
        assert one.judgement.verdict is Verdict.NOT_ASSESSED
        assert "in the window has the model 'unheard-of' of applies_to; there are " in (one.judgement.reason or "")


@pytest.mark.parametrize(
    ("applies_to", "window", "reason"),
    [
        ({}, "2019-Q1", r"no requests in the window; those in the store are of 2026-\d\d-\d\d to 2026-\d\d-\d\d"),
        ({"environment": "mars"}, "2026-Q3", "none of the .* requests .* the environment 'mars' of applies_to"),
        (
            {"model": "*-main", "operation": "dream"},
            "2026-Q3",
            r"of the 300 requests .* \d+ have the model '\*-main', and none of them has the operation 'dream'",
        ),
        ({"where": "http_status = 999"}, "2026-Q3", "none of the .* requests in the window meets the `where`"),
    ],
)
def test_nothing_in_scope_says_what_leaves_nothing_over(
    stored: Stored, tmp_path: Path, applies_to: dict[str, str], window: str, reason: str
) -> None:
    check = {"id": "slow", "kind": "latency-slo", "max_ms": 1, "quantile": 0.5, "severity": "low"}
    path = tmp_path / "policy.yaml"
    in_force = {"in_force": {"from": "2019-01-01"}, "applies_to": applies_to, "checks": [check]}
    path.write_text(yaml.safe_dump(policy() | in_force), encoding="utf-8")
    (one,) = assess(stored.workspace, read_policies([path]), parse_window(window, now=NOW), now=NOW).findings
    assert re.fullmatch(f"{reason}.*", one.judgement.reason or "")


def test_an_axis_that_no_record_carries_is_not_assessed(stored: Stored, tmp_path: Path) -> None:
    listed = [
        {"id": "unknown", "kind": "fairness-impact-ratio", "by": ["religion"]},
        {"id": "known", "kind": "latency-slo", "max_ms": 1, "quantile": 0.5, "by": ["sex"]},
        {"id": "misspelt", "kind": "fairness-impact-ratio", "by": ["sexx"]},
    ]
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(policy() | {"policy": "axes", "checks": listed}), encoding="utf-8")
    found = assess(stored.workspace, read_policies([path]), parse_window("2026-Q3", now=NOW), now=NOW).findings
    reasons = [one.judgement.reason or "" for one in found]
    assert [str(one.judgement.verdict) for one in found] == ["not_assessed"] * 3
    assert "no record carries 'religion'; map it as a column" in reasons[0]
    assert "no record carries 'sex'; map it as a column" in reasons[1]
    assert reasons[2] == "no record carries 'sexx'; did you mean 'sex'?"
