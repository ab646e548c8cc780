"""Many columns in one pass: a group's figures for each column as a list of cells, unfolded to a subject for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from governance.checks import Check
from governance.checks._groups import keys, names
from governance.engines.duckdb import literal
from governance.scopes import subject_sql


def unfolded(check: Check, cells: Mapping[str, Mapping[str, str]], source: str, *, key: str) -> str:
    """SELECT with a row for each group and cell: `axis`, `subject`, `cell` and the figures.

    One scan measures all cells of an axis, where a SELECT for each of them would read the records as often.

    Args:
        check: Names the axes.
        cells: What is measured -> name of a figure -> aggregate over the records; the same names and types in all.
        source: Relation with the columns `group_...`.
        key: Name under which a cell stands in the subject.
    """
    return " UNION ALL ".join(_axis(check, place, axis, cells, source, key) for place, axis in enumerate(check.axes))


def _axis(
    check: Check, place: int, axis: Sequence[str], cells: Mapping[str, Mapping[str, str]], source: str, key: str
) -> str:
    own = keys(check, axis)
    figures = list(next(iter(cells.values())))
    listed = ", ".join(_struct(name, aggregates) for name, aggregates in cells.items())
    by = f" GROUP BY {', '.join(own)}" if own else ""
    subject = subject_sql([*names(check, axis), key], [*own, "cell.cell"])
    selected = ", ".join(f"cell.{name} AS {name}" for name in ("cell", *figures))
    return (
        f"SELECT {place} AS axis, {subject} AS subject, {selected} FROM (SELECT {''.join(f'{k}, ' for k in own)}"
        f"unnest([{listed}]) AS cell FROM {source}{by} HAVING count(*) > 0)"
    )


def _struct(name: str, aggregates: Mapping[str, str]) -> str:
    fields = ", ".join(f"'{figure}': {sql}" for figure, sql in aggregates.items())
    return f"{{'cell': {literal(name)}, {fields}}}"
