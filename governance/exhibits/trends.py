"""The course of a figure through the window before and this one, by week or month: what sparklines show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

from governance.engines.duckdb import identifier
from governance.exhibits.drift import name, part
from governance.exhibits.found import CALENDAR_KEYS, Found
from governance.exhibits.latency import IS_FALLBACK
from governance.exhibits.oversight import REVIEWED
from governance.exhibits.period import Period
from governance.tables import DECISIONS, REQUESTS

Course: TypeAlias = tuple[float | None, ...]
Bound: TypeAlias = Mapping[str, str | float]
FEWEST = 10  # chosen here: points of fewer records are gaps


def of_finding(period: Period, one: Found) -> Course:
    """The course of the figure of a finding for its subject; nothing where rows alone cannot tell it."""
    drawn = _BY_KIND.get(one.kind)
    return drawn(period, one) if drawn is not None else _stored(period, one)


def of_count(period: Period, table: str, time: str, figure: str) -> Course:
    """An aggregate of the rows of a relation for each part of the calendar."""
    return _course(period, period.step, table, time, figure, "true", 1, {})


def _course(
    period: Period, step: str, table: str, time: str, figure: str, where: str, least: int, bound: Bound
) -> Course:
    rows = period.rows(
        "board",
        f"SELECT {period.calendar(step, time)} AS part, "
        f"CASE WHEN count(*) >= {least} THEN CAST({figure} AS DOUBLE) END AS value "
        f"FROM {table} WHERE {period.in_either(time)} AND {where} GROUP BY 1 ORDER BY 1",
        **bound,
    )
    return tuple(row["value"] for row in rows)


def _subject(subject: Mapping[str, str | None], table: str) -> tuple[str, dict[str, str]] | None:
    """SQL predicate of a subject over `r` or `d` (with `s`), and what it binds; None where a name is no column."""
    own, alias = (REQUESTS, "r") if table == "requests" else (DECISIONS, "d")
    tests, bound = [], {}
    for place, (key, value) in enumerate(subject.items()):
        if key in CALENDAR_KEYS or value is None:
            continue
        if key == "model" and table == "requests":
            column = "coalesce(r.model_served, r.model_requested)"
        elif own.column(key) is not None:
            column = f"{alias}.{identifier(key)}"
        elif table == "subjects":
            column = f"s.{identifier(key)}"
        else:
            return None
        tests.append(f"CAST({column} AS VARCHAR) = $subject_{place}")
        bound[f"subject_{place}"] = value
    return " AND ".join(tests) or "true", bound


def _of_requests(period: Period, one: Found, figure: str, where: str, step: str = "", least: int = FEWEST) -> Course:
    found = _subject(one.subject, "requests")
    if found is None:
        return _stored(period, one)
    test, bound = found
    return _course(period, step or period.step, "requests r", "r.start_ts", figure, f"{where} AND {test}", least, bound)


def _latency(period: Period, one: Found) -> Course:
    quantile = one.limit.get("quantile")
    of = "ttft_us" if one.limit.get("of") == "ttft" else "latency_us"
    if not isinstance(quantile, float):
        return _stored(period, one)
    return _of_requests(period, one, f"quantile_cont(r.{of} / 1000.0, {quantile})", f"r.{of} IS NOT NULL")


def _cost(period: Period, one: Found) -> Course:
    figure = "sum(coalesce(r.cost_reported, r.cost_computed))"
    return _of_requests(period, one, figure, "coalesce(r.cost_reported, r.cost_computed) IS NOT NULL", "month", 1)


def _fallback(period: Period, one: Found) -> Course:
    return _of_requests(
        period, one, f"avg(CASE WHEN {IS_FALLBACK} THEN 1.0 ELSE 0.0 END)", f"{IS_FALLBACK} IS NOT NULL"
    )


def _quality(period: Period, one: Found) -> Course:
    found, score = _subject(one.subject, "requests"), one.limit.get("score")
    if found is None or not isinstance(score, str):
        return _stored(period, one)
    test, bound = found
    joined = "requests r JOIN assessments a ON a.request_uid = r.request_uid AND a.name = $score"
    where = f"a.score IS NOT NULL AND {test}"
    return _course(period, period.step, joined, "r.start_ts", "avg(a.score)", where, FEWEST, {"score": score, **bound})


def _reviewed(period: Period, one: Found) -> Course:
    below = one.limit.get("below")
    if not isinstance(below, int | float):
        return _stored(period, one)
    figure = f"avg(CASE WHEN {REVIEWED} THEN 1.0 ELSE 0.0 END)"
    return _course(
        period, period.step, "decisions d", "d.decision_ts", figure, "d.confidence < $below", FEWEST, {"below": below}
    )


def _fairness(period: Period, one: Found) -> Course:
    """The ratio of the favourable rates by month, where the log itself says what is favourable."""
    reference = one.counts.get("reference")
    own = _subject(one.subject, "subjects")
    other = _subject(json.loads(reference), "subjects") if reference else None
    if own is None or other is None or "subjects" not in period.names:
        return _stored(period, one)
    against = other[0].replace("$subject_", "$reference_")
    rate = "avg(CASE WHEN d.favourable THEN 1.0 ELSE 0.0 END) FILTER ({})"
    figure = f"{rate.format(own[0])} / nullif({rate.format(against)}, 0)"
    bound = own[1] | {name.replace("subject_", "reference_"): value for name, value in other[1].items()}
    joined = "decisions d JOIN subjects s ON s.decision_id = d.decision_id"
    return _course(period, "month", joined, "d.decision_ts", figure, "d.favourable IS NOT NULL", FEWEST, bound)


def _stored(period: Period, one: Found) -> Course:
    """The values of the stored findings of the same check and subject, in the order of the calendar."""
    same = [
        (was, other)
        for was, findings in enumerate((period.judged_before, period.judged))
        for other in findings
        if other.key == one.key and name(other) == name(one) and other.metric == one.metric
    ]
    ordered = sorted(same, key=lambda pair: (pair[0], part(pair[1])))
    return tuple(other.value for _, other in ordered)


_BY_KIND = {
    "latency-slo": _latency,
    "cost-budget": _cost,
    "fallback": _fallback,
    "output-quality": _quality,
    "escalation": _reviewed,
    "fairness-impact-ratio": _fairness,
}
