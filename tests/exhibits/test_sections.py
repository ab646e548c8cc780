"""What the sections say about a quarter that can be counted by hand, about hostile names, and about an empty store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import governance as gov
from governance.blocks import Chart, Link, Section, Table, Verdicts, flat, read
from governance.exhibits.found import Found
from governance.exhibits.period import Period
from governance.exhibits.policies import versions
from tests.exhibits.test_found import made
from tests.small_quarter import HOSTILE, Quarter

if TYPE_CHECKING:
    from governance.blocks import AnyBlock
    from governance.exploration import View

SECTIONS: dict[str, Callable[[Period], Section]] = {
    f"{module.__name__.rpartition('.')[2]}.{function.__name__}": function
    for module, function in (
        (gov.exhibits.cover, gov.exhibits.cover.page),
        (gov.exhibits.front, gov.exhibits.front.page),
        (gov.exhibits.board, gov.exhibits.board.page),
        (gov.exhibits.completeness, gov.exhibits.completeness.by_day),
        (gov.exhibits.completeness, gov.exhibits.completeness.records),
        (gov.exhibits.completeness, gov.exhibits.completeness.fields),
        (gov.exhibits.completeness, gov.exhibits.completeness.ledger),
        (gov.exhibits.decisions, gov.exhibits.decisions.by_stage),
        (gov.exhibits.checks, gov.exhibits.checks.table),
        (gov.exhibits.checks, gov.exhibits.checks.others),
        (gov.exhibits.usage, gov.exhibits.usage.against_intention),
        (gov.exhibits.fairness, gov.exhibits.fairness.ratios),
        (gov.exhibits.drift, gov.exhibits.drift.by_month),
        (gov.exhibits.quality, gov.exhibits.quality.by_version),
        (gov.exhibits.latency, gov.exhibits.latency.response_times),
        (gov.exhibits.latency, gov.exhibits.latency.fallbacks),
        (gov.exhibits.cost, gov.exhibits.cost.by_unit),
        (gov.exhibits.oversight, gov.exhibits.oversight.reviews),
        (gov.exhibits.oversight, gov.exhibits.oversight.explanations),
        (gov.exhibits.findings, gov.exhibits.findings.open_ones),
        (gov.exhibits.answers, gov.exhibits.answers.given),
        (gov.exhibits.findings, gov.exhibits.findings.set_aside),
        (gov.exhibits.controls, gov.exhibits.controls.answered),
        (gov.exhibits.policies, gov.exhibits.policies.in_force),
        (gov.exhibits.method, gov.exhibits.method.page),
        (gov.exhibits.manifest, gov.exhibits.manifest.page),
    )
}


def table(block: AnyBlock, caption: str) -> Table:
    """The table whose caption begins so."""
    return next(one for one in flat([block]) if isinstance(one, Table) and one.caption.startswith(caption))


def rows(block: AnyBlock, caption: str) -> dict[object, tuple[object, ...]]:
    """First cell -> the others, of the table whose caption begins so."""
    return {line[0]: line[1:] for line in table(block, caption).rows}


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_survives_the_way_through_json_and_lets_no_markup_through(name: str, view: View) -> None:
    block = SECTIONS[name](view)
    assert read(block.to_json()) == block
    html = block.to_html()
    assert "<script" not in html
    assert "\u202e" not in html


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_says_something_about_a_store_without_records(name: str, empty: View) -> None:
    block = SECTIONS[name](empty)
    assert len(block.plain()) > 20
    assert read(block.to_json()) == block


def test_the_first_page_has_the_verdicts_in_three_groups(view: View) -> None:
    page = gov.exhibits.cover.page(view)
    verdicts = next(one for one in flat([page]) if isinstance(one, Verdicts))
    assert sum(verdicts.counts().values()) == len(view.judged)
    said = page.plain()
    assert f"Not met: {verdicts.failed + verdicts.waived} (failed or waived, " in said
    assert f"Met: {verdicts.passed + verdicts.warned} (passed or warned, " in said


def test_the_board_names_the_worst_subject_beside_the_window_before(view: View) -> None:
    figures = rows(gov.exhibits.board.page(view), "The figures")
    of, now, before, _course, limit, verdict = figures["Fairness"]
    assert (of, now, before, verdict) == ("impact ratio: sex female (four-fifths)", "0.312", "1.000", "failed")
    assert str(limit).startswith("≥")
    assert figures["Decisions"][1:3] == ("80", "80")
    assert figures["Inventory"][0] == "models in use, 3 not registered"


def test_the_first_page_says_what_is_wrong_how_sure_that_is_who_acts_and_by_when(view: View) -> None:
    page = gov.exhibits.front.page(view)
    first = table(page, "What asks for action").rows[0]
    assert first[0] == Link("desk: four-fifths", "check-desk--four-fifths")
    assert str(first[1]).startswith("sex female: the favourable rate is 0.312 of")
    assert first[2:] == ("40 records; 0.179 to 0.546", "desk-owner", date(2026, 11, 1), "passed")
    missing = table(page, "What could not be judged").rows
    assert ("desk: judged", "none of the 90 requests has an assessment 'helpful'", "desk-owner") in missing


def test_checks_that_lack_the_same_stand_in_one_row_of_the_first_page(view: View) -> None:
    one = next(one for one in view.judged if one.verdict == "not_assessed" and one.check == "judged")
    others = tuple(replace(one, check=f"another-{n}") for n in range(9))
    view.__dict__["judged"] = (*view.judged, *others)
    missing = table(gov.exhibits.front.page(view), "What could not be judged").rows
    names = f"judged, {', '.join(f'another-{n}' for n in range(5))} and 4 more"
    assert (f"desk: {names}", one.reason, one.owner) in missing
    assert "more check could" not in gov.exhibits.front.page(view).plain()


def test_the_board_is_asked_for_what_only_it_can_decide(view: View) -> None:
    said = gov.exhibits.board.page(view).plain()
    assert "desk-owner: remedy or exception for four-fifths by 2026-11-01" in said
    assert "renew or end the waiver of response-time that A. Officer gave until 2026-11-30" in said


def test_neither_page_calls_good_what_nobody_could_judge(view: View) -> None:
    said = gov.exhibits.front.page(view).plain()
    assert said.startswith(
        "3 of 6 checks ask for action in 2026-Q3; 2 of them passed in 2026-Q2. 2 could not be judged"
    )
    view.__dict__["judged"] = tuple(one for one in view.judged if not one.is_acute)
    said = gov.exhibits.front.page(view).plain()
    assert said.startswith("None of 5 checks asks for action in 2026-Q3. 2 could not be judged.")
    line = rows(gov.exhibits.board.page(view), "The figures")["Performance"]
    assert line[:2] == ("helpful mean: none of the 90 requests has an assessment 'helpful' (judged)", None)


def test_decisions_add_up_by_stage_and_by_week(view: View) -> None:
    block = gov.exhibits.decisions.by_stage(view)
    lines = table(block, "Decisions by stage").rows
    assert {(line[2], line[3]): (line[4], line[6]) for line in lines} == {
        ("human", "approved"): (1, 1),
        ("model", "approved"): (41, 63),
        ("model", "refused"): (33, 11),
        ("rule", "refused"): (5, 5),
    }
    assert sum(int(str(line[-1])) for line in table(block, "Decisions by week").rows) == 80


def test_fairness_has_the_counts_and_what_chance_leaves_open(view: View) -> None:
    block = gov.exhibits.fairness.ratios(view)
    female = rows(block, "Favourable decisions by sex")["female"]
    assert female[:4] == (40, 0.5, 10, 0.25)
    assert female[4] == "14.2 to 40.2"  # Wilson, 10 of 40
    # 26 of 40 is 0.8125 of 32 of 40, 25 is 0.78125: sixteen refusals would have to be approvals
    assert rows(block, "What chance")["female"][-1] == 16


def test_money_is_exact_and_what_has_no_price_is_not_free(view: View) -> None:
    block = gov.exhibits.cost.by_unit(view)
    lines = table(block, "Cost by unit")
    assert lines.rows == (
        ("sales", "2026-08", 7, 1, Decimal("9.00"), "USD", lines.rows[0][6], Decimal("1.125"), "failed"),
    )
    assert "not counted as free: 83 requests" in lines.note  # 80 decisions and three of the hostile unit
    assert HOSTILE not in block.to_html()


def test_fallbacks_are_counted_where_the_log_knows_of_them(view: View) -> None:
    said = gov.exhibits.latency.fallbacks(view).plain()
    assert "fallback: from 10.0 to 10.0" in said


def test_reviews_are_those_that_were_asked_for_in_the_window(view: View) -> None:
    found = rows(gov.exhibits.oversight.reviews(view), "Reviews by reviewer")
    assert {name: line[:4] for name, line in found.items()} == {"reviewer-0": (1, 1, 0, 1), "reviewer-1": (1, 1, 1, 0)}


def test_records_balance_and_say_why_some_were_refused(view: View) -> None:
    found = rows(gov.exhibits.completeness.records(view), "Records received by source")
    files, records, stored, duplicates, conflicts, quarantined, ignored, balance, reasons = found["desk"]
    assert (files, records, stored, duplicates, conflicts, quarantined, ignored) == (1, 161, 160, 0, 0, 1, 0)
    assert (balance, reasons) == ("holds", "bad time 1")


def test_fields_are_shares_of_the_records_that_carry_them(view: View) -> None:
    found = rows(gov.exhibits.completeness.fields(view), "Fields present in requests")
    assert found["cost_reported"] == (0.0, 0.6)
    assert found["fallbacks"] == (0.0, 1.0)


def test_the_ledger_is_computed_anew(view: View) -> None:
    said = gov.exhibits.completeness.ledger(view).plain()
    assert "is the one that the checkpoint signs" in said
    assert "IS NOT" not in said


def test_policies_say_what_changed_since_the_window_before(view: View) -> None:
    line = table(gov.exhibits.policies.in_force(view), "Policies in force").rows[0]
    assert line[:2] == ("desk", "2")
    assert line[7] == "four-fifths: min 0.75 → 0.8"
    first, second = versions(view)
    assert first.end == second.start


def test_what_could_not_be_judged_is_named_with_its_reason(view: View) -> None:
    said = gov.exhibits.findings.set_aside(view).plain()
    assert "waived by A. Officer until 2026-11-30" in said
    assert "none of the 90 requests has an assessment 'helpful'" in said


def test_kinds_that_no_section_knows_are_shown_too(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gov.exhibits.families, "SHOWN", ("fairness-",))
    assert "desk: budget" in gov.exhibits.checks.others(view).plain()


def test_the_manifest_names_each_statement_once(view: View) -> None:
    gov.exhibits.board.page(view)
    found = table(gov.exhibits.manifest.page(view, "quarterly@" + "ab" * 32), "Statements").rows
    assert len(found) == len(set(found)) > 5
    assert (
        "governance report quarterly --window 2026-Q3 --as-of"
        in gov.exhibits.manifest.page(view, "quarterly@00").plain()
    )


def drifted(feature: str, month: str, value: float, verdict: str) -> Found:
    return made(
        finding_id=f"{feature}{month}",
        kind="drift-input",
        metric="psi",
        unit="index",
        subject=json.dumps({"feature": feature, "month": month}),
        value=value,
        limits='{"max": 0.1}',
        verdict=verdict,
        n=500,
    )


def test_drift_is_a_strip_and_a_table_with_the_same_figures_by_month(view: View) -> None:
    figures = {("income", "2026-07"): 0.01, ("income", "2026-08"): 0.5, ("age", "2026-07"): 0.02}
    view.__dict__["judged"] = tuple(
        drifted(feature, month, value, "failed" if value > 0.1 else "passed")
        for (feature, month), value in figures.items()
    )
    block = gov.exhibits.drift.by_month(view)
    lines = table(block, "desk: c").rows
    assert [(line[0], line[1], line[2], line[-1]) for line in lines] == [
        ("feature income", 0.01, 0.5, "failed"),
        ("feature age", 0.02, None, "passed"),
    ]
    strip = next(one for one in flat([block]) if isinstance(one, Chart))
    assert "income" in strip.svg()


def test_a_demo_says_on_its_cover_and_in_its_manifest_what_is_simulated(
    small_quarter: Quarter, view: View, tmp_path: Path
) -> None:
    assert "Demonstration" not in gov.exhibits.cover.page(view).plain()
    shutil.copytree(small_quarter.workspace.root, tmp_path / "demo", symlinks=True)
    (tmp_path / "demo" / ".governance-demo").write_text("")
    demo = gov.open(tmp_path / "demo").window("2026-Q3")
    assert "Demonstration" in gov.exhibits.cover.page(demo).plain()
    assert "What is real and what is simulated" in gov.exhibits.manifest.page(demo).plain()
