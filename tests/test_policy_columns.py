"""Checks that no log could satisfy are mistakes; a check that some log can satisfy never is."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.documents import yamltext
from governance.errors import PolicyError
from governance.policies.columns import mistakes
from governance.policies.policy import read_policies
from tests.checks.cases import CASES, read_cases

HEAD = "policy: desk\nversion: 1\nowner: desk\nin_force: {from: 2026-04-01}\n"
SHIPPED = Path(__file__).resolve().parents[1] / "policies"


def found(folder: Path, text: str) -> list[str]:
    path = folder / "desk.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    try:
        read_policies([path], mistakes)
    except PolicyError as error:
        return [f"{one.where.removeprefix(str(path))}: {one.what}; {one.hint}" for one in error.mistakes]
    return []


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (
            "kind: service-errors, max_share: 0.1, by: [modle]",
            ":6: checks.0.by.0: requests have no column 'modle'; did you mean 'model'?",
        ),
        (
            "kind: service-errors, max_share: 0.1, by: [model, [provider, sex]]",
            ":6: checks.0.by.1: requests have no column 'sex'; docs/tables.md lists",
        ),
        (
            "kind: service-errors, max_share: 0.1, where: \"statuss = 'ok'\"",
            ":6: checks.0.where: requests have no column 'statuss'; did you mean 'status'?",
        ),
        (
            "kind: fairness-impact-ratio, min: 0.8, by: [sex], where: latency_us > 1",
            ":6: checks.0.where: decisions have no column 'latency_us'",
        ),
        (
            "kind: use-intended, records: requests, within: {regoin: [eu]}",
            ":6: checks.0: requests have no column 'regoin'; did you mean 'region'?",
        ),
        (
            "kind: sql, sql: 'SELECT avg(retris) AS value, count(*) AS n FROM requests', max: 1",
            ":6: checks.0: it cannot be measured: ",
        ),
    ],
)
def test_a_column_that_no_log_has(tmp_path: Path, check: str, expected: str) -> None:
    (one,) = found(tmp_path, f"checks:\n  - {{id: x, {check}}}\n")
    assert expected in one


def test_a_predicate_of_the_policy_that_one_check_cannot_read(tmp_path: Path) -> None:
    text = """applies_to: {where: score > 0.5}
checks:
  - {id: ratios, kind: fairness-impact-ratio, min: 0.8, by: [sex]}
  - {id: errors, kind: service-errors, max_share: 0.1}
"""
    (one,) = found(tmp_path, text)
    assert ":5: applies_to.where: requests have no column 'score'" in one


def test_it_stands_among_all_other_mistakes(tmp_path: Path) -> None:
    text = """checks:
  - {id: a, kind: service-errors, max_share: 0.1, by: [sexx]}
  - {id: b, kind: service-errors, max_share: much}
  - {id: c, kind: latency-slo, max_ms: 1, quantile: 0.5}
waivers:
  - {check: b, reason: r, requested_by: P, approved_by: A, until: 2026-12-31}
  - {check: d, reason: r, requested_by: P, approved_by: P, until: 2026-12-31}
"""
    said = found(tmp_path, text)
    places = ["checks.0.by.0", "checks.1.max_share", "waivers.1", "waivers.1.check"]
    assert [one.split(": ")[1] for one in said] == places


@pytest.mark.parametrize("kind", sorted(path.stem for path in CASES.glob("*.yaml")))
def test_no_check_that_the_cases_measure_is_refused(kind: str) -> None:
    listed = list({tuple(sorted(case.check)): case.built() for case in read_cases(kind)}.values())
    document = yamltext.parse("checks: []", "desk.yaml")
    assert list(mistakes(None, list(enumerate(listed)), document)) == []


def test_no_shipped_policy_is_refused() -> None:
    for folder in (SHIPPED, SHIPPED / "starters"):
        assert read_policies([folder], mistakes)
