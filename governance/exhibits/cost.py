"""Cost: what was spent by unit and month against the budget, by model, and what carries no price."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from governance import charts
from governance.blocks import AnyBlock, Cell, Chart, Column, Section, Table
from governance.exhibits import families
from governance.exhibits.found import Found
from governance.exhibits.period import Period, Row
from governance.exhibits.sentences import counted, group, measured, nothing, plural
from governance.exhibits.verdicts import judged, of_findings

KIND = "cost-budget"
COST = "coalesce(r.cost_reported, r.cost_computed)"
CURRENCY = "coalesce(upper(r.cost_currency), 'USD')"  # as the check takes it
MOST_BARS = 48


def by_unit(period: Period) -> Section:
    """Spending of each business unit by month with its budget; then by model, with cost per request."""
    rows = period.rows(
        "cost",
        f"SELECT coalesce(r.business_unit, 'not stated') AS unit, {period.calendar('month', 'r.start_ts')} AS month, "
        f"{CURRENCY} AS currency, count(*) AS n, count(*) FILTER ({COST} IS NULL) AS unpriced, "
        f"CAST(sum({COST}) AS VARCHAR) AS spent FROM requests r WHERE {period.during('r.start_ts')} "
        "GROUP BY ALL ORDER BY unit, month, currency",
    )
    units = {row["unit"] for row in rows if row["spent"] is not None}
    shown = [row for row in rows if row["unit"] in units]
    apart = _without_price([row for row in rows if row["unit"] not in units])
    if not shown:
        reason = nothing(f"No request of this window carries a cost; what was spent is not known. {apart}")
        return group(reason, *judged(period, *families.COST))
    budgets = [one for one in period.of_kind(KIND) if _place(one) != (None, None)]
    found = [one for one in budgets if one.key == budgets[0].key]  # beside one another only one can stand
    other = [one for one in period.of_kind(*families.COST) if one not in found]
    blocks: list[AnyBlock] = [_chart(shown, found), _table(shown, found, apart)]
    blocks += [measured(found)] if found else []
    blocks += [*of_findings(period, other), measured(other)] if other else []
    return group(*blocks, _models(period), counted(period, "cost", "requests by their start"))


def _place(one: Found) -> tuple[str | None, str | None]:
    """Unit and month that a budget is for; nothing fits where a policy cuts it otherwise."""
    if set(one.subject) != {"business_unit", "month"}:
        return None, None
    return one.subject["business_unit"] or "not stated", one.subject["month"]


def _without_price(rows: Sequence[Row]) -> str:
    count = sum(row["n"] for row in rows)
    units = ", ".join(dict.fromkeys(row["unit"] for row in rows))
    return f"Not priced at all, and not counted as free: {plural(count, 'request')} of {units}." if count else ""


def _chart(rows: Sequence[Row], found: Sequence[Found]) -> Chart:
    main = max((row["currency"] for row in rows), key=[row["currency"] for row in rows].count)
    own = [row for row in rows if row["currency"] == main and row["spent"] is not None][:MOST_BARS]
    limits = {one.bound.value for one in found if one.bound is not None}
    limit = limits.pop() if len(limits) == 1 else None
    values = {f"{row['unit']} {row['month']}": float(Decimal(row["spent"])) for row in own}
    return charts.bars("Cost by unit and month", values, limit=limit, limit_name="budget", unit=main, digits=2)


def _table(rows: Sequence[Row], found: Sequence[Found], apart: str) -> Table:
    budget = {_place(one): one for one in sorted(found, key=lambda one: one.badness, reverse=True)}  # the worst last
    columns = (
        Column("unit"),
        Column("month"),
        Column("requests", "number", digits=0),
        Column("unpriced", "number", digits=0),
        Column("spent", "money", digits=2),
        Column("currency"),
        Column("budget"),
        Column("used", "share"),
        Column("verdict", "verdict"),
    )
    lines = tuple(_row(row, budget.get((row["unit"], row["month"]))) for row in rows)
    currencies = {row["currency"] for row in rows}
    total = sum((Decimal(row["spent"] or 0) for row in rows), Decimal(0)) if len(currencies) == 1 else None
    counts = (sum(row["n"] for row in rows), sum(row["unpriced"] for row in rows))
    totals = ("all", None, *counts, total, next(iter(currencies)) if len(currencies) == 1 else None, None, None, None)
    anchor = found[0].place if found else ""
    return Table("Cost by unit and month against the budget", columns, lines, apart, totals=totals, anchor=anchor)


def _row(row: Row, one: Found | None) -> tuple[Cell, ...]:
    spent = Decimal(row["spent"]) if row["spent"] is not None else None
    used = (
        spent / Decimal(str(one.bound.value)) if one and one.bound and one.bound.value and spent is not None else None
    )
    judged = (one.limits(), used, one.verdict) if one else (None, None, None)
    return row["unit"], row["month"], row["n"], row["unpriced"], spent, row["currency"], *judged


def _models(period: Period) -> Table:
    """Cost by model, and for a request, beside the window before."""
    now = period.is_now("r.start_ts")
    rows = period.rows(
        "cost",
        f"SELECT coalesce(r.model_served, r.model_requested, 'not stated') AS model, {CURRENCY} AS currency, "
        f"count(*) FILTER ({now}) AS n, CAST(sum({COST}) FILTER ({now}) AS VARCHAR) AS spent, "
        f"sum(r.input_tokens) FILTER ({now}) AS tokens_in, sum(r.output_tokens) FILTER ({now}) AS tokens_out, "
        f"CAST(avg({COST}) FILTER ({now}) AS DOUBLE) AS each, "
        f"CAST(avg({COST}) FILTER (NOT {now}) AS DOUBLE) AS each_before "
        f"FROM requests r WHERE {period.in_either('r.start_ts')} AND {COST} IS NOT NULL "
        "GROUP BY ALL ORDER BY model, currency",
    )
    columns = (
        Column("model"),
        Column("requests", "number", digits=0),
        Column("tokens in", "number", digits=0),
        Column("tokens out", "number", digits=0),
        Column("spent", "money", digits=2),
        Column("currency"),
        Column("per request", "money", digits=5),
        Column(f"{period.span.previous.name}, per request", "money", digits=5),
    )
    lines = tuple(
        (
            row["model"],
            row["n"],
            _whole(row["tokens_in"]),
            _whole(row["tokens_out"]),
            Decimal(row["spent"]) if row["spent"] is not None else None,
            row["currency"],
            row["each"],
            row["each_before"],
        )
        for row in rows
    )
    return Table("Cost by model", columns, lines)


def _whole(value: float | Decimal | None) -> int | None:
    return None if value is None else int(value)
