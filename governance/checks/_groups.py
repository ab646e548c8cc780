"""How the statement of a check is put together: a column for each dimension, a SELECT for each axis.

Dimensions are columns `group_<name>` here, so that a group may be called like a column that is measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from governance.checks import Check
from governance.engines.duckdb import identifier, literal
from governance.findings import Subject
from governance.measurement.scopes import Scope, subject_sql

REQUEST_ID = "coalesce(r.request_id, r.request_uid)"
DECISION_ID = "coalesce(d.request_id, d.decision_id)"


def names(check: Check, axis: Sequence[str]) -> tuple[str, ...]:
    """The dimensions of an axis, and the part of the calendar."""
    return (*axis, *([check.per] if check.per else []))


def columns(check: Check, scope: Scope) -> str:
    """Select list of the columns `group_...` over the records' alias (`r` or `d`), with a comma at its end, or nothing.

    Raises:
        UnknownDimensionError: An axis names something that no record carries.
    """
    time = "r.start_ts" if check.table == "requests" else "d.decision_ts"
    found = [f"{scope.dimension(name, check.table)} AS {_column(name)}" for name in check.dimensions]
    if check.per:
        found.append(f"{scope.calendar(check.per, time)} AS {_column(check.per)}")
    return "".join(f"{column}, " for column in found)


def decided(check: Check, scope: Scope) -> str:
    """FROM clause of the decisions in scope as `d`, with the protected attributes as `s` where an axis names one."""
    attributes = any(scope.dimension(name, "decisions").startswith("s.") for name in check.dimensions)
    joined = " LEFT JOIN subjects s ON s.decision_id = d.decision_id" if attributes else ""
    return f"{scope.decisions()} d{joined}"


def grouped(
    check: Check,
    figures: str,
    source: str,
    *,
    measure: str | None = None,
    also: Sequence[str] = (),
    base: Check | None = None,
) -> str:
    """One SELECT for each axis: its number, the subject, and aggregates over the records of each group that has some.

    Args:
        check: Names the axes.
        figures: Select list of aggregates.
        source: Relation with the columns of `columns`.
        measure: Goes into the subject, for kinds that look at a group in two ways.
        also: Further columns to group by.
        base: The same check without the calendar: the group's subject in it becomes a column `base`.
    """
    selects = []
    for place, axis in enumerate(check.axes):
        own = [*keys(check, axis), *also]
        by = f" GROUP BY {', '.join(own)}" if own else ""
        subject = subject_column(check, axis, measure)
        named = f"{subject} AS subject" + (f", {subject_column(base, axis)} AS base" if base is not None else "")
        selects.append(f"SELECT {place} AS axis, {named}, {figures} FROM {source}{by} HAVING count(*) > 0")
    return " UNION ALL ".join(selects)


def subject_column(check: Check, axis: Sequence[str], measure: str | None = None) -> str:
    """SQL of the subject of an axis, from the columns `group_...`."""
    named, values = list(names(check, axis)), keys(check, axis)
    if measure is not None:
        named, values = [*named, "measure"], [*values, literal(measure)]
    return subject_sql(named, values)


def keys(check: Check, axis: Sequence[str]) -> list[str]:
    """The columns `group_...` of an axis."""
    return [_column(name) for name in names(check, axis)]


def unattributed(subject: Subject) -> str:
    """Names of the dimensions that the records do not carry, to put before a reason; empty where they carry all."""
    missing = [name for name, value in subject if value is None]
    return f"no {' or '.join(missing)} in the log: " if missing else ""


def _column(name: str) -> str:
    return identifier(f"group_{name}")
