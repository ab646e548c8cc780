"""Expected false alarms: summed where a test bounds chance, counted apart where a figure is held against a limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from governance.assessment import Assessment, document
from governance.findings import Evidence, Finding, Judgement, Observation, Verdict, Window
from governance.measurement.false_alarms import FalseAlarms

WINDOW = Window(datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC), "2026-07")
EVIDENCE = Evidence("", {}, "", "m", (), 1, "")


def found(check: str, kind: str, verdict: Verdict, counts: dict[str, Any], limit: dict[str, Any]) -> Finding:
    seen = Observation((), "x", 0.0, "share", 9, counts)
    judged = Judgement(verdict, None, limit)
    return Finding("f", WINDOW, "p", "1", "0", check, kind, seen, judged, "low", "o", None, (), EVIDENCE)


DRIFT = found("drift", "drift-input", Verdict.PASSED, {"noise_floor": 0.1}, {"max": 0.2})
GROUPS = found(
    "groups", "fairness-intersections", Verdict.FAILED, {"false_discovery_rate": 0.01}, {"false_discovery": 0.1}
)
BUDGET = found("budget", "cost-budget", Verdict.PASSED, {}, {"max_usd": 1})


def alarms(findings: list[Finding]) -> FalseAlarms:
    return Assessment(WINDOW, tuple(findings), 1, "0").false_alarms()


def test_each_tested_check_counts_once_with_its_level() -> None:
    other_subject = replace(DRIFT, finding_id="g")
    assert alarms([DRIFT, other_subject, GROUPS, BUDGET]) == FalseAlarms(0.05 + 0.1, 2, 1)


def test_what_was_not_judged_has_no_false_alarm() -> None:
    not_judged = replace(DRIFT, judgement=Judgement(Verdict.NOT_ASSESSED, None, {}))
    assert alarms([not_judged, BUDGET]) == FalseAlarms(0.0, 0, 1)


def test_a_check_is_tested_if_one_of_its_findings_is() -> None:
    reference = replace(GROUPS, observation=replace(GROUPS.observation, counts={}))
    assert alarms([reference, GROUPS]) == FalseAlarms(0.1, 1, 0)
    assert alarms([GROUPS, reference]) == FalseAlarms(0.1, 1, 0)


def test_it_stands_in_the_json_of_a_run() -> None:
    stated = document(Assessment(WINDOW, (DRIFT, BUDGET), 1, "0"))["false_alarms"]
    assert stated == {"expected_at_most": 0.05, "tested_checks": 1, "other_checks": 1}
