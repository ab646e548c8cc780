"""What becomes of findings: open, answered, resolved, recurring, superseded; and what is said about them."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from governance.checks import latency_slo
from governance.cli import main
from governance.errors import GovernanceError, NotFoundError
from governance.history.issues import Issue, Status, read_history, respond
from governance.history.periods import period, without_part
from governance.storage.store import Store
from governance.verification import verify
from tests.desk import HOSTILE, NOW, checked, make_desk

if TYPE_CHECKING:
    from pathlib import Path

    from governance.workspace import Workspace

DAY = timedelta(days=1)


@pytest.fixture
def desk(tmp_path: Path) -> Workspace:
    return make_desk(tmp_path / "desk")


def only(workspace: Workspace) -> Issue:
    (issue,) = read_history(workspace).issues()
    return issue


def test_without_findings_there_is_nothing(desk: Workspace) -> None:
    assert read_history(desk).issues() == []


def test_open_answered_resolved(desk: Workspace) -> None:
    checked(desk, "2026-07")
    issue = only(desk)
    assert (issue.status, issue.due, issue.earlier) == (Status.OPEN, date(2026, 10, 16), ())
    name = issue.row["finding_id"]
    assert respond(desk, name[:6], by="P. Desk", text="a new machine", resolves=False, now=NOW).status == "answered"
    done = respond(desk, name, by="Q. Desk", text="it runs", resolves=True, now=NOW + DAY)
    assert done.status is Status.RESOLVED
    assert [(one.by, one.text, one.resolves) for one in done.responses] == [
        ("P. Desk", "a new machine", False),
        ("Q. Desk", "it runs", True),
    ]
    entries = Store(desk.store).snapshot().of_kind("response")
    assert [entry.number for entry in entries] == [one.entry for one in done.responses]
    assert verify(desk.store).ok
    reopened = respond(desk, name, by="P. Desk", text="not yet", resolves=False, now=NOW + 2 * DAY)
    assert reopened.status is Status.ANSWERED


def test_a_new_run_of_the_same_window_postpones_nothing_and_keeps_the_answer(desk: Workspace) -> None:
    checked(desk, "2026-07")
    first = only(desk)
    respond(desk, first.row["finding_id"], by="P. Desk", text="a new machine", resolves=False, now=NOW)
    checked(desk, "2026-07", NOW + 30 * DAY)
    again = only(desk)
    assert again.row["finding_id"] != first.row["finding_id"]
    assert (again.status, again.first, again.due) == (Status.ANSWERED, first.first, first.due)
    assert again.age_days((NOW + 30 * DAY).date()) == 30
    assert again.is_late((NOW + 30 * DAY).date())
    assert read_history(desk).issue(first.row["finding_id"]).status is Status.ANSWERED


def test_a_failure_in_a_later_window_recurs_also_after_a_resolution(desk: Workspace) -> None:
    checked(desk, "2026-07")
    first = only(desk)
    respond(desk, first.row["finding_id"], by="P. Desk", text="mended", resolves=True, now=NOW)
    checked(desk, "2026-08")
    statuses = {issue.row["window_start"][:7]: issue.status for issue in read_history(desk).issues()}
    assert statuses == {"2026-07": Status.RESOLVED, "2026-08": Status.RECURRING}
    later = next(issue for issue in read_history(desk).issues() if issue.status is Status.RECURRING)
    assert [one["finding_id"] for one in later.earlier] == [first.row["finding_id"]]
    assert json.loads(later.row["subject"]) == {"business_unit": HOSTILE}


def test_what_was_checked_later_does_not_make_an_earlier_window_recur(desk: Workspace) -> None:
    checked(desk, "2026-08")
    checked(desk, "2026-07")
    statuses = {issue.row["window_start"][:7]: issue.status for issue in read_history(desk).issues()}
    assert statuses == {"2026-07": Status.OPEN, "2026-08": Status.RECURRING}


def test_what_a_new_run_no_longer_finds_is_superseded(desk: Workspace) -> None:
    checked(desk, "2026-07")
    first = only(desk)
    policy = desk.policies / "desk.yaml"
    policy.write_text(policy.read_text(encoding="utf-8").replace("max_ms: 500", "max_ms: 2000"), encoding="utf-8")
    checked(desk, "2026-07", NOW + DAY)
    assert read_history(desk).issues() == []
    old = read_history(desk).issue(first.row["finding_id"])
    assert old.status is Status.SUPERSEDED
    assert not old.is_late(date(2030, 1, 1))


def test_a_change_of_method_breaks_the_series(desk: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    checked(desk, "2026-07")
    before = only(desk).row["method"]
    assert only(desk).changes == ()
    monkeypatch.setattr(latency_slo.LatencySlo, "method", classmethod(lambda _: "latency-slo:another"))
    checked(desk, "2026-08", NOW + DAY)
    recurring = next(issue for issue in read_history(desk).issues() if issue.status is Status.RECURRING)
    (change,) = recurring.changes
    assert (change.before, change.after, change.at[:10]) == (before, "latency-slo:another", "2026-10-03")


class TestMistakes:
    def test_ids(self, desk: Workspace) -> None:
        checked(desk, "2026-07")
        with pytest.raises(NotFoundError, match="no finding has an id that begins with 'zz'"):
            read_history(desk).issue("zz")
        with pytest.raises(NotFoundError, match="no finding has an id that begins with ''"):
            read_history(desk).issue("")
        for window in ("2026-07-01", "2026-07-02", "2026-07-03", "2026-08-01", "2026-08-02", "2026-08-03"):
            checked(desk, window)
        history = read_history(desk)
        firsts = [name[0] for name in history._by_id]
        digit = max(set(firsts), key=firsts.count)
        assert firsts.count(digit) > 1
        with pytest.raises(NotFoundError, match=rf"findings have ids that begin so: {digit}"):
            history.issue(digit)

    @pytest.mark.parametrize(
        ("by", "text", "where"), [(" ", "x", "--by"), ("x", " ", "--text"), ("x", "y" * 10_001, "--text")]
    )
    def test_a_response_has_an_author_and_a_text(self, desk: Workspace, by: str, text: str, where: str) -> None:
        checked(desk, "2026-07")
        with pytest.raises(GovernanceError) as caught:
            respond(desk, only(desk).row["finding_id"], by=by, text=text, resolves=False, now=NOW)
        assert caught.value.where == where

    def test_what_passed_is_not_answered(self, desk: Workspace) -> None:
        done = checked(desk, "2026-07")
        passed = next(one.finding_id for one in done.findings if one.judgement.verdict == "passed")
        with pytest.raises(GovernanceError, match="the finding is passed"):
            respond(desk, passed, by="P", text="fine", resolves=True, now=NOW)


class TestCommands:
    @pytest.fixture
    def run(self, desk: Workspace, capsys: pytest.CaptureFixture[str]) -> Any:
        def command(*arguments: str) -> tuple[int, str]:
            with pytest.raises(SystemExit) as ended:
                main(["--workspace", str(desk.root), *arguments])
            assert isinstance(ended.value.code, int)
            return ended.value.code, capsys.readouterr().out

        return command

    def test_the_way_of_a_finding(self, run: Any) -> None:
        assert run("finding", "list") == (0, "No finding asks for action.\n")
        assert run("check", "--window", "2026-07")[0] == 1
        (listed,) = json.loads(run("finding", "list", "--json")[1])["findings"]
        name = listed["finding"]
        assert (listed["status"], listed["owner"], listed["check"]) == ("open", "desk-owner", "slow")
        code, said = run("finding", "respond", name[:8], "--by", "P. Desk", "--text", "a new\nmachine")
        assert code == 0
        assert "answered by P. Desk: a new" in said
        assert "\n  answered; severity medium, owner desk-owner, due" in said
        assert name[:10] in run("finding", "list", "--open")[1]
        shown = json.loads(run("finding", "resolve", name, "--by", "P. Desk", "--text", "done", "--json")[1])
        assert (shown["status"], shown["late"], len(shown["responses"])) == ("resolved", False, 2)
        assert run("finding", "list", "--open") == (0, "No finding is open.\n")
        assert "resolved" in run("finding", "list")[1]
        assert run("finding", "show", "zz")[0] == 2


MONTHLY = """\
policy: desk
version: 1
owner: desk-owner
in_force: {from: 2026-04-01}
checks:
  - {id: slow, kind: latency-slo, max_ms: 500, quantile: 0.5, minimum_n: 5, by: [business_unit], per: month}
"""


class TestPeriods:
    @pytest.fixture
    def monthly(self, desk: Workspace) -> Workspace:
        (desk.policies / "desk.yaml").write_text(MONTHLY, encoding="utf-8")
        return desk

    def by_month(self, workspace: Workspace) -> dict[str, Issue]:
        return {json.loads(one.row["subject"])["month"]: one for one in read_history(workspace).issues()}

    def test_months_of_one_window_are_one_series_and_each_is_kept(self, monthly: Workspace) -> None:
        """July and August are slow, September is not: August recurs, and September clears both."""
        checked(monthly, "2026-07-01..2026-09-01")
        found = self.by_month(monthly)
        assert {month: one.status for month, one in found.items()} == {"2026-07": "open", "2026-08": "recurring"}
        assert [one["finding_id"] for one in found["2026-08"].earlier] == [found["2026-07"].row["finding_id"]]
        checked(monthly, "2026-09", NOW + DAY)
        found = self.by_month(monthly)
        assert {month: one.status for month, one in found.items()} == {"2026-07": "cleared", "2026-08": "cleared"}
        cleared = found["2026-07"].cleared
        assert cleared is not None
        assert json.loads(cleared["subject"])["month"] == "2026-09"
        assert not found["2026-07"].is_late(date(2030, 1, 1))

    def test_windows_are_compared_in_the_same_way(self, desk: Workspace) -> None:
        checked(desk, "2026-09")
        checked(desk, "2026-07")
        assert only(desk).status is Status.CLEARED

    def test_a_period_that_was_not_judged_clears_nothing(self, monthly: Workspace) -> None:
        policy = monthly.policies / "desk.yaml"
        checked(monthly, "2026-07")
        policy.write_text(MONTHLY.replace("minimum_n: 5", "minimum_n: 500"), encoding="utf-8")
        checked(monthly, "2026-09", NOW + DAY)
        assert only(monthly).status is Status.OPEN

    def test_what_a_person_says_last_counts(self, monthly: Workspace) -> None:
        checked(monthly, "2026-07")
        name = only(monthly).row["finding_id"]
        respond(monthly, name, by="P. Desk", text="a new machine is ordered", resolves=False, now=NOW)
        checked(monthly, "2026-09", NOW + DAY)
        assert only(monthly).status is Status.CLEARED
        later = respond(monthly, name, by="P. Desk", text="it will come back", resolves=False, now=NOW + 2 * DAY)
        assert later.status is Status.ANSWERED
        done = respond(monthly, name, by="P. Desk", text="it will not", resolves=True, now=NOW + 3 * DAY)
        assert done.status is Status.RESOLVED

    def test_the_same_month_in_two_windows_is_no_recurrence(self, monthly: Workspace) -> None:
        checked(monthly, "2026-Q3")
        checked(monthly, "2026-07")
        july = [one for one in read_history(monthly).issues() if "2026-07" in one.row["subject"]]
        assert len(july) == 2
        assert {one.status for one in july} == {Status.CLEARED}
        assert [one.earlier for one in july] == [(), ()]


@pytest.mark.parametrize(
    ("subject", "begins", "kept"),
    [
        ({"month": "2026-07", "sex": "f"}, "2026-07", '{"sex": "f"}'),
        ({"week": "2026-W01"}, "2025-12-29", "{}"),
        ({"quarter": "2026-Q3"}, "2026-07", "{}"),
        ({"hour": "2026-07-01T05:00"}, "2026-07-01T05:00", "{}"),
        ({"day": "holiday"}, "2026-07-01T00:00:00.000000Z", '{"day": "holiday"}'),
        ({"year": None}, "2026-07-01T00:00:00.000000Z", '{"year": null}'),
    ],
)
def test_periods(subject: dict[str, str | None], begins: str, kept: str) -> None:
    """What only looks like a part of the calendar is a group."""
    start, end = "2026-07-01T00:00:00.000000Z", "2026-08-01T00:00:00.000000Z"
    row = {"subject": json.dumps(subject), "window_start": start, "window_end": end}
    assert period(row).begins == begins
    assert without_part(row["subject"]) == kept
