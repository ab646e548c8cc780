"""What became of findings: on the board's page, in the table of findings and in the answers."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import governance as gov
from governance.assessment import assess
from governance.exhibits import answers
from governance.history.issues import read_history, respond
from governance.policies.policy import read_policies
from governance.workspace import Workspace
from tests.exhibits.test_sections import rows, table
from tests.small_quarter import HOSTILE, NOW, Quarter

if TYPE_CHECKING:
    from governance.exploration import View

DAY = timedelta(days=1)


@pytest.fixture
def own(small_quarter: Quarter, tmp_path: Path) -> Workspace:
    """A workspace that may be written to."""
    shutil.copytree(small_quarter.workspace.root, tmp_path / "desk", symlinks=True)
    key = small_quarter.workspace.key
    return Workspace(tmp_path / "desk", "UTC", 1, keep_payloads=False, keep_raw=False, key=key)


def seen(workspace: Workspace, window: str = "2026-Q3") -> View:
    return gov.open(workspace.root).window(window)


def finding(workspace: Workspace, check: str, window: str = "2026-07") -> str:
    """The id of the issue of a check in the window that begins so."""
    return str(
        next(
            one.row["finding_id"]
            for one in read_history(workspace).issues()
            if one.row["check_id"] == check and one.row["window_start"].startswith(window)
        )
    )


def test_findings_without_answers_are_new_and_wait(view: View) -> None:
    said = gov.exhibits.front.page(view).plain()
    assert "Failed, warned or errored: 3 findings, of these 2 new, 1 recurring, 3 without an answer." in said
    assert "Those of 2026-Q2: 1, of which 0 settled and 1 found again." in said
    lines = rows(gov.exhibits.findings.open_ones(view), "Findings that ask for action: 3")
    assert {name: (line[-4], line[-3]) for name, line in lines.items()} == {
        "desk: four-fifths": ("new", "none"),
        "desk: eyes": ("new", "none"),
        "desk: budget": ("recurring", "none"),
    }


def test_an_answer_stands_with_the_finding_and_keeps_its_day(own: Workspace) -> None:
    name = finding(own, "four-fifths")
    respond(own, name, by="M. Risk", text=HOSTILE, resolves=False, now=NOW + DAY)
    respond(own, name, by="N. Risk", text="retrained", resolves=False, now=NOW + 2 * DAY)
    view = seen(own)
    line = rows(gov.exhibits.findings.open_ones(view), "Findings that")["desk: four-fifths"]
    assert line[5] == date(2026, 11, 1)
    assert line[-3] == "answered by N. Risk on 2026-10-04"
    assert line[-1] == name[:10]
    block = gov.exhibits.answers.given(view)
    lines = table(block, "Answers: 2").rows
    assert [(line[2], line[3], line[4], line[5]) for line in lines] == [
        (date(2026, 10, 3), "M. Risk", "answered", HOSTILE),
        (date(2026, 10, 4), "N. Risk", "answered", "retrained"),
    ]
    assert "<script" not in block.to_html()
    assert "1 answered, 2 without an answer" in gov.exhibits.front.page(view).plain()


def test_what_is_settled_is_not_asked_for_again(own: Workspace) -> None:
    before = gov.exhibits.board.page(seen(own)).plain()
    respond(own, finding(own, "four-fifths"), by="M. Risk", text="mended", resolves=True, now=NOW + DAY)
    after = gov.exhibits.board.page(seen(own)).plain()
    assert "four-fifths by 2026-11-01" in before
    assert "four-fifths by 2026-11-01" not in after
    assert "1 settled, 2 without an answer" in gov.exhibits.front.page(seen(own)).plain()
    assert "settled by M. Risk on 2026-10-03" in gov.exhibits.findings.open_ones(seen(own)).plain()


def test_the_findings_of_the_window_before_say_what_became_of_them(own: Workspace) -> None:
    respond(own, finding(own, "budget", "2026-04"), by="F. Inance", text="raised", resolves=True, now=NOW + DAY)
    block = gov.exhibits.answers.given(seen(own))
    line = rows(block, "What became of the findings of 2026-Q2")["desk: budget"]
    assert (line[3], line[4]) == ("settled by F. Inance on 2026-10-03", "failed")
    assert "Those of 2026-Q2: 1, of which 1 settled and 1 found again." in block.plain()
    assert "sales, 2026-05 in 2026-Q2" in table(block, "Answers: 1").rows[0][1]  # type: ignore[operator]


def test_a_new_run_postpones_nothing_and_what_it_no_longer_finds_is_gone(own: Workspace) -> None:
    window = seen(own).span.window
    assess(own, read_policies([own.policies]), window, now=NOW + 40 * DAY)
    view = seen(own)
    line = rows(gov.exhibits.findings.open_ones(view), "Findings that")["desk: four-fifths"]
    assert (line[5], line[6], line[-3]) == (date(2026, 11, 1), 40, "overdue, none")
    assert "3 without an answer, 3 past due" in gov.exhibits.front.page(view).plain()


def test_a_new_version_of_a_policy_supersedes_what_the_old_one_found(own: Workspace) -> None:
    file = own.policies / "desk-2.yaml"
    file.write_text(file.read_text().replace("version: 2", "version: 3").replace("min: 0.8\n    m", "min: 0.3\n    m"))
    assess(own, read_policies([own.policies]), seen(own).span.window, now=NOW)
    view = seen(own)
    assert {one.version for one in view.judged} == {"3"}
    assert not [one for one in view.judged if one.check == "four-fifths" and one.is_acute]
    assert "four-fifths" not in gov.exhibits.findings.open_ones(view).plain()


def test_thousands_of_findings_fill_a_few_sheets_and_the_rest_is_counted(view: View) -> None:
    first = next(one for one in view.judged if one.is_acute)
    view.__dict__["judged"] = view.judged_before + tuple(
        replace(first, subject={"sex": str(place)}) for place in range(3000)
    )
    block = gov.exhibits.findings.open_ones(view)
    found = table(block, "Findings that ask for action: 3001")
    assert len(found.rows) == answers.MOST_ROWS
    assert f"{3001 - answers.MOST_ROWS} more are stored: `governance finding list` names them." in found.note
    evidence = table(gov.exhibits.manifest.page(view), "Evidence of what")
    failed = sum(one.verdict != "passed" for one in view.judged)
    assert f"{failed - answers.MOST_ROWS} more are stored" in evidence.note
