"""Control coverage in the report: the states of the command, each check a link, however many controls are named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import governance as gov
from governance.blocks import Bullets, Link, Table, Words, flat
from governance.blocks.prose import pieces_plain
from governance.cli import main
from governance.controls.catalogue import MAINTAINED, State, control_ids
from governance.exhibits import controls
from governance.exhibits.found import place
from governance.rendering.page import page
from tests.exhibits.test_sections import rows, table
from tests.small_quarter import Quarter

if TYPE_CHECKING:
    from governance.exploration import View

ACT = "EU Artificial Intelligence Act"


def test_counts_are_those_of_the_command(
    small_quarter: Quarter, view: View, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_quarter.workspace.root)
    with pytest.raises(SystemExit):
        main(["controls", "--window", "2026-Q3", "--json"])
    said = {one["framework"]["name"]: one["controls"] for one in json.loads(capsys.readouterr().out)["frameworks"]}
    found = rows(gov.exhibits.controls.answered(view), "Controls by framework")
    assert len(found) == len(MAINTAINED)
    for name, line in found.items():
        states = [one["state"] for one in said[str(name)]]
        assert line[2:] == (len(states), *(states.count(str(state)) for state in State))


def test_each_control_has_its_state_its_dates_and_its_checks_as_links(view: View) -> None:
    line = table(gov.exhibits.controls.answered(view), ACT).rows
    assert [row[:3] for row in line] == [
        ("Art. 26(5)", "Monitor, report, and suspend when there is a risk", "not yet applicable: from 2027-12-02")
    ]
    evidence = line[0][3]
    assert isinstance(evidence, Words)
    assert evidence.pieces == (Link("desk: four-fifths", place("desk", "four-fifths")), " (1 failed, 1 passed)")
    fairness = table(gov.exhibits.fairness.ratios(view), "Favourable decisions")
    assert fairness.anchor == place("desk", "four-fifths")


def test_what_no_check_names_stands_by_state(view: View) -> None:
    block = gov.exhibits.controls.answered(view)
    said = {pieces_plain(item) for one in flat([block]) if isinstance(one, Bullets) for item in one.items}
    withdrawn = next(one for one in said if one.startswith("US model risk guidance of 2011"))
    assert "no longer in force (6): " in withdrawn
    assert "evidence missing" not in withdrawn
    act = next(one for one in said if one.startswith(ACT))
    assert "Art. 26(5)" not in act


def test_without_a_named_control_there_are_the_counts_alone(empty: View) -> None:
    block = gov.exhibits.controls.answered(empty)
    assert [one.caption for one in flat([block]) if isinstance(one, Table)] == ["Controls by framework and state"]
    assert "No check that ran on 2026-Q3 names a control" in block.plain()


@pytest.mark.parametrize(
    ("made", "is_said"), [("", False), ("2027-05-19", False), ("2027-05-20", True), ("2030-01-01", True)]
)
def test_says_when_an_entry_was_last_read_too_long_ago(view: View, made: str, is_said: bool) -> None:
    said = gov.exhibits.controls.answered(view, made).plain()
    assert ("Last read more than 180 days ago" in said) is is_said
    assert (f"{ACT} (on 2026-11-20)" in said) is is_said


def test_a_policy_that_names_every_control_does_not_fill_the_report(
    view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {control: [("desk", "four-fifths")] for control in control_ids()}
    monkeypatch.setattr(controls, "_named", lambda _: named)
    block = gov.exhibits.controls.answered(view)
    tables = [one for one in flat([block]) if isinstance(one, Table)][1:]
    assert sum(len(one.rows) for one in tables) == controls.MOST_ROWS < len(named)
    left = sum(int(one.note.split()[0]) for one in tables if one.note)
    shown = sum(len(one.rows) for one in tables)
    assert shown + left <= len(named)
    assert len(block.plain()) < 40_000


def test_a_control_that_the_catalogue_does_not_know_is_said(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "_named", lambda _: {"moon-act:<b>1": [("desk", "eyes")]})
    said = gov.exhibits.controls.answered(view).to_html()
    assert "Named by checks and not in the catalogue: moon-act:&lt;b&gt;1." in said


def test_every_link_of_the_findings_leads_to_a_table(view: View) -> None:
    exhibits = gov.exhibits
    blocks = [
        exhibits.fairness.ratios(view),
        exhibits.latency.response_times(view),
        exhibits.latency.fallbacks(view),
        exhibits.cost.by_unit(view),
        exhibits.oversight.reviews(view),
        exhibits.quality.by_version(view),
        exhibits.controls.answered(view),
    ]
    html = page(blocks, "t")
    for one in view.judged:
        assert html.count(f'id="{one.place}"') == 1


def test_the_board_has_the_controls_in_a_line(view: View) -> None:
    of, now, before, *_ = rows(gov.exhibits.board.page(view), "The figures")["Controls"]
    assert of == "evidenced; 0 with finding, 111 without evidence"
    assert (now, before) == ("0", "0")  # the one that is named does not apply yet
