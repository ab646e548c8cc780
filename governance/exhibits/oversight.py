"""Human oversight: what was due for review, what was reviewed in time, and what people changed."""

from __future__ import annotations

from governance import charts
from governance.blocks import AnyBlock, Chart, Column, Section, Table
from governance.exhibits import families
from governance.exhibits.period import Period
from governance.exhibits.sentences import counted, group, nothing
from governance.exhibits.verdicts import judged
from governance.wording import metric, term

ESCALATION, COVERAGE, NOTICES = "escalation", "explanation-coverage", "explanation-notices"
REVIEWED = "EXISTS (SELECT 1 FROM reviews v WHERE v.decision_id = d.decision_id AND v.completed_ts IS NOT NULL)"


def reviews(period: Period) -> Section:
    """Decisions of low confidence with and without review by week, the reviews by reviewer, and what was judged."""
    blocks: list[AnyBlock] = []
    found = period.of_kind(ESCALATION)
    below = next((one.limit["below"] for one in found if isinstance(one.limit.get("below"), int | float)), None)
    if below is not None:
        blocks += [block for block in (_weekly(period, float(below)),) if block is not None]
    by_reviewer = _reviewers(period)
    blocks += [by_reviewer] if by_reviewer.rows else [nothing("No review by a person is in the store for this window.")]
    blocks += judged(period, *families.OVERSIGHT)
    return group(*blocks, counted(period, "oversight", "reviews by the time they were asked for, decisions by theirs"))


def explanations(period: Period) -> Section:
    """For how many decisions the store holds what decided and why, and which notices were sent in time."""
    tables = (table for table in (_explained(period), _told(period)) if table.rows)
    return group(*tables, *judged(period, *families.EXPLANATIONS))


def _explained(period: Period) -> Table:
    columns = (
        Column("subject"),
        *(
            Column(name, "number", digits=0)
            for name in ("due", "explained", "by the model", "by a rule", "by a person", "without")
        ),
        Column("do not add up", "number", digits=0),
        Column("other score", "number", digits=0),
        Column("against the score", "number", digits=0),
    )
    names = (
        *("due", "explained", "by_model", "by_rule", "by_person"),
        *("without", "not_additive", "other_score", "against_score"),
    )
    rows = tuple((one.about(), *(one.counts.get(name) for name in names)) for one in period.of_kind(COVERAGE))
    note = "Do not add up: base value and contributions are not the output. Other score: not the one that was logged. "
    note += "Against the score: adverse although the score lies on the favourable side of the threshold."
    return Table("Decisions that can be explained", columns, rows, note)


def _told(period: Period) -> Table:
    """Notices by check and subject: due, and what became of them."""
    heads = ("due", "in time", "late", "never sent", "time not over")
    columns = (
        Column("notice"),
        Column("subject"),
        Column("within"),
        *(Column(name, "number", digits=0) for name in heads),
        Column("median days", "number", digits=1),
    )
    names = ("due", "in_time", "late", "missing", "pending", "median_days")
    rows = tuple(
        (metric(str(one.limit["notice"])), one.about(), term(str(one.limit["within"])), *map(one.counts.get, names))
        for one in period.of_kind(NOTICES)
        if one.counts.get("due")
    )
    note = "Median days: from the start of the clock to sending, of those that were sent."
    return Table("Notices to the persons concerned", columns, rows, note)


def _weekly(period: Period, below: float) -> Chart | None:
    rows = period.rows(
        "oversight",
        f"SELECT {period.calendar(period.step, 'd.decision_ts')} AS part, count(*) FILTER ({REVIEWED}) AS reviewed, "
        f"count(*) FILTER (NOT {REVIEWED}) AS missed FROM decisions d "
        f"WHERE {period.during('d.decision_ts')} AND d.confidence < $below GROUP BY 1 ORDER BY 1",
        below=below,
    )
    if not rows:
        return None
    values = {row["part"]: (row["reviewed"], row["missed"]) for row in rows}
    title = f"Decisions with a confidence below {below:g}, by {period.step}"
    note = "Reviewed: a person completed a review of the decision, whenever; the check also asks for it to be in time."
    return charts.bars(title, values, parts=("reviewed", "not reviewed"), note=note)


def _reviewers(period: Period) -> Table:
    rows = period.rows(
        "oversight",
        "SELECT coalesce(reviewer, 'not stated') AS reviewer, count(*) AS asked, count(completed_ts) AS done, "
        "count(*) FILTER (outcome = 'confirmed') AS confirmed, count(*) FILTER (outcome = 'overridden') AS overridden, "
        "count(*) FILTER (completed_ts > effective_ts) AS late, "
        "median(date_diff('second', requested_ts, completed_ts)) / 3600.0 AS hours, "
        "median(date_diff('second', started_ts, completed_ts)) / 60.0 AS minutes "
        f"FROM reviews WHERE {period.during('requested_ts')} GROUP BY 1 ORDER BY 1",
    )
    columns = (
        Column("reviewer"),
        Column("asked", "number", digits=0),
        Column("done", "number", digits=0),
        Column("confirmed", "number", digits=0),
        Column("overridden", "number", digits=0),
        Column("overridden", "share"),
        Column("after effect", "number", digits=0),
        Column("median until done", "number", "h", digits=1),
        Column("median time spent", "number", "min", digits=1),
    )
    lines = tuple(
        (
            row["reviewer"],
            row["asked"],
            row["done"],
            row["confirmed"],
            row["overridden"],
            row["overridden"] / row["done"] if row["done"] else None,
            row["late"],
            row["hours"],
            row["minutes"],
        )
        for row in rows
    )
    note = "After effect: the review was done after the decision had taken effect. Names are the pseudonyms of the log."
    return Table("Reviews by reviewer", columns, lines, note)
