"""Checks: what each policy asked for, and how many of its subjects met it."""

from __future__ import annotations

from governance.blocks import AnyBlock, Cell, Column, Section, Table
from governance.exhibits import families
from governance.exhibits.families import belongs
from governance.exhibits.found import Found, counted
from governance.exhibits.period import Period
from governance.exhibits.sentences import group, measured, nothing
from governance.exhibits.verdicts import by_check, of_findings
from governance.wording import metric


def table(period: Period) -> Section:
    """For each policy every check in a line: its findings by verdict, and the subject that it is worst for."""
    if not period.judged:
        return group(nothing(f"No check has run on {period.span.window.name}."))
    blocks: list[AnyBlock] = []
    for policy, version in dict.fromkeys((one.policy, one.version) for one in period.judged):
        own = [one for one in period.judged if (one.policy, one.version) == (policy, version)]
        blocks += [_policy(f"{policy}, version {version}", own), measured(own)]
    return group(*blocks)


def others(period: Period) -> Section:
    """The findings of kinds that no other section shows, such as data quality and kinds of one's own."""
    found = [one for one in period.judged if not belongs(one.kind, families.SHOWN)]
    if not found:
        return group(nothing("Every check of this window has a section of its own."))
    return group(*of_findings(period, found), measured(found))


def _policy(caption: str, own: list[Found]) -> Table:
    columns = (
        Column("check"),
        Column("findings"),
        Column("what is measured, and where it is worst"),
        Column("figure"),
        Column("limit"),
        Column("verdict", "verdict"),
    )
    rows = tuple(_row(part) for part in by_check(own).values())
    return Table(caption, columns, rows, totals=("all checks", _counts(own), None, None, None, None))


def _row(own: list[Found]) -> tuple[Cell, ...]:
    first = min(own, key=lambda one: one.badness)
    return (
        first.check,
        _counts(own),
        f"{metric(first.metric)}: {first.about()}",
        first.figure(),
        first.limits(),
        first.verdict,
    )


def _counts(own: list[Found]) -> str:
    """How many findings there are of each verdict that occurs."""
    return ", ".join(f"{count} {verdict.replace('_', ' ')}" for verdict, count in counted(own).items() if count)
