"""The figure behind each expectation that is not about single rows, as plain SQL; and values as SQL literals.

Great Expectations says whether an expectation holds; what it observed is a set, a list of quantiles, a moment or a
text as often as a number. Each of those gets one number that can be repeated: how many values, quantiles or columns
are not as expected (0 means that all are), or the observed number itself.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from governance.engines.duckdb import identifier, literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROWS = "checked_rows"  # name of the relation in every statement
_NAMES = f"(SELECT list(column_name) AS names, list(column_type) AS types FROM (DESCRIBE SELECT * FROM {ROWS}))"
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w+)""")


class Figure(NamedTuple):
    """Name of a figure, its unit, and the statement whose column `value` it is."""

    metric: str
    unit: str
    sql: str


def figure_of(kind: str, kwargs: Mapping[str, Any], rows: str) -> Figure | None:
    """The figure of a type of expectation, or None where Great Expectations has an SQL expression for it.

    Args:
        kind: Type of the expectation.
        kwargs: Its arguments.
        rows: What follows FROM: the relation, narrowed by the expectation's row condition.
    """
    if kind not in _FIGURES:
        return None
    metric, unit, expression = _FIGURES[kind]
    column = identifier(str(kwargs.get("column", "")))
    return Figure(metric, unit, f"SELECT {expression(column, rows, kwargs)}")


def unexpected_share(unexpected: str, considered: str) -> Figure:
    """The share of rows that are not as expected, from the two statements that count."""
    return Figure(
        "unexpected_share", "share", f"SELECT CAST(({unexpected}) AS DOUBLE) / nullif(({considered}), 0) AS value"
    )


def moment(kind: str, column: str, rows: str) -> Figure | None:
    """The first or last moment in a column of times, in seconds since 1970 (UTC)."""
    names = {"expect_column_min_to_be_between": "min", "expect_column_max_to_be_between": "max"}
    if kind not in names:
        return None
    which = f"{names[kind]}({identifier(column)})"
    return Figure(f"{names[kind]}_time", "s since 1970", f"SELECT epoch({which}) AS value FROM {rows}")


def over(relation: str, statement: str) -> str:
    """A statement made self-contained: the relation is part of it."""
    return f"WITH {ROWS} AS ({relation}) {statement}"


def inline(statement: str, values: Mapping[str, Any]) -> str:
    """A statement with its parameters (`$1`, `$name`) written as literals; text and names in quotes stay untouched."""
    return _TOKEN.sub(lambda token: sql_literal(values[token[1]]) if token[1] in values else token[0], statement)


def sql_literal(value: object) -> str:  # noqa: PLR0911  (one line per type)
    """A value as DuckDB writes it, of the type that binding it would give.

    Raises:
        TypeError: A statement holds no such value.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):  # 0.1 alone would be DECIMAL(2,1), whose arithmetic is another
        return f"{value!r}::DOUBLE" if math.isfinite(value) else f"'{value}'::DOUBLE"
    if isinstance(value, (int, Decimal)):
        return str(value)
    if isinstance(value, datetime):
        return f"{'TIMESTAMP' if value.tzinfo is None else 'TIMESTAMPTZ'} '{value.isoformat(' ')}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, str):
        return literal(value)
    raise TypeError(f"no SQL literal for {type(value).__name__}")


def in_zone_of(value: object, column_type: str) -> object:
    """A time written as text, as the moment or local time that the column's type compares with; all else unchanged.

    A time without an offset is UTC. Without this a limit such as 2026-07-01 cannot be compared with a TIMESTAMPTZ.
    """
    if not isinstance(value, str) or not column_type.startswith("TIMESTAMP"):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware if "TIME ZONE" in column_type else aware.replace(tzinfo=None)


def _listed(values: object) -> str:
    return ", ".join(sql_literal(value) for value in values) if isinstance(values, (list, tuple, set)) else "NULL"


def _distinct(column: str, test: str, kwargs: Mapping[str, Any]) -> str:
    return f"count(DISTINCT {column}) FILTER (WHERE {column} {test} ({_listed(kwargs['value_set'])}))"


def _outside(column: str, rows: str, kwargs: Mapping[str, Any]) -> str:
    return f"{_distinct(column, 'NOT IN', kwargs)} AS value FROM {rows}"


def _missing(column: str, rows: str, kwargs: Mapping[str, Any]) -> str:
    size = len({sql_literal(value) for value in kwargs["value_set"] if value is not None})
    return f"{size} - {_distinct(column, 'IN', kwargs)} AS value FROM {rows}"


def _outside_or_missing(column: str, rows: str, kwargs: Mapping[str, Any]) -> str:
    return f"{_distinct(column, 'NOT IN', kwargs)} + {_missing(column, rows, kwargs)}"


def _common_outside(column: str, rows: str, kwargs: Mapping[str, Any]) -> str:
    ranked = f"SELECT {column}, rank() OVER (ORDER BY count(*) DESC) AS place FROM {rows} WHERE {column} IS NOT NULL"
    outside = f"{column} NOT IN ({_listed(kwargs['value_set'])})"
    return f"count(*) FILTER (WHERE {outside}) AS value FROM ({ranked} GROUP BY 1) WHERE place = 1"


def _quantiles_outside(column: str, rows: str, kwargs: Mapping[str, Any]) -> str:
    ranges = kwargs["quantile_ranges"]
    tests = []
    for share, (low, high) in zip(ranges["quantiles"], ranges["value_ranges"], strict=True):
        found = f"percentile_disc({sql_literal(float(share))}) WITHIN GROUP (ORDER BY {column})"
        bounds = [f"{found} < {sql_literal(low)}"] * (low is not None) + [f"{found} > {sql_literal(high)}"] * (
            high is not None
        )
        tests.append(f"CAST(({' OR '.join(bounds) or 'false'}) AS INTEGER)")
    return f"{' + '.join(tests)} AS value FROM {rows}"


def _column_missing(_column: str, _rows: str, kwargs: Mapping[str, Any]) -> str:
    place = f"list_position(names, {literal(kwargs['column'])})"
    expected = "" if kwargs.get("column_index") is None else f" AND {place} = {int(kwargs['column_index']) + 1}"
    return f"1 - CAST({place} IS NOT NULL{expected} AS INTEGER) AS value FROM {_NAMES}"


def _type_differs(_column: str, _rows: str, kwargs: Mapping[str, Any]) -> str:
    accepted = ", ".join(literal(name) for name in kwargs.get("type_list", [kwargs.get("type_", "")]))
    actual = f"types[list_position(names, {literal(kwargs['column'])})]"
    # DECIMAL(18,12) is a DECIMAL too
    holds = f"{actual} IN ({accepted}) OR split_part({actual}, '(', 1) IN ({accepted})"
    return f"1 - CAST({holds} AS INTEGER) AS value FROM {_NAMES}"


def _columns_out_of_place(_column: str, _rows: str, kwargs: Mapping[str, Any]) -> str:
    expected = f"[{_listed(kwargs['column_list'])}]"
    pairs = f"list_zip(names, {expected})"  # padded with NULL at the end of the shorter one
    return f"len(list_filter({pairs}, lambda pair: pair[1] IS DISTINCT FROM pair[2])) AS value FROM {_NAMES}"


def _columns_outside(_column: str, _rows: str, kwargs: Mapping[str, Any]) -> str:
    expected = f"[{_listed(kwargs['column_set'])}]"
    missing = f"len(list_filter({expected}, lambda name: NOT list_contains(names, name)))"
    if kwargs.get("exact_match") is False:
        return f"{missing} AS value FROM {_NAMES}"
    extra = f"len(list_filter(names, lambda name: NOT list_contains({expected}, name)))"
    return f"{missing} + {extra} AS value FROM {_NAMES}"


_FIGURES: dict[str, tuple[str, str, Callable[[str, str, Mapping[str, Any]], str]]] = {
    "expect_column_distinct_values_to_be_in_set": ("unexpected_values", "values", _outside),
    "expect_column_distinct_values_to_contain_set": ("missing_values", "values", _missing),
    "expect_column_distinct_values_to_equal_set": ("deviating_values", "values", _outside_or_missing),
    "expect_column_median_to_be_between": (
        "median",
        "",
        lambda column, rows, _: f"median(CAST({column} AS DOUBLE)) AS value FROM {rows}",
    ),
    "expect_column_most_common_value_to_be_in_set": ("unexpected_values", "values", _common_outside),
    "expect_column_proportion_of_non_null_values_to_be_between": (
        "present_share",
        "share",
        lambda column, rows, _: f"CAST(count({column}) AS DOUBLE) / nullif(count(*), 0) AS value FROM {rows}",
    ),
    "expect_column_proportion_of_unique_values_to_be_between": (
        "distinct_share",
        "share",
        lambda column, rows, _: (
            f"CAST(count(DISTINCT {column}) AS DOUBLE) / nullif(count({column}), 0) AS value FROM {rows}"
        ),
    ),
    "expect_column_quantile_values_to_be_between": ("unexpected_quantiles", "quantiles", _quantiles_outside),
    "expect_column_to_exist": ("missing_columns", "columns", _column_missing),
    "expect_column_type_to_be": ("deviating_types", "columns", _type_differs),
    "expect_column_values_to_be_in_type_list": ("deviating_types", "columns", _type_differs),
    "expect_column_values_to_be_of_type": ("deviating_types", "columns", _type_differs),
    "expect_table_column_count_to_be_between": (
        "columns",
        "columns",
        lambda _column, _rows, _: f"len(names) AS value FROM {_NAMES}",
    ),
    "expect_table_column_count_to_equal": (
        "columns",
        "columns",
        lambda _column, _rows, _: f"len(names) AS value FROM {_NAMES}",
    ),
    "expect_table_columns_to_match_ordered_list": ("deviating_columns", "columns", _columns_out_of_place),
    "expect_table_columns_to_match_set": ("deviating_columns", "columns", _columns_outside),
    "expect_table_row_count_to_equal_other_table": (
        "difference",
        "rows",
        lambda _, rows, kwargs: (
            f"count(*) - (SELECT count(*) FROM {identifier(kwargs['other_table_name'])}) AS value FROM {rows}"
        ),
    ),
}
WHOLE = frozenset(_FIGURES)  # types whose figure is not had from the library
ABOUT_COLUMNS = frozenset(
    kind for kind, (_, unit, _) in _FIGURES.items() if unit == "columns"
)  # types that look at names and types alone
