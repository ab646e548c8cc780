"""Decisions of the window: by the stage that decided, the version, the outcome, and week by week."""

from __future__ import annotations

from governance import charts
from governance.blocks import Cell, Chart, Column, Section, Table
from governance.exhibits.period import Period, Row
from governance.exhibits.sentences import counted, group, nothing

# As in explanations: the last review that came to a result counts, and a person who overrode comes before what was
# logged; without a word in the log the model's output stood.
REVIEWED = (
    "decisions d LEFT JOIN (SELECT decision_id, arg_max({'outcome': outcome, 'decision': final_decision}, "
    "coalesce(completed_ts, requested_ts)) AS result FROM reviews WHERE outcome IN ('overridden', 'confirmed') "
    "GROUP BY decision_id) v ON v.decision_id = d.decision_id"
)
STAGE = (
    "CASE WHEN v.result.outcome = 'overridden' THEN 'human' "
    "ELSE coalesce(d.deciding_stage, CASE WHEN d.rule_id IS NOT NULL THEN 'rule' ELSE 'model' END) END"
)
DECISION = (
    "coalesce(d.final_decision, CASE WHEN v.result.outcome = 'overridden' THEN v.result.decision END, d.decision)"
)
STAGES = ("model", "rule", "cache", "fallback", "human")


def by_stage(period: Period) -> Section:
    """Counts by deciding stage, model version and decision, beside the window before; the mix of stages by week."""
    rows = period.rows(
        "decisions",
        f"SELECT model, model_version AS version, {STAGE} AS stage, {DECISION} AS decision, "
        f"count(*) FILTER ({period.is_now('decision_ts')}) AS n, "
        f"count(*) FILTER (NOT {period.is_now('decision_ts')}) AS before "
        f"FROM {REVIEWED} WHERE {period.in_either('decision_ts')} "
        "GROUP BY ALL ORDER BY model, version, stage, decision",
    )
    if not any(row["n"] for row in rows):
        return group(
            nothing("The log holds no decision in this window; requests without decided items are counted elsewhere.")
        )
    mix = _mix(period)
    return group(
        _table(period, rows),
        _chart(mix, period.step),
        _weeks(mix, period.step),
        counted(period, "decisions", "decisions by time of decision"),
    )


def _table(period: Period, rows: list[Row]) -> Table:
    columns = (
        Column("model"),
        Column("version"),
        Column("decided by"),
        Column("decision"),
        Column("decisions", "number", digits=0),
        Column("share", "share"),
        Column(period.span.previous.name, "number", digits=0),
        Column("share then", "share"),
    )
    total, before = sum(row["n"] for row in rows), sum(row["before"] for row in rows)
    lines = tuple(
        (
            row["model"],
            row["version"],
            row["stage"],
            row["decision"],
            row["n"],
            row["n"] / total,
            row["before"],
            row["before"] / before if before else None,
        )
        for row in rows
    )
    totals = ("all", None, None, None, total, 1, before, 1 if before else None)
    note = "Decided by a person: a review changed what was decided first; the decision is what it says, else as logged."
    note += " Shares are of all decisions of the window."
    return Table("Decisions by stage, version and outcome", columns, lines, note, totals=totals)


def _mix(period: Period) -> list[Row]:
    """Week, stage, decisions."""
    return period.rows(
        "decisions",
        f"SELECT {period.calendar(period.step, 'decision_ts')} AS week, {STAGE} AS stage, count(*) AS n "
        f"FROM {REVIEWED} WHERE {period.during('decision_ts')} GROUP BY ALL ORDER BY week, stage",
    )


def _stages(mix: list[Row]) -> tuple[str, ...]:
    found = dict.fromkeys(row["stage"] for row in mix)
    return tuple([name for name in STAGES if name in found] + [name for name in found if name not in STAGES])


def _by_week(mix: list[Row]) -> dict[str, list[int]]:
    stages = _stages(mix)
    weeks: dict[str, list[int]] = {row["week"]: [0] * len(stages) for row in mix}
    for row in mix:
        weeks[row["week"]][stages.index(row["stage"])] = row["n"]
    return weeks


def _chart(mix: list[Row], step: str) -> Chart:
    note = "Weeks are named by their Monday; the first and the last may be cut by the window." if step == "week" else ""
    return charts.bars(f"Decisions by {step} and deciding stage", dict(_by_week(mix)), parts=_stages(mix), note=note)


def _weeks(mix: list[Row], step: str) -> Table:
    stages = _stages(mix)
    columns = (
        Column(f"{step} of", "date" if step != "month" else "text"),
        *(Column(name, "number", digits=0) for name in stages),
        Column("all", "number", digits=0),
    )
    rows: list[tuple[Cell, ...]] = [(week, *counts, sum(counts)) for week, counts in _by_week(mix).items()]
    return Table(f"Decisions by {step}", columns, tuple(rows))
