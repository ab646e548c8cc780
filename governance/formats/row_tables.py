"""Rows of canonical tables, as sources make them one by one or column by column -> Arrow tables."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance.batches import schema
from governance.formats.rows import Part, Row, UnreadableError
from governance.tables import CANONICAL, MONEY, REQUESTS, TIME, WHOLE, Table

_GIVEN_LATER = ("file_sha256", "row_no", "is_conflict")


class RowTables:
    """The rows of a batch while it is read."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {}
        self._columns: dict[str, dict[str, list[Any]]] = {}

    def add(self, table: str, rows: Iterable[Row]) -> None:
        """Adds rows that have a `row_no`."""
        self._rows.setdefault(table, []).extend(rows)

    def add_part(self, part: Part, numbers: Sequence[int]) -> None:
        """Adds rows that stand column by column.

        Args:
            part: The rows.
            numbers: The `row_no` of each place.
        """
        if not part.places:
            return
        columns = self._columns.setdefault(part.table, {})
        more = {**part.columns, "row_no": [numbers[place] for place in part.places]}
        before, nulls = len(columns.get("row_no", ())), [None] * len(part.places)
        for name in {**columns, **more}:
            columns.setdefault(name, [None] * before).extend(more.get(name, nulls))

    def flag(self, flag: str, numbers: Container[int]) -> None:
        """Adds a quality flag to the requests of some records that were added row by row."""
        for request in self._rows.get(REQUESTS.name, ()):
            if request["row_no"] in numbers:
                request["quality_flags"] = sorted({*(request["quality_flags"] or ()), flag})

    def tables(self, without: Container[int]) -> dict[str, pa.Table]:
        """The tables, in the order in which the rows were added, or that of the records if some came by column.

        Args:
            without: Records whose rows, added one by one, are left out.
        """
        found: dict[str, pa.Table] = {}
        for name, rows in self._rows.items():
            if kept := [row for row in rows if row["row_no"] not in without]:
                named = dict.fromkeys(column for row in kept for column in row)
                found[name] = _table(name, {column: [row.get(column) for row in kept] for column in named})
        for name, columns in self._columns.items():
            table = _table(name, columns)
            both = pa.concat_tables([found[name], table]) if name in found else table
            found[name] = both.take(pc.sort_indices(both.column("row_no")))  # which leaves rows of one record in order
        return found


def checked(row: Row, table: Table) -> Row:
    """The row, if its values fit the table; a source's mistake about a stranger's record must not stop a file.

    Raises:
        UnreadableError: A required value is missing, or one is beyond what its column can hold.
    """
    required, limited = _rules(table)
    for name in required:
        if row.get(name) is None:
            raise UnreadableError("missing_value", f"{name} is missing")
    for name, kind in limited:
        value = row.get(name)
        if value is None:
            continue
        if kind == WHOLE and not -(2**63) <= value < 2**63:
            raise UnreadableError("out_of_range", f"{name} is {value}")
        if kind == MONEY and abs(value) >= Decimal(10) ** 6:
            raise UnreadableError("out_of_range", f"{name} is {value}, more than a request can cost")
        if kind == TIME and not 1971 <= value.year <= 2200:  # noqa: PLR2004 - a wrong unit, not a time
            raise UnreadableError("bad_time", f"{name} is {value.isoformat()}")
    return row


@cache
def _rules(table: Table) -> tuple[list[str], list[tuple[str, str]]]:
    """The columns that a row must have, and those whose values have limits, with their types."""
    required = [column.name for column in table.columns if column.required and column.name not in _GIVEN_LATER]
    return required, [(column.name, column.type) for column in table.columns if column.type in (WHOLE, MONEY, TIME)]


def _table(name: str, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    shape = schema(CANONICAL[name])
    rows = len(columns["row_no"])
    given = {**columns, "is_conflict": [False] * rows}
    arrays = [
        _array(given[field.name], field) if field.name in given else pa.nulls(rows, field.type) for field in shape
    ]
    return pa.Table.from_arrays(arrays, schema=shape)


def _array(values: Sequence[Any], field: pa.Field) -> pa.Array:
    if pa.types.is_decimal(field.type):
        quantum = Decimal(1).scaleb(-field.type.scale)
        values = [None if value is None else Decimal(value).quantize(quantum) for value in values]
    if pa.types.is_map(field.type):
        values = [None if value is None else list(value.items()) for value in values]
    return pa.array(values, type=field.type)
