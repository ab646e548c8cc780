"""`policy lint`: what is valid and without effect is a warning, and nothing else is."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from governance.cli import main
from governance.policies.lint import Warned, warnings
from governance.policies.policy import read_policies

TODAY = date(2026, 11, 20)
HEAD = {
    "version": "1",
    "owner": "desk",
    "approved": "{by: A. Officer, on: 2026-03-20}",
    "in_force": "{from: 2026-04-01}",
}
SOUND = "{id: x, kind: latency-slo, max_ms: 100, quantile: 0.5, by: [model, business_unit], per: month}"


def linted(folder: Path, check: str = SOUND, waiver: str = "", **head: str) -> list[Warned]:
    fields = "".join(f"{name}: {value}\n" for name, value in (HEAD | head).items() if value)
    text = f"policy: desk\n{fields}checks:\n  - {check}\n"
    if waiver:
        text += f"waivers:\n  - {{check: x, reason: r, requested_by: P, approved_by: A, {waiver}}}\n"
    (folder / "desk.yaml").write_text(text, encoding="utf-8")
    (policy,) = read_policies([folder / "desk.yaml"])
    return warnings(policy, TODAY)


def test_a_sound_policy_has_no_warning(tmp_path: Path) -> None:
    assert linted(tmp_path, waiver="until: 2026-12-31, subject: {model: m, month: 2026-11}") == []


@pytest.mark.parametrize(
    "check",
    [
        "{id: x, kind: performance-classification, outcome: o, metric: accuracy, positive_when: adverse, min: 0}",
        "{id: x, kind: performance-classification, outcome: o, metric: brier, max: 1}",
        "{id: x, kind: performance-calibration, outcome: o, max_ece: 1}",
        "{id: x, kind: performance-calibration, outcome: o, max_gap: 1}",
        "{id: x, kind: fallback, worse_by: 1}",
        "{id: x, kind: drift-output, reference: {window: 2026-Q1}, measure: ks, max: 1}",
        "{id: x, kind: drift-output, reference: {window: 2026-Q1}, measure: js, max: 1.5}",
        "{id: x, kind: change-comparison, arm: a, against: b, of: errors, worse_by: 1}",
        "{id: x, kind: latency-slo, max_ms: 1, quantile: 0.5, where: 1 = 2}",
        "{id: x, kind: fairness-service, by: [sex], max_difference: 1}",
        "{id: x, kind: service-burn-rate, objective: 0.9, alerts: [{long: 1h, short: 5m, max: 10}]}",
        "{id: x, kind: resilience-routing, regions: [eu-1, '*']}",
        "{id: x, kind: use-intended, within: {business_unit: '*'}}",
        "{id: x, kind: contract, records: requests, columns: {latency_us: {required: false}}}",
        "{id: x, kind: completeness-gaps, hours: 08-18, per: day, max_gap_minutes: 600}",
        "{id: x, kind: latency-slo, max_ms: 1, quantile: 0.5, where: 'NULL'}",
    ],
)
def test_a_check_that_cannot_fail(tmp_path: Path, check: str) -> None:
    (one,) = linted(tmp_path, check)
    assert one.rule == "never-fails"
    assert ":7: checks.0" in one.where


@pytest.mark.parametrize(
    "check",
    [
        "{id: x, kind: performance-classification, outcome: o, metric: accuracy, positive_when: adverse, min: 0.01}",
        "{id: x, kind: fallback, worse_by: 1, score: stars}",
        "{id: x, kind: fairness-service, by: [sex], max_difference: 1, score: stars}",
        "{id: x, kind: service-burn-rate, objective: 0.9, alerts: [{long: 1h, short: 5m, max: 9.9}]}",
        "{id: x, kind: resilience-routing, regions: ['eu-*']}",
        "{id: x, kind: use-intended, within: {business_unit: 'a*'}}",
        "{id: x, kind: contract, records: requests, columns: {latency_us: {}}}",
        "{id: x, kind: completeness-gaps, hours: 08:30-18, per: day, max_gap_minutes: 569}",
        "{id: x, kind: completeness-gaps, max_gap_minutes: 100000}",
        "{id: x, kind: drift-output, reference: {window: 2026-Q1}, measure: psi, max: 2}",
        "{id: x, kind: change-comparison, arm: a, against: b, of: latency, worse_by: 1}",
        "{id: x, kind: latency-slo, max_ms: 1, quantile: 0.5, where: latency_us < 0}",
        "{id: x, kind: latency-slo, max_ms: 1, quantile: 0.5, where: 1 = 1}",
    ],
)
def test_a_check_that_can_fail_is_left_alone(tmp_path: Path, check: str) -> None:
    assert linted(tmp_path, check) == []


@pytest.mark.parametrize(
    ("head", "rule"),
    [
        ({"approved": ""}, "not-approved"),
        ({"approved": "{by: A. Officer, on: 2026-04-02}"}, "approved-late"),
        ({"approved": "{by: ' Desk', on: 2026-03-20}"}, "approved-by-owner"),
        ({"in_force": "{from: 2026-04-01, to: 2026-04-01}"}, "never-in-force"),
    ],
)
def test_the_version(tmp_path: Path, head: dict[str, str], rule: str) -> None:
    assert [one.rule for one in linted(tmp_path, **head)] == [rule]


@pytest.mark.parametrize(
    ("waiver", "rules"),
    [
        ("until: 2026-11-19, subject: {model: m}", ["waiver-expired"]),
        ("until: 2026-11-20, subject: {model: m}", []),
        ("until: 2026-12-31", ["waiver-of-all"]),
        ("until: 2026-12-31, subject: {sex: female}", ["waiver-unmatched"]),
        ("until: 2026-12-31, subject: {model: m, business_unit: u}", ["waiver-unmatched"]),
        ("until: 2026-12-31, subject: {week: 2026-W01}", ["waiver-unmatched"]),
        ("until: 2026-12-31, subject: {business_unit: u}", []),
    ],
)
def test_waivers(tmp_path: Path, waiver: str, rules: list[str]) -> None:
    assert [one.rule for one in linted(tmp_path, waiver=waiver)] == rules


@pytest.mark.parametrize(
    ("check", "subject"),
    [
        ("{id: x, kind: change-approved}", "{measure: model}"),
        ("{id: x, kind: completeness-fields, fields: {latency_us: 0.9}}", "{field: latency_us}"),
        ("{id: x, kind: drift-input, reference: {window: 2026-Q1}, max: 0.1}", "{feature: AGE}"),
        ("{id: x, kind: change-validation-due}", "{model: m, model_version: '1'}"),
        ("{id: x, kind: fairness-intersections, by: [sex, race]}", "{sex: f, race: b}"),
    ],
)
def test_names_that_a_kind_gives_its_subjects_are_known(tmp_path: Path, check: str, subject: str) -> None:
    assert linted(tmp_path, check, waiver=f"until: 2026-12-31, subject: {subject}") == []


def test_groups_of_which_the_policy_leaves_one(tmp_path: Path) -> None:
    check = "{id: x, kind: fairness-impact-ratio, by: [sex, model, [sex, model]]}"
    (one,) = linted(tmp_path, check, applies_to="{model: credit-1}")
    assert (one.rule, "one group along model" in one.what) == ("one-group", True)
    assert linted(tmp_path, check, applies_to='{model: "credit-*"}') == []
    assert linted(tmp_path, check, applies_to="{model: [credit-1, credit-2]}") == []


def test_controls_that_do_not_apply_are_named_once(tmp_path: Path) -> None:
    named = "controls: [sr-11-7:validation-concept, gdpr:22.3]"
    (policy_file := tmp_path / "desk.yaml").write_text(
        "policy: desk\nversion: 1\nowner: desk\napproved: {by: A, on: 2026-03-20}\nin_force: {from: 2026-04-01}\n"
        f"checks:\n  - {{id: a, kind: integrity, {named}}}\n  - {{id: b, kind: integrity, {named}}}\n"
    )
    (policy,) = read_policies([policy_file])
    (one,) = warnings(policy, TODAY)
    assert one.rule == "control-not-in-force"
    assert "superseded" in one.what or "repealed" in one.what
    assert one.what.endswith("named by a, b")


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 1)])
def test_command(tmp_path: Path, options: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    linted(tmp_path, approved="")
    with pytest.raises(SystemExit) as ended:
        main(["policy", "lint", str(tmp_path), "--json", *options])
    assert ended.value.code == code
    (policy,) = json.loads(capsys.readouterr().out)["policies"]
    (one,) = policy["warnings"]
    assert one["rule"] == "not-approved"
    assert set(one) == {"rule", "where", "what", "hint"}


def test_command_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    linted(tmp_path, approved="")
    with pytest.raises(SystemExit):
        main(["policy", "lint", str(tmp_path)])
    shown = capsys.readouterr().out
    assert "! desk.yaml: desk version 1, 1 check\n" in shown
    assert "nobody approved version 1 [not-approved]" in shown
