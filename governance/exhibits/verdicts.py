"""Tables of findings: of one kind with their figures, of all checks in a line each, and of what must be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from governance.blocks import AnyBlock, Cell, Column, Missing, Table
from governance.exhibits.found import Found
from governance.exhibits.period import Period
from governance.exhibits.sentences import measured, no_checks
from governance.wording import metric

MOST_ROWS = 40  # chosen here: about one sheet; the others are counted below the table and stored as findings


def of_findings(period: Period, findings: Sequence[Found]) -> list[AnyBlock]:
    """For each check a table of its findings with figure, interval, records, limit, the window before, and verdict."""
    return [_table(period, f"{policy}: {check}", own) for (policy, check), own in by_check(findings).items()]


def judged(period: Period, *family: str) -> list[AnyBlock]:
    """The findings of a family of kinds with how they were measured, or that no policy asks for any."""
    found = period.of_kind(*family)
    return [*of_findings(period, found), measured(found)] if found else [no_checks(period, family)]


def _table(period: Period, caption: str, own: Sequence[Found]) -> Table:
    before = {(one.key, _stable(one)): one for one in period.judged_before}
    shown = _shown(own)
    lines = [_row(one, before.get((one.key, _stable(one)))) for one in shown]
    columns = (
        Column("subject"),
        Column(_figure(shown)),
        Column("95 % interval"),
        Column("n", "number", digits=0),
        Column("limit"),
        Column(period.span.previous.name),
        Column("verdict", "verdict"),
    )
    kept = [
        place for place in range(len(columns)) if place not in (2, 5) or any(line[place] is not None for line in lines)
    ]
    rows = tuple(tuple(line[place] for place in kept) for line in lines)
    return Table(caption, tuple(columns[place] for place in kept), rows, _left(own, shown), anchor=own[0].place)


def _figure(shown: Sequence[Found]) -> str:
    """What the figures are called, where all are one thing; else their subjects say it."""
    named = {metric(one.metric) for one in shown}
    return named.pop() if len(named) == 1 else "figure"


def _row(one: Found, was: Found | None) -> tuple[Cell, ...]:
    figure: Cell = one.figure() if one.value is not None else Missing(one.reason)
    interval = one.chance() if one.value is not None else None
    return one.about(), figure, interval, one.n, one.limits(), one.earlier(was), one.verdict


def _stable(one: Found) -> tuple[object, ...]:
    """What tells findings of a check apart in any window: metric and subject."""
    return one.metric, *sorted((name, str(value)) for name, value in one.subject.items())


def _shown(findings: Sequence[Found]) -> list[Found]:
    """The findings in the order of their check, cut to a sheet: those that passed go first."""
    if len(findings) <= MOST_ROWS:
        return list(findings)
    kept = set(map(id, sorted(findings, key=lambda one: one.badness)[:MOST_ROWS]))
    return [one for one in findings if id(one) in kept]


def _left(findings: Sequence[Found], shown: Sequence[Found]) -> str:
    rest = len(findings) - len(shown)
    return f"{rest} more findings are stored and not shown; the worst are." if rest else ""


def by_check(findings: Iterable[Found]) -> dict[tuple[str, str], list[Found]]:
    """Policy and check -> its findings, in the order of their names."""
    grouped: dict[tuple[str, str], list[Found]] = {}
    for one in findings:
        grouped.setdefault(one.key, []).append(one)
    return grouped


def issues(findings: Iterable[Found]) -> list[list[Found]]:
    """The findings that somebody must act on, together for each check, the worst check first."""
    acute = [
        sorted(own, key=lambda one: one.badness) for own in by_check(one for one in findings if one.is_acute).values()
    ]
    return sorted(acute, key=lambda own: own[0].badness)
