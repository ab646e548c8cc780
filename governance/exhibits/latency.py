"""Service levels: response times against their limits, failures, fallbacks and caches."""

from __future__ import annotations

from governance import charts
from governance.blocks import Cell, Chart, Column, Section, Table
from governance.exhibits import families
from governance.exhibits.period import Period, Row
from governance.exhibits.sentences import counted, group, nothing
from governance.exhibits.verdicts import judged

FALLBACK = "fallback"
SYSTEM = "coalesce(r.model_served, r.model_requested, r.service_name, r.source)"
# As the check counts it: by the count of fallbacks, the deciding stage, or the model that should have answered.
_STAGED = "EXISTS (SELECT 1 FROM decisions f WHERE f.request_uid = r.request_uid AND f.deciding_stage {})"
_SAYS_SO = "= 'fallback'"
IS_FALLBACK = (
    f"CASE WHEN r.fallbacks > 0 OR {_STAGED.format(_SAYS_SO)} THEN true "
    "WHEN r.fallbacks IS NULL AND r.fallback_from IS NOT NULL THEN true "
    f"WHEN r.fallbacks IS NOT NULL OR {_STAGED.format('IS NOT NULL')} THEN false END"
)
MOST_LINES = 6
SLOW = 20  # chosen here: systems whose slowest median differ more are drawn apart, or the quick one is a flat line


def response_times(period: Period) -> Section:
    """Quantiles of each system beside the window before, the 95th percentile over time, and what was judged."""
    rows = _quantiles(period)
    if not any(row["n"] for row in rows):
        reason = nothing("No request of this window carries a response time.")
        return group(reason, *judged(period, *families.SERVICE))
    weekly = _weekly(period)
    names = [row["system"] for row in sorted(rows, key=lambda row: -(row["n"] or 0)) if row["n"]][:MOST_LINES]
    slow = [name for name in names if _peak(weekly, name) * SLOW >= max(_peak(weekly, other) for other in names)]
    quick = [name for name in names if name not in slow]
    drawn = [_chart(period, weekly, own) for own in (slow, quick) if own]
    table = _table(period, rows)
    return group(
        table, *drawn, *judged(period, *families.SERVICE), counted(period, "latency", "requests by their start")
    )


def _quantiles(period: Period) -> list[Row]:
    now = period.is_now("r.start_ts")
    ms = "r.latency_us / 1000.0"
    return period.rows(
        "latency",
        f"SELECT {SYSTEM} AS system, count(r.latency_us) FILTER ({now}) AS n, "
        f"count(*) FILTER ({now} AND r.status <> 'ok') AS failed, count(*) FILTER ({now}) AS requests, "
        f"quantile_cont({ms}, 0.5) FILTER ({now}) AS p50, quantile_cont({ms}, 0.95) FILTER ({now}) AS p95, "
        f"quantile_cont({ms}, 0.99) FILTER ({now}) AS p99, quantile_cont({ms}, 0.95) FILTER (NOT {now}) AS p95_before "
        f"FROM requests r WHERE {period.in_either('r.start_ts')} GROUP BY 1 ORDER BY 1",
    )


def _table(period: Period, rows: list[Row]) -> Table:
    columns = (
        Column("system"),
        Column("requests", "number", digits=0),
        Column("median", "number", "ms", digits=0),
        Column("p95", "number", "ms", digits=0),
        Column("p99", "number", "ms", digits=0),
        Column(f"p95 in {period.span.previous.name}", "number", "ms", digits=0),
        Column("not answered", "number", digits=0),
        Column("share", "share"),
    )
    lines: list[tuple[Cell, ...]] = [
        (
            row["system"],
            row["requests"],
            row["p50"],
            row["p95"],
            row["p99"],
            row["p95_before"],
            row["failed"],
            row["failed"] / row["requests"] if row["requests"] else None,
        )
        for row in rows
    ]
    note = "Not answered: the request ended with another status than ok. Quantiles are linear between ranks."
    return Table("Response times by system", columns, tuple(lines), note)


def _weekly(period: Period) -> list[Row]:
    return period.rows(
        "latency",
        f"SELECT {period.calendar(period.step, 'r.start_ts')} AS part, {SYSTEM} AS system, "
        "quantile_cont(r.latency_us / 1000.0, 0.95) AS p95 "
        f"FROM requests r WHERE {period.in_either('r.start_ts')} AND r.latency_us IS NOT NULL "
        "GROUP BY ALL ORDER BY part, system",
    )


def _peak(weekly: list[Row], name: str) -> float:
    return max((row["p95"] for row in weekly if row["system"] == name), default=0.0)


def _chart(period: Period, weekly: list[Row], names: list[str]) -> Chart:
    parts = sorted({row["part"] for row in weekly})
    values = {(row["part"], row["system"]): row["p95"] for row in weekly}
    in_seconds = max(_peak(weekly, name) for name in names) >= 10_000  # noqa: PLR2004 - ten seconds
    scale = 1000 if in_seconds else 1
    series = {name: [_scaled(values.get((part, name)), scale) for part in parts] for name in names}
    title = f"95th percentile of the response time by {period.step}" + (f": {names[0]}" if len(names) == 1 else "")
    return charts.line(title, parts, series, unit="s" if in_seconds else "ms")


def _scaled(value: float | None, scale: int) -> float | None:
    return None if value is None else value / scale


def fallbacks(period: Period) -> Section:
    """How often another model answered than was asked for, and how often a cache did."""
    rows = period.rows(
        "fallbacks",
        f"SELECT {period.calendar(period.step, 'r.start_ts')} AS part, count(*) FILTER ({IS_FALLBACK}) AS fallbacks, "
        f"count({IS_FALLBACK}) AS known, count(*) FILTER (r.cache_status IN ('exact_hit', 'semantic_hit')) AS hits, "
        f"count(*) FILTER (r.cache_status IS NOT NULL AND r.cache_status <> 'disabled') AS cached "
        f"FROM requests r WHERE {period.in_either('r.start_ts')} AND r.source IN (SELECT source FROM requests r "
        f"WHERE r.fallbacks IS NOT NULL OR {IS_FALLBACK}) GROUP BY 1 ORDER BY 1",
    )
    found = period.of_kind(FALLBACK)
    if not any(row["known"] for row in rows):
        reason = nothing("No log of this window says whether a fallback answered; the field is `fallbacks`.")
        return group(reason, *judged(period, *families.RESILIENCE))
    shares = {
        "fallback": [_share(row["fallbacks"], row["known"]) for row in rows],
        "cache hit": [_share(row["hits"], row["cached"]) for row in rows],
    }
    series = {name: values for name, values in shares.items() if any(value is not None for value in values)}
    limits = {one.bound.value * 100 for one in found if one.metric == "fallback_share" and one.bound is not None}
    chart = charts.line(
        f"Share of answers from a fallback and from a cache by {period.step}",
        [row["part"] for row in rows],
        series,
        limit=min(limits, default=None),
        limit_name="fallback limit",
        unit="%",
        digits=1,
        note="Of the sources that log fallbacks.",
    )
    last = counted(period, "fallbacks", "requests by their start")
    return group(chart, *judged(period, *families.RESILIENCE), last)


def _share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
