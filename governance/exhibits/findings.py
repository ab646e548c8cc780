"""Findings: what somebody must act on, by when, and since when it is known."""

from __future__ import annotations

from governance.blocks import AnyBlock, Cell, Column, Section, Table
from governance.exhibits import answers
from governance.exhibits.found import Found
from governance.exhibits.period import Period
from governance.exhibits.sentences import at, cut_off, group, measured, nothing, plural
from governance.exhibits.verdicts import issues


def open_ones(period: Period) -> Section:
    """Failed, errored and warned findings with owner and due date, the worst first; repeats are marked."""
    acute = [one for own in issues(period.judged) for one in own]
    if not acute:
        return group(nothing(f"No finding of {period.span.window.name} asks for action."))
    return group(_table(period, acute), measured(acute))


def set_aside(period: Period) -> Section:
    """What failed and is excepted by a named person, and what could not be judged, each with its reason."""
    blocks: list[AnyBlock] = []
    for verdict, caption in (("waived", "Excepted failures"), ("not_assessed", "What could not be judged")):
        own = [one for one in period.judged if one.verdict == verdict]
        if own:
            columns = (
                Column("policy and check"),
                Column("subject"),
                Column("figure"),
                Column("reason"),
                Column("owner"),
            )
            shown = own[: answers.MOST_ROWS]
            rows = tuple((f"{o.policy}: {o.check}", o.about(), o.figure(), o.reason, o.owner) for o in shown)
            left = f"{len(own) - len(shown)} more are stored." if len(own) > len(shown) else ""
            blocks.append(Table(f"{caption}: {plural(len(own), 'finding')}", columns, rows, left))
    return group(*(blocks or [nothing("No finding is waived, and every check could be judged.")]))


def _table(period: Period, acute: list[Found]) -> Table:
    columns = (
        Column("policy and check"),
        Column("subject"),
        Column("what was found"),
        Column("verdict", "verdict"),
        Column("severity"),
        Column("owner"),
        Column("due", "date"),
        Column("open for", "number", "days", digits=0),
        Column("standing"),
        Column("answer"),
        Column("controls", "code"),
        Column("finding", "code"),
    )
    rows = tuple(_row(period, one) for one in acute[: answers.MOST_ROWS])
    judged = max(one.assessed for one in acute)
    note = (
        f"Judged at {at(judged)} UTC; the days count from the first run that found it to the cut-off of this report. "
        "`governance finding respond FINDING` answers one, `governance finding resolve FINDING` settles it."
    )
    note = f"{note} {answers.unshown(len(acute) - len(rows))}".strip()
    return Table(f"Findings that ask for action: {len(acute)}", columns, rows, note, anchor="open-findings")


def _row(period: Period, one: Found) -> tuple[Cell, ...]:
    return (
        f"{one.policy}: {one.check}",
        one.about(),
        one.reason,
        one.verdict,
        one.severity,
        one.owner,
        answers.due(period, one),
        period.issue(one).age_days(cut_off(period)),
        answers.standing(period, one),
        answers.answer(period, one),
        ", ".join(one.controls),
        one.finding_id[: answers.SHORT_ID],
    )
