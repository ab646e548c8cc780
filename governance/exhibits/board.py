"""The board's page: which decisions are asked for, and the figures beside those of the window before."""

from __future__ import annotations

import re
import textwrap
from datetime import date

from governance.blocks import (
    Bullets,
    Cell,
    Column,
    Missing,
    Section,
    Spark,
    Strong,
    Table,
    section,
)
from governance.blocks.prose import Piece
from governance.controls.catalogue import State
from governance.display import number, share
from governance.exhibits import answers, controls, families, front, policies, trends
from governance.exhibits.found import Found, worst
from governance.exhibits.period import Period
from governance.exhibits.sentences import group, nothing, plural
from governance.exhibits.verdicts import issues
from governance.wording import metric

MOST_ASKED = 6
SHORT_REASON = 60  # characters; the whole reason stands with the finding

# What a board asks for, and the kinds of check that answer it; names of one line, for the page must stay one.
FIGURES = {
    "Intended use": families.USE,
    "Changes": families.CHANGES,
    "Performance": families.PERFORMANCE,
    "Fairness": families.FAIRNESS,
    "Drift": families.DRIFT,
    "Oversight": families.OVERSIGHT,
    "Explanations": families.EXPLANATIONS,
    "Resilience": families.RESILIENCE,
    "Records": families.COMPLETENESS,
    "Data quality": families.VALIDATION,
    "Service levels": families.SERVICE,
    "Cost": families.COST,
}


def page(period: Period) -> Section:
    """What a board is asked to decide, and the figures; what failed stands on the page before."""
    if not period.judged:
        return group(nothing(f"No check has run on {period.span.window.name}."))
    return group(_asked(period), _figures(period))


def _figures(period: Period) -> Table:
    columns = (
        Column("figure"),
        Column("of what (the worst, where judged)"),
        Column(period.span.window.name),
        Column(period.span.previous.name),
        Column("course", "spark"),
        Column("limit"),
        Column("verdict", "verdict"),
    )
    judged = (_judged(period, title, kinds) for title, kinds in FIGURES.items())
    rows = (_systems(period), _decisions(period), *(line for line in judged if line is not None), _controls(period))
    open_ones = [title for title, kinds in FIGURES.items() if not period.of_kind(*kinds)]
    unasked = f"No check of this window looks at: {', '.join(open_ones).lower()}. " if open_ones else ""
    span = f"from the beginning of {period.span.previous.name} to the end of {period.span.window.name}"
    note = f"{unasked}Limits are those of the policies in force. The course runs {span}."
    return Table("The figures", columns, rows, note)


def _spark(course: trends.Course, limit: float | None = None) -> Cell:
    known = [value for value in course if value is not None]
    return Spark(tuple(course[-400:]), limit) if len(known) > 1 else None


NO_LIMIT = Missing("none set")


def _systems(period: Period) -> tuple[Cell, ...]:
    model = "coalesce(r.model_served, r.model_requested)"
    now, before = period.rows(
        "board",
        f"SELECT count(DISTINCT {model}) AS n FROM requests r WHERE {period.during('r.start_ts')} UNION ALL "
        f"SELECT count(DISTINCT {model}) FROM requests r WHERE {period.during('r.start_ts', previous=True)}",
    )
    course = trends.of_count(period, "requests r", "r.start_ts", f"count(DISTINCT {model})")
    return (
        "Inventory",
        "models in use" + _registered(period),
        number(now["n"]),
        number(before["n"]),
        _spark(course),
        NO_LIMIT,
        None,
    )


def _registered(period: Period) -> str:
    """How many of the models of the window are not registered, in words."""
    known = {str(entry.facts["model"]) for entry in period.snapshot.of_kind("model")}
    rows = period.rows(
        "board",
        "SELECT DISTINCT coalesce(r.model_served, r.model_requested) AS model FROM requests r "
        f"WHERE {period.during('r.start_ts')} AND coalesce(r.model_served, r.model_requested) IS NOT NULL",
    )
    strange = sum(1 for row in rows if row["model"] not in known)
    return f", {strange} not registered" if strange else ", all registered"


def _decisions(period: Period) -> tuple[Cell, ...]:
    now = period.is_now("decision_ts")
    row = period.rows(
        "board",
        f"SELECT count(*) FILTER ({now}) AS n, count(*) FILTER (NOT {now}) AS before, "
        f"avg(CASE WHEN favourable THEN 1.0 ELSE 0.0 END) FILTER ({now} AND favourable IS NOT NULL) AS rate "
        f"FROM decisions WHERE {period.in_either('decision_ts')}",
    )[0]
    of = "decided items" + (f", {share(row['rate'])} favourable" if row["rate"] is not None else "")
    course = trends.of_count(period, "decisions", "decision_ts", "count(*)")
    return "Decisions", of, number(row["n"]), number(row["before"]), _spark(course), NO_LIMIT, None


def _controls(period: Period) -> tuple[Cell, ...]:
    """How many of the controls that a log can answer are evidenced."""
    now, before = controls.figures(period), controls.figures(period, previous=True)
    value, was = (number(counts[State.EVIDENCED], 0) for counts in (now, before))
    said = f"{now[State.WITH_FINDING]} with finding, {now[State.MISSING]} without evidence"
    return "Controls", f"evidenced; {said}", value, was, None, NO_LIMIT, None


def _judged(period: Period, title: str, kinds: tuple[str, ...]) -> tuple[Cell, ...] | None:
    """The worst finding of some kinds, beside what the same check found in the window before; None without any."""
    first = worst(period.of_kind(*kinds))
    if first is None:
        return None
    before = [one for one in period.of_kind(*kinds, before=True) if one.key == first.key and one.metric == first.metric]
    was = next((one for one in before if dict(one.subject) == dict(first.subject)), None) or worst(before)
    bound = first.bound.value if first.bound is not None else None
    course = trends.of_finding(period, first) if first.value is not None else ()
    limit: Cell = first.limits() if first.bound is not None else Missing("in its policy")
    of = f"{metric(first.metric)}: {first.about()} ({first.check})"
    if first.value is None:
        of = f"{metric(first.metric)}: {_clause(first.reason)} ({first.check})"
    value: Cell = first.figure() if first.value is not None else None
    return title, of, value, first.earlier(was), _spark(course, bound), limit, first.verdict


def _asked(period: Period) -> Section:
    """What only somebody with authority can decide, each from a fact in the store."""
    items = [*_answers(period), *_endings(period), *_unapproved(period), *_gaps(period)]
    if not items:
        return section("Decisions asked for", nothing("Nothing in this window waits for a decision."), level=2)
    return section("Decisions asked for", Bullets(tuple(items[:MOST_ASKED]), numbered=True), level=2)


def _answers(period: Period) -> list[tuple[Piece, ...]]:
    """To each owner: mend it by the due date, or have it excepted by somebody else."""
    owners: dict[str, list[list[Found]]] = {}
    open_ones = [one for one in period.judged if one.is_acute and not answers.is_settled(period, one)]
    for own in issues(open_ones):
        if own[0].severity in ("critical", "high"):
            owners.setdefault(own[0].owner, []).append(own)
    asked: list[tuple[Piece, ...]] = []
    for owner, listed in owners.items():
        due = front.due(period, [one for own in listed for one in own])
        checks = " and ".join(own[0].check for own in listed)
        by = f" by {due.isoformat()}" if due else ""
        asked.append((Strong(owner), f": remedy or exception for {checks}{by}."))
    return asked


def _endings(period: Period) -> list[tuple[Piece, ...]]:
    """Waivers that end before the next window does."""
    asked: list[tuple[Piece, ...]] = []
    length = period.span.window.end - period.span.window.start
    for one in policies.versions(period):
        if not one.is_in_force(period.span.window):
            continue
        for waiver in policies.document(period, one.sha256).get("waivers") or []:
            until = date.fromisoformat(str(waiver["until"]))
            if until <= (period.span.window.end + length).date():
                given = f"that {waiver['approved_by']} gave until {until.isoformat()}"
                why = f"renew or end the waiver of {waiver['check']} {given}."
                asked.append((Strong(one.owner), f": {why}"))
    return asked


def _unapproved(period: Period) -> list[tuple[Piece, ...]]:
    """Policies that nobody approved, though they judge."""
    names = [
        f"{one.policy} {one.version}"
        for one in policies.versions(period)
        if one.is_in_force(period.span.window) and not one.approved_by
    ]
    if not names:
        return []
    are = "is" if len(names) == 1 else "are"
    return [("Approve or withdraw ", Strong(", ".join(names)), f", which {are} in force without approval.")]


def _gaps(period: Period) -> list[tuple[Piece, ...]]:
    """What could not be judged."""
    missing = [one for one in period.judged if one.verdict in front.GROUPS["cannot be judged"]]
    if not missing:
        return []
    return [
        (
            "Have the missing records supplied: ",
            Strong(plural(len(missing), "finding")),
            " could not be judged; the reasons stand under Findings.",
        )
    ]


def _clause(reason: str) -> str:
    """What a reason says first, in half a line or so."""
    return textwrap.shorten(re.split(r"[;:(]", reason)[0], SHORT_REASON, placeholder=" …")
