"""The words of a finding, its limit, and its place beside others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from governance.display import THIN
from governance.exhibits.found import Bound, Found, counted, found, worst
from governance.wording import measured, words


def made(**changes: Any) -> Found:
    row: dict[str, Any] = {
        "finding_id": "f1",
        "policy": "desk",
        "version": "1",
        "policy_sha256": "0" * 64,
        "check_id": "c",
        "kind": "any-kind",
        "subject": "{}",
        "metric": "share",
        "value": 0.5,
        "unit": "share",
        "interval_low": None,
        "interval_high": None,
        "n": 10,
        "counts": "{}",
        "limits": "{}",
        "verdict": "failed",
        "reason": None,
        "severity": "medium",
        "owner": "o",
        "due": None,
        "controls": [],
        "evidence": json.dumps({"sql": "SELECT 1", "parameters": {}, "ledger": {"size": 3, "root": ""}}),
        "assessed_ts": "2026-10-02T09:00:00.000000Z",
    }
    return found(row | changes)


@pytest.mark.parametrize(
    ("limits", "metric", "unit", "bound"),
    [
        pytest.param({"min": 0.8, "denominator": "highest"}, "impact_ratio", "ratio", Bound("≥", 0.8), id="floor"),
        pytest.param(
            {"max_usd": 25.0, "per": "month", "warn_at": 0.8}, "spent_usd", "usd", Bound("≤", 25.0), id="budget"
        ),
        pytest.param(
            {"below": 0.6, "min_share": 0.95}, "reviewed_share", "share", Bound("≥", 0.95), id="not the confidence"
        ),
        pytest.param({"max_ms": 500.0, "quantile": 0.99}, "latency_p99", "ms", Bound("≤", 500.0), id="quantile"),
        pytest.param(
            {"max_ms": 500.0, "share": 0.99}, "latency_in_time", "share", Bound("≥", 0.99), id="share in time"
        ),
        pytest.param(
            {"score": "s", "min": 0.8, "max_drop": 0.05}, "s_mean", "score", Bound("≥", 0.8), id="mean, not its drop"
        ),
        pytest.param({"score": "s", "min": 0.8, "max_drop": 0.05}, "s_drop", "score", Bound("≤", 0.05), id="drop"),
        pytest.param({"max_share": 0.1, "worse_by": 0.05}, "s_lost", "score", Bound("≤", 0.05), id="worse by"),
        pytest.param(
            {"min_seconds": 30.0, "max_quick": 0.1, "max_confirmed": 0.98},
            "quick_share",
            "share",
            Bound("≤", 0.1),
            id="named after its figure",
        ),
        pytest.param(
            {"min_seconds": 30.0, "max_quick": 0.1, "max_confirmed": 0.98},
            "confirmed_share",
            "share",
            Bound("≤", 0.98),
            id="and the other one after its own",
        ),
        pytest.param({"min_seconds": 30.0}, "quick_share", "share", None, id="seconds are no share"),
        pytest.param({"max_difference": 0.1}, "tpr_difference", "share", Bound("±", 0.1), id="on either side of zero"),
        pytest.param({"max_age_days": 730, "within": "90d"}, "age", "days", Bound("≤", 730), id="age"),
        pytest.param({"max_age_days": 730, "within": "90d"}, "trigger", "days", None, id="not the age"),
        pytest.param({"min_value": 0, "max_value": 1}, "unexpected_share", "share", None, id="arguments are no limit"),
        pytest.param({"minimum_n": 30, "max": True}, "x", "x", None, id="neither is a truth or a count"),
    ],
)
def test_finds_the_number_that_a_figure_is_held_against(
    limits: dict[str, Any], metric: str, unit: str, bound: Bound | None
) -> None:
    assert made(limits=json.dumps(limits), metric=metric, unit=unit).bound == bound


def test_says_how_far_beyond_the_limit_a_value_lies_on_the_side_that_matters() -> None:
    assert made(value=0.6, limits='{"min": 0.8}').excess == pytest.approx(0.25)
    assert made(value=30.0, unit="usd", limits='{"max_usd": 25}').excess == pytest.approx(0.2)
    assert made(value=0.9, limits='{"min": 0.8}').excess < 0
    assert made(value=None, limits='{"min": 0.8}').excess == 0
    assert made(value=-0.3, limits='{"max_difference": 0.1}').excess == pytest.approx(2.0)
    assert made(value=0.3, limits='{"max_difference": 0.1}').limits() == f"±{THIN}10.0{THIN}%"


def test_puts_the_worst_first_by_verdict_then_severity_then_distance() -> None:
    failed = made(finding_id="a", severity="low", value=0.7, limits='{"min": 0.8}')
    further = made(finding_id="b", severity="low", value=0.1, limits='{"min": 0.8}')
    severe = made(finding_id="c", severity="critical", value=0.79, limits='{"min": 0.8}')
    passed = made(finding_id="d", severity="critical", verdict="passed", value=0.9)
    assert worst([passed, failed, further, severe]) is severe
    assert worst([passed, failed, further]) is further
    assert worst([]) is None
    assert counted([passed, failed])["passed"] == 1


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ({}, "all"),
        ({"sex": "female", "age_band": "25-"}, "sex female, age band under 25"),
        ({"age_band": "25..39"}, "age band 25 to 39"),
        ({"amount": "2.5+"}, "amount 2.5 or over"),
        ({"code": "A25-"}, "code A25-"),
        ({"sex": "female", "measure": "fpr_difference"}, "sex female, false positive rate difference"),
        ({"business_unit": "claims", "month": "2026-08"}, "business unit claims, 2026-08"),
        ({"sex": None}, "sex not stated"),
        ({"expectation": "expect_column_values_to_be_unique(my_id)"}, "column values to be unique (my_id)"),
    ],
)
def test_says_a_subject_as_a_reader_would(subject: dict[str, str | None], said: str) -> None:
    assert words(subject) == said


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (0.123, "share", f"12.3{THIN}%"),
        (32.412, "usd", f"32.41{THIN}USD"),
        (135.6, "ms", f"136{THIN}ms"),
        (91_096.2, "ms", f"91.1{THIN}s"),
        (0.54, "ratio", "0.540"),
        (367.0, "minutes", f"367{THIN}min"),
        (-171.0, "days overdue", f"due in 171{THIN}days"),
        (3.0, "days overdue", f"3{THIN}days overdue"),
        (0.0, "days overdue", f"0{THIN}days overdue"),
    ],
)
def test_writes_a_figure_with_its_unit(value: float, unit: str, written: str) -> None:
    assert measured(value, unit) == written


def test_names_the_unit_of_an_interval_once() -> None:
    assert made(interval_low=0.1, interval_high=0.25).chance() == f"10.0 to 25.0{THIN}%"
    assert made(interval_low=1200.0, interval_high=91_000.0, unit="ms").chance() == f"1{THIN}200{THIN}ms to 91.0{THIN}s"
    assert made().chance() is None


def test_rules_of_a_limit_are_words() -> None:
    rules = [{"name": "a law", "min_days": 183}, {"name": "a concept", "min_days": None, "max_days": 1461}]
    limits = json.dumps({"rules": rules, "schema_sha256": "0" * 64})
    assert made(limits=limits).limits() == f"rules a law, at least 183 days; a concept, at most 1{THIN}461 days"


def test_lists_of_a_limit_are_words() -> None:
    limits = json.dumps({"within": "10d", "checks": ["four-fifths", "drift"], "min_value": 2, "max_value": 3000})
    assert made(limits=limits).limits() == f"within 10d, checks four-fifths or drift, at least 2, at most 3{THIN}000"


def test_the_limit_of_what_was_never_measured_has_no_unit() -> None:
    """Nobody knows whether the figure would have been a share, a ratio or an amount."""
    nothing = made(metric="records", value=None, unit="records", verdict="not_assessed", limits='{"min": 0.8}')
    assert nothing.bound is None
    assert nothing.limits() == "at least 0.800"
