"""`policy test`: cases beside a policy, what differs from them, and what is wrong in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from governance.cli import main
from governance.errors import GovernanceError, PolicyError
from governance.policies.policy import read_policies
from governance.policy_trial import Trial, try_policy

REPOSITORY = Path(__file__).parents[1]
POLICY = """\
policy: desk
version: 1
owner: desk-owner
approved: {by: A. Officer, on: 2026-03-20}
in_force: {from: 2026-04-01}
checks:
  - {id: four-fifths, kind: fairness-impact-ratio, by: [sex], minimum_n: 10}
  - {id: slow, kind: latency-slo, max_ms: 100, quantile: 0.5, minimum_n: 2}
waivers:
  - {check: slow, reason: new machine, requested_by: P. Product, approved_by: A. Officer, until: 2026-04-30}
"""
ROWS = """\
  rows:
    decisions:
      - {repeat: 20, favourable: true, subjects: {sex: male}}
      - {repeat: 10, favourable: true, subjects: {sex: female}}
      - {repeat: 10, favourable: false, subjects: {sex: female}}
"""


def tried(folder: Path, cases: str | None, policy: str = POLICY) -> Trial:
    (folder / "desk.yaml").write_text(policy, encoding="utf-8")
    if cases is not None:
        (folder / "desk.cases.yaml").write_text(cases, encoding="utf-8")
    (read,) = read_policies([folder])
    return try_policy(read)


OWN_SQL = """\
policy: desk
version: 1
owner: desk-owner
approved: {by: A. Officer, on: 2026-03-20}
in_force: {from: 2026-04-01}
checks:
  - {id: open, kind: sql, max: 0, by: [[severity]], sql: "SELECT severity, 1 AS value, 1 AS n FROM incidents"}
  - {id: whole, kind: integrity}
"""


class TestCases:
    def test_what_measures_no_records_of_the_log_gives_its_own_reason(self, tmp_path: Path) -> None:
        """There are decisions; neither kind looks at them."""
        expect = "  expect:\n    - {check: open, verdict: not_assessed, reason: the statement returns no row}\n"
        expect += "    - {check: whole, verdict: not_assessed, reason: there are rows and no store}\n"
        assert tried(tmp_path, f"- name: nothing\n{ROWS}{expect}", OWN_SQL).differences == ()

    def test_what_is_as_expected_gives_no_difference(self, tmp_path: Path) -> None:
        expect = "  expect: [{check: four-fifths, subject: {sex: female}, verdict: failed, value: 1/2, n: 20}]\n"
        trial = tried(tmp_path, f"- name: half\n{ROWS}{expect}")
        assert trial.differences == ()
        assert (trial.cases, trial.findings, trial.untried) == (1, 1, ("slow",))

    @pytest.mark.parametrize(
        ("expected", "wished"),
        [
            ("verdict: passed", "passed"),
            ("verdict: failed, value: 0.6", "failed (value 0.6)"),
            ("verdict: failed, n: 19", "failed (n 19)"),
            ("verdict: failed, reason: by chance", "failed (reason with by chance)"),
            ("verdict: failed, counts: {favourable: 11}", "failed (counts {'favourable': 11})"),
        ],
    )
    def test_each_part_that_differs_is_shown(self, tmp_path: Path, expected: str, wished: str) -> None:
        expect = f"  expect:\n    - {{check: four-fifths, subject: {{sex: female}}, {expected}}}\n"
        (one,) = tried(tmp_path, f"- name: half\n{ROWS}{expect}").differences
        assert one.where.endswith("desk.cases.yaml:1")
        assert (one.case, one.check, one.subject, one.expected) == ("half", "four-fifths", '{"sex":"female"}', wished)
        assert one.found.startswith("failed (value 0.5, n 20, the favourable rate")

    def test_an_alarm_that_nobody_expects_is_a_difference(self, tmp_path: Path) -> None:
        expect = "  expect: [{check: four-fifths, subject: {sex: male}, verdict: passed}]\n"
        (one,) = tried(tmp_path, f"- name: half\n{ROWS}{expect}").differences
        assert one.subject == '{"sex":"female"}'
        assert one.expected == "nothing that calls for action"

    def test_a_subject_that_is_not_found_names_those_that_are(self, tmp_path: Path) -> None:
        expect = (
            "  expect:\n"
            "    - {check: four-fifths, subject: {sex: other}, verdict: passed}\n"
            "    - {check: four-fifths, subject: {sex: female}, verdict: failed}\n"
        )
        (one,) = tried(tmp_path, f"- name: half\n{ROWS}{expect}").differences
        assert '{"sex":"male"}' in one.found

    def test_waivers_hold_in_their_time_and_not_later(self, tmp_path: Path) -> None:
        rows = "  rows: {requests: [{repeat: 5, latency_us: 200000}]}\n"
        cases = (
            f"- name: then\n{rows}  expect: [{{check: slow, verdict: waived, reason: until 2026-04-30}}]\n"
            f"- name: later\n  window: 2026-05\n{rows}"
            "  expect: [{check: slow, verdict: failed, reason: the waiver by A. Officer expired on 2026-04-30}]\n"
        )
        assert tried(tmp_path, cases).differences == ()

    def test_without_records_nothing_is_assessed(self, tmp_path: Path) -> None:
        cases = "- name: nothing\n  expect: [{check: slow, verdict: not_assessed, reason: no requests}]\n"
        assert tried(tmp_path, cases).differences == ()

    def test_a_policy_without_cases_is_no_success(self, tmp_path: Path) -> None:
        trial = tried(tmp_path, None)
        assert (trial.path, trial.cases, trial.untried) == (None, 0, ("four-fifths", "slow"))


class TestMistakes:
    @pytest.mark.parametrize(
        ("cases", "said"),
        [
            ("", "a case file is a list of cases"),
            ("- {name: x, expect: []}\n", "at least 1 item"),
            ("- {name: x, expect: [{check: slo, verdict: failed}]}\n", "no check of desk 1 is called 'slo'"),
            ("- {name: x, expect: [{check: slow, verdict: bad}]}\n", "this should be 'passed'"),
            ("- {name: x, expect: [{check: slow, verdict: failed, value: much}]}\n", "'much' is no number"),
            ("- {name: x, window: soon, expect: [{check: slow, verdict: failed}]}\n", "'soon' is not a window"),
            (
                "- {name: x, timezone: Mars, expect: [{check: slow, verdict: failed}]}\n",
                "no time zone is called 'Mars'",
            ),
            ("- {name: x, row: {}, expect: [{check: slow, verdict: failed}]}\n", "no field is called 'row'"),
        ],
    )
    def test_a_mistake_in_the_file_has_its_line(self, tmp_path: Path, cases: str, said: str) -> None:
        with pytest.raises(PolicyError, match=r"desk\.cases\.yaml") as caught:
            tried(tmp_path, cases)
        assert said in str(caught.value)

    @pytest.mark.parametrize(
        ("rows", "said"),
        [
            ("{request: []}", "no table is called 'request'"),
            ("{requests: [{latency: 3}]}", "no column is called 'latency'"),
            ("{requests: {latency_us: 3}}", "rows are a list of mappings"),
            ("{requests: [{latency_us: slow}]}", "a value does not fit its column"),
            ("{requests: [{start_ts: today}]}", "'today' is no time"),
            ("{requests: [{repeat: 2, every: soon}]}", "'soon' is no duration"),
            ("{requests: [{repeat: many}]}", "repeat is a number up to"),
        ],
    )
    def test_rows_that_cannot_be_laid_out_say_where(self, tmp_path: Path, rows: str, said: str) -> None:
        cases = f"- name: x\n  rows: {rows}\n  expect: [{{check: slow, verdict: failed}}]\n"
        with pytest.raises(GovernanceError, match=said) as caught:
            tried(tmp_path, cases)
        assert "desk.cases.yaml:1: rows" in str(caught.value.where)

    def test_a_window_before_the_version(self, tmp_path: Path) -> None:
        cases = "- {name: x, window: 2026-03, expect: [{check: slow, verdict: failed}]}\n"
        with pytest.raises(GovernanceError, match="version 1 is not in force in 2026-03"):
            tried(tmp_path, cases)


class TestCommand:
    def run(self, *arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["policy", "test", *arguments])
        assert isinstance(ended.value.code, int)
        return ended.value.code

    def test_a_difference_exits_with_1_and_shows_both_sides(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        expect = "  expect: [{check: four-fifths, subject: {sex: female}, verdict: passed}]\n"
        tried(tmp_path, f"- name: half\n{ROWS}{expect}")
        assert self.run(str(tmp_path)) == 1
        shown = capsys.readouterr().out
        assert "✗ desk version 1: 1 cases, 1 expected findings, 1 not as expected" in shown
        assert "    - passed\n    + failed (value 0.5" in shown
        assert "no case for slow" in shown

    def test_no_cases_at_all_is_an_error(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        tried(tmp_path, None)
        assert self.run(str(tmp_path)) == 2
        assert "none of these policies has cases" in capsys.readouterr().err

    @pytest.mark.parametrize("folder", ["policies", "policies/starters"])
    def test_the_shipped_policies_find_what_their_cases_say(
        self, folder: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        policies = read_policies([REPOSITORY / folder])
        assert self.run(str(REPOSITORY / folder), "--json") == 0
        trials = json.loads(capsys.readouterr().out)["policies"]
        assert len(trials) == len(policies)
        assert all(trial["file"] for trial in trials)
        assert not [name for trial in trials for name in trial["untried"]]
