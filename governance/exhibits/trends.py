"""The course of a figure through the window before and this one, by week or month: what sparklines show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

from governance.engines.duckdb import identifier
from governance.engines.gate import refusal
from governance.exhibits import policies
from governance.exhibits.drift import name, part
from governance.exhibits.found import Found
from governance.exhibits.latency import IS_FALLBACK
from governance.exhibits.period import Period
from governance.findings import Window
from governance.measurement.scopes import Scope
from governance.tables import DECISIONS, REQUESTS
from governance.wording import CALENDAR_KEYS

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


def _scope(period: Period, one: Found) -> Scope | None:
    """The records that the policy of a finding applies to, in both windows; None where its file cannot be trusted."""
    document = policies.document(period, one.policy_sha256)
    applies = document.get("applies_to") or {}
    check = next((item for item in document.get("checks") or [] if item.get("id") == one.check), None)
    if check is None:
        return None
    predicates = [str(item["where"]) for item in (applies, check) if item.get("where")]
    if any(refusal(period.engine, text) for text in predicates):
        return None
    span = Window(period.span.previous.start, period.span.window.end, period.span.window.name)
    named = {
        name: _listed(applies[name])
        for name in ("model", "operation", "business_unit", "environment")
        if applies.get(name)
    }
    favourable = {name: _listed(value) for name, value in (document.get("favourable") or {}).items()}
    where = tuple(f"({text})" for text in predicates)
    return Scope(span, named, where, favourable, period.span.timezone, reference=span)


def _listed(value: object) -> tuple[str, ...]:
    """One text or several."""
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _of_requests(
    period: Period,
    one: Found,
    figure: str,
    where: str,
    step: str = "",
    least: int = FEWEST,
    joined: str = "",
    **more: str,
) -> Course:
    """The course of an aggregate over the requests that the policy applies to, and that the subject names."""
    found, scope = _subject(one.subject, "requests"), _scope(period, one)
    if found is None or scope is None:
        return _stored(period, one)
    test, bound = found
    table = f"{scope.requests(reference=True)} r{joined}"
    bound = {**_globs(scope), **bound, **more}
    return _course(period, step or period.step, table, "r.start_ts", figure, f"{where} AND {test}", least, bound)


def _globs(scope: Scope) -> dict[str, str]:
    """What the scope binds; `$start` and `$end` are those of the window, which is a part of the scope here."""
    return {name: str(value) for name, value in scope.parameters.items() if name not in ("start", "end")}


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
    if one.metric != "fallback_share":
        return _stored(period, one)
    figure = f"avg(CASE WHEN {IS_FALLBACK} THEN 1.0 ELSE 0.0 END)"
    return _of_requests(period, one, figure, f"{IS_FALLBACK} IS NOT NULL")


def _quality(period: Period, one: Found) -> Course:
    score = one.limit.get("score")
    if not isinstance(score, str) or one.metric != f"{score}_mean":
        return _stored(period, one)
    joined = " JOIN assessments a ON a.request_uid = r.request_uid AND a.name = $score"
    return _of_requests(period, one, "avg(a.score)", "a.score IS NOT NULL", joined=joined, score=score)


def _fairness(period: Period, one: Found) -> Course:
    """The ratio of the favourable rates by month, of the decisions that the policy applies to."""
    reference, scope = one.counts.get("reference"), _scope(period, one)
    own = _subject(one.subject, "subjects")
    other = _subject(json.loads(reference), "subjects") if reference else None
    is_rate = one.metric == "impact_ratio" and "subjects" in period.names
    if own is None or other is None or scope is None or not is_rate:
        return _stored(period, one)
    against = other[0].replace("$subject_", "$reference_")
    rate = "avg(CASE WHEN d.favourable THEN 1.0 ELSE 0.0 END) FILTER ({})"
    figure = f"{rate.format(own[0])} / nullif({rate.format(against)}, 0)"
    bound = own[1] | {name.replace("subject_", "reference_"): value for name, value in other[1].items()}
    joined = f"{scope.decisions(reference=True)} d JOIN subjects s ON s.decision_id = d.decision_id"
    where = "d.favourable IS NOT NULL"
    return _course(period, "month", joined, "d.decision_ts", figure, where, FEWEST, {**_globs(scope), **bound})


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
    "fairness-impact-ratio": _fairness,
}
