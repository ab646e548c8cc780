"""Groups of an axis, and the one among them that the others are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from governance.checks import Check, Row
from governance.checks._groups import keys, subject_column
from governance.engines.duckdb import identifier
from governance.measurement.scopes import subject_sql, subject_text

Reference = str | dict[str, str]
HIGHEST = "highest"


def own_columns(check: Check) -> str:
    """The columns `group_...` of all axes and of the calendar, with a comma at the end of each."""
    names = [*check.dimensions, *([check.per] if check.per else [])]
    return "".join(f"{identifier(f'group_{name}')}, " for name in names)


def groups(check: Check, figures: str, source: str, measures: Sequence[str] = (), also: Sequence[str] = ()) -> str:
    """One row for each group of each axis and part of the calendar.

    Args:
        check: Names the axes.
        figures: Select list of aggregates.
        source: Relation with the columns `group_...`.
        measures: Each gives a further subject that names it, as a column `subject_<measure>`.
        also: Further columns of the relation to group by.

    Returns:
        SELECT of `axis`, `period`, `subject`, `label` (the group without the calendar), `known` (whether the log says
        the group), the further subjects and columns, and the figures.
    """
    period = identifier(f"group_{check.per}") if check.per else "''"
    selects = []
    for place, axis in enumerate(check.axes):
        own = [identifier(f"group_{name}") for name in axis]
        named = "".join(f", {subject_column(check, axis, name)} AS {_subject(name)}" for name in measures)
        extra = "".join(f", {column}" for column in also)
        selects.append(
            f"SELECT {place} AS axis, {period} AS period, {subject_column(check, axis)} AS subject, "
            f"{subject_sql(axis, own)} AS label, {' AND '.join(f'{key} IS NOT NULL' for key in own) or 'true'} AS known"
            f"{named}{extra}, {figures} FROM {source} GROUP BY {', '.join([*keys(check, axis), *also]) or 'ALL'}"
        )
    return " UNION ALL ".join(selects)


def _subject(measure: str) -> str:
    return identifier(f"subject_{measure}")


def subject_of_measure(measure: str | None) -> str:
    """SQL of the subject of a measure in the rows of `groups`; the plain one for None."""
    return "subject" if measure is None else _subject(measure)


def referred(source: str, reference: Reference, part: str = "axis, period") -> str:
    """The rows of a relation with `rate`, `n`, `known` and `label`, and beside them `reference` and `reference_rate`.

    The reference is the named group, or among those with `minimum_n` records the one with the highest rate (of two with
    the same rate the larger one): a rate of three people is no standard for anybody.
    """
    refers = "n >= $minimum_n" if reference == HIGHEST else "list_contains($named, label)"
    return (
        "SELECT *, max(rate) FILTER (may_refer) OVER part AS reference_rate, "
        "arg_max(subject, (rate, n, subject)) FILTER (may_refer) OVER part AS reference "
        f"FROM (SELECT *, known AND n > 0 AND {refers} AS may_refer FROM {source}) "
        f"WINDOW part AS (PARTITION BY {part})"
    )


def bound_reference(check: Check, reference: Reference) -> dict[str, Any]:
    """What `referred` binds."""
    if reference == HIGHEST:
        return {"minimum_n": check.minimum_n}
    return {"named": [text for axis in check.axes if (text := _text(reference, axis)) is not None]}


def _text(reference: Reference, axis: Sequence[str]) -> str | None:
    """The named group as the column `label` writes it, or None if it names other dimensions than the axis."""
    if isinstance(reference, dict):
        own = reference
        return subject_text(tuple((name, own[name]) for name in axis)) if set(own) == set(axis) else None
    return subject_text(((axis[0], reference),)) if len(axis) == 1 else None


def parts(rows: Sequence[Row], *names: str) -> Iterator[list[Row]]:
    """Neighbouring rows that agree in the named columns."""
    for _, part in groupby(rows, key=lambda row: tuple(row[name] for name in names)):
        yield list(part)


def samples_of(row: Row) -> tuple[str, ...]:
    """The first ten ids of the lists `samples` ({ts, id}) that were gathered from several cells."""
    listed = sorted((sample["ts"], sample["id"]) for sample in row["samples"] or ())
    return tuple(name for _, name in listed[:10])
