"""The first page: what failed, how sure that is, who owns it and by when, what nobody could judge, and what changed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import date

from governance.blocks import AnyBlock, Cell, Column, Link, Section, Strong, Table, Verdicts, paragraph
from governance.blocks.prose import Piece
from governance.display import SIGNS, number
from governance.exhibits import answers
from governance.exhibits.found import Found, counted, worst
from governance.exhibits.period import Period
from governance.exhibits.sentences import group, nothing, plural
from governance.exhibits.verdicts import by_check, issues

MOST_ISSUES = 6  # chosen here, as the two below: the page stays one sheet; the others stand under Findings
MOST_OPEN = 4
MOST_NAMES = 6  # of checks that lack the same
LONGEST_REASON = 150  # characters

# Three groups for a board: what each is made of. A failure that is excepted is still a failure.
GROUPS = {
    "met": ("passed", "warned"),
    "not met": ("failed", "waived"),
    "cannot be judged": ("not_assessed", "errored"),
}


def page(period: Period) -> Section:
    """The verdicts of the window, the checks that ask for action, and those that could not be judged."""
    if not period.judged:
        return group(nothing(f"No check has run on {period.span.window.name}."))
    return group(_lead(period), Verdicts(**counted(period.judged)), _groups(period), _worst(period), _open(period))


def _lead(period: Period) -> AnyBlock:
    """A sentence or two: how many checks ask for action, how many of these are new, and what nobody could judge."""
    acute = issues(period.judged)
    checks = plural(len({one.key for one in period.judged}), "check")
    new = sum(1 for own in acute if verdict_before(period, own[0]) == SIGNS["passed"].word)
    open_ones = len({one.key for one in period.judged if one.verdict == "not_assessed"})
    window, before = period.span.window.name, period.span.previous.name
    asking = f"{len(acute) or 'None'} of {checks} {'ask' if len(acute) > 1 else 'asks'} for action in {window}"
    fresh = f"; {new if new < len(acute) or new == 1 else f'all {new}'} of them passed in {before}" if new else ""
    blind = f" {open_ones} could not be judged." if open_ones else ""
    return paragraph(f"{asking}{fresh}.{blind}", role="lead")


def _groups(period: Period) -> AnyBlock:
    """The three groups with what each is made of, beside the window before."""
    now, before = counted(period.judged), counted(period.judged_before)
    pieces: list[Piece] = []
    for name, verdicts in GROUPS.items():
        own, was = (sum(counts[verdict] for verdict in verdicts) for counts in (now, before))
        made = " or ".join(SIGNS[verdict].word for verdict in verdicts)
        earlier = f", {was} in {period.span.previous.name}" if period.judged_before else ""
        pieces += [Strong(f"{name[0].upper()}{name[1:]}: {number(own, 0)}"), f" ({made}{earlier}). "]
    return paragraph(
        "Of the findings, one for each group or part that a check looks at: ", *pieces, answers.change(period)
    )


def _worst(period: Period) -> AnyBlock:
    acute = issues(period.judged)
    if not acute:
        return nothing("No finding asks for action.")
    columns = (
        Column("check"),
        Column("what was found, at its worst"),
        Column("how sure"),
        Column("owner"),
        Column("due", "date"),
        Column(f"in {period.span.previous.name}"),
    )
    rows = tuple(_issue(period, own) for own in acute[:MOST_ISSUES])
    rest = len(acute) - len(rows)
    note = "How sure: records under the figure, and the interval that holds the true one in 95 of 100 cases."
    more = f" {plural(rest, 'more check asks', 'more checks ask')} for action: see Findings." if rest else ""
    caption = f"What asks for action, the {len(rows)} worst of {len(acute)}" if rest else "What asks for action"
    return Table(caption, columns, rows, note + more)


def _issue(period: Period, own: list[Found]) -> tuple[Cell, ...]:
    first = own[0]
    more = f" ({plural(len(own) - 1, 'more subject')})" if len(own) > 1 else ""
    said = f"{first.about()}: {first.reason or first.verdict}{more}" if first.subject else f"{first.reason}{more}"
    check = Link(f"{first.policy}: {first.check}", first.place)
    return check, said, _sure(first), first.owner, due(period, own), verdict_before(period, first)


def _sure(one: Found) -> str:
    """What is known of the uncertainty of a figure."""
    interval = one.chance()
    counted_on = f"{number(one.n, 0)} records"
    return f"{counted_on}; {interval}" if interval is not None else counted_on


def due(period: Period, own: list[Found]) -> date | None:
    """The first day by which any of some findings must be answered."""
    return min((day for one in own if (day := answers.due(period, one)) is not None), default=None)


def verdict_before(period: Period, one: Found) -> str:
    """What the same check said in the window before: the worst that asked for action, else passed if anything did."""
    was = [other for other in period.judged_before if other.key == one.key]
    if not was:
        return "not checked"
    first = worst(
        [other for other in was if other.is_acute] or [other for other in was if other.verdict == "passed"] or was
    )
    return SIGNS[first.verdict].word if first is not None else "not checked"


def _listed(names: Sequence[str]) -> str:
    """Names of checks; of many the first."""
    rest = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _open(period: Period) -> Table | None:
    """What could not be judged, with what is missing, checks that lack the same together; nothing where all could."""
    missing = [one for one in period.judged if one.verdict in GROUPS["cannot be judged"]]
    if not missing:
        return None
    lacking: dict[tuple[str, str, str], list[str]] = {}
    for own in by_check(missing).values():
        first = own[0]
        lacking.setdefault((first.policy, first.reason, first.owner), []).append(first.check)
    shown = list(lacking.items())[:MOST_OPEN]
    rows = tuple(
        (f"{policy}: {_listed(names)}", textwrap.shorten(reason, LONGEST_REASON, placeholder=" …"), owner)
        for (policy, reason, owner), names in shown
    )
    rest = sum(map(len, lacking.values())) - sum(len(names) for _, names in shown)
    note = f"{plural(rest, 'more check')} could not be judged: see Findings." if rest else ""
    columns = (Column("check"), Column("what is missing"), Column("owner"))
    return Table("What could not be judged, and why", columns, rows, note)
