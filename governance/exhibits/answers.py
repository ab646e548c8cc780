"""What became of findings: new or recurring, answered or settled, and what is left of those of the window before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from governance.blocks import AnyBlock, Cell, Column, Section, Table, paragraph
from governance.exhibits.found import ACUTE, Found
from governance.exhibits.period import Period
from governance.exhibits.sentences import at, cut_off, group, nothing, plural
from governance.history.issues import Status

MOST_ROWS = 120  # chosen here: about four sheets
SHORT_ID = 10  # digits by which `governance finding respond` knows a finding


def given(period: Period) -> Section:
    """What people answered to the findings of this window and the one before, and what is left of the latter."""
    window, before = period.span.window.name, period.span.previous.name
    said = [*_answers(period, window, _acute(period.judged)), *_answers(period, before, _acute(period.judged_before))]
    blocks: list[AnyBlock] = [_said(said) if said else nothing(f"No finding of {window} or {before} was answered.")]
    left = _before(period)
    return group(paragraph(change(period)), *blocks, *([left] if left is not None else []))


def change(period: Period) -> str:
    """In a sentence or two: how many findings are new or recur, are answered or settled, and what became of others."""
    acute = _acute(period.judged)
    if not acute:
        return f"Nothing failed, warned or errored. {_since(period)}".strip()
    issues = [period.issue(one) for one in acute]
    again = sum(recurs(period, one) for one in acute)
    late = sum(one.is_late(cut_off(period)) for one in issues)
    by = {status: sum(one.status is status for one in issues) for status in Status}
    waiting = len(acute) - by[Status.ANSWERED] - by[Status.RESOLVED] - by[Status.CLEARED]
    counts = {
        "new": len(acute) - again,
        "recurring": again,
        "answered": by[Status.ANSWERED],
        "settled": by[Status.RESOLVED],
        "cleared by a later period that passed": by[Status.CLEARED],
        "without an answer": waiting,
        "past due": late,
    }
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"Failed, warned or errored: {plural(len(acute), 'finding')}, of these {said}. {_since(period)}".strip()


def _since(period: Period) -> str:
    """What became of the findings of the window before."""
    before = _acute(period.judged_before)
    if not before:
        return ""
    settled = sum(period.issue(one).status is Status.RESOLVED for one in before)
    now = _now(period)
    stay = sum(now.get(one.series) in ACUTE for one in before)
    return f"Those of {period.span.previous.name}: {len(before)}, of which {settled} settled and {stay} found again."


def due(period: Period, one: Found) -> date | None:
    """The day by which a finding must be answered: that of its first run."""
    return period.issue(one).due


def is_settled(period: Period, one: Found) -> bool:
    """Whether somebody said that the matter is settled."""
    return period.issue(one).status is Status.RESOLVED


def recurs(period: Period, one: Found) -> bool:
    """Whether the same figure of the same subject, in whatever part of the calendar, called for action before."""
    return bool(period.issue(one).earlier) or one.series in period.acute_before


def standing(period: Period, one: Found) -> str:
    """New, or in how many periods it was found before."""
    earlier = len(period.issue(one).earlier)
    if earlier > 1:
        return f"recurring: also in {earlier} periods before"
    if recurs(period, one):
        return "recurring"
    return "new" if one.key in period.checked_before else "first checked"


def answer(period: Period, one: Found) -> str:
    """Whether somebody answered it, and who; whether it is past due."""
    found, today = period.issue(one), cut_off(period)
    late = "overdue, " if found.is_late(today) else ""
    if not found.responses:
        return f"{late}none" if found.status is not Status.CLEARED else "none; cleared since"
    last = found.responses[-1]
    return f"{late}{'settled' if last.resolves else 'answered'} by {last.by} on {last.at[:10]}"


def unshown(rest: int) -> str:
    """That more findings are stored than a table shows."""
    return f"{rest} more are stored: `governance finding list` names them." if rest > 0 else ""


def _acute(findings: Iterable[Found]) -> list[Found]:
    return [one for one in findings if one.is_acute]


def _answers(period: Period, window: str, acute: Sequence[Found]) -> list[tuple[Cell, ...]]:
    return [
        (
            f"{one.policy}: {one.check}",
            f"{one.about()} in {window}" if one.subject else window,
            at(response.at)[:10],
            response.by,
            "settled" if response.resolves else "answered",
            response.text,
            one.finding_id[:SHORT_ID],
        )
        for one in acute
        for response in period.issue(one).responses
    ]


def _said(rows: Sequence[tuple[Cell, ...]]) -> Table:
    columns = (
        Column("policy and check"),
        Column("subject"),
        Column("on", "date"),
        Column("by"),
        Column("as"),
        Column("what was said"),
        Column("finding", "code"),
    )
    note = f"Each answer is an entry of the ledger. {unshown(len(rows) - MOST_ROWS)}".strip()
    return Table(f"Answers: {len(rows)}", columns, tuple(rows[:MOST_ROWS]), note)


def _before(period: Period) -> Table | None:
    """The findings of the window before, with what was found about the same now."""
    acute = _acute(period.judged_before)
    if not acute:
        return None
    shown, now = sorted(acute, key=lambda one: one.badness)[:MOST_ROWS], _now(period)
    columns = (
        Column("policy and check"),
        Column("subject"),
        Column("what was found"),
        Column("due", "date"),
        Column("answer"),
        Column(f"in {period.span.window.name}"),
    )
    rows = tuple(
        (
            f"{one.policy}: {one.check}",
            one.about(),
            one.reason,
            due(period, one),
            answer(period, one),
            now.get(one.series, "not judged").replace("_", " "),
        )
        for one in shown
    )
    caption = f"What became of the findings of {period.span.previous.name}"
    return Table(caption, columns, rows, unshown(len(acute) - len(shown)))


def _now(period: Period) -> dict[tuple[object, ...], str]:
    """Series -> its verdict in this window, the worst where it has several parts of the calendar."""
    ordered = sorted(period.judged, key=lambda one: one.badness, reverse=True)
    return {one.series: one.verdict for one in ordered}  # the worst come last and stay
