"""Reads logs with a source for its tests: the samples beside this file, the shared ones, and records made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.records import open_log, parse_json, records
from governance.sources import Ignored, Row, Rows, Source, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).resolve().parent


def values_in(path: Path) -> list[dict[str, Any]]:
    """The objects of a file, as ingestion reads them."""
    found = [record.value for record in records(open_log(path))]
    return [value for value in found if value is not None]


def sample(name: str) -> list[dict[str, Any]]:
    """The objects of a sample that lies beside this file."""
    return values_in(HERE / name)


def exact(value: dict[str, Any]) -> dict[str, Any]:
    """A record as it comes out of a file: its numbers with a point are exact decimals."""
    parsed: dict[str, Any] = parse_json(json.dumps(value))
    return parsed


def fates(source: Source, value: dict[str, Any]) -> list[Rows | Ignored | UnreadableError]:
    """What becomes of each record in one object of a file."""
    made: list[Rows | Ignored | UnreadableError] = []
    for record in source.split(exact_of(value)):
        try:
            made.append(source.rows(record))
        except UnreadableError as error:
            made.append(error)
    return made


def exact_of(value: dict[str, Any]) -> dict[str, Any]:
    """The record, its binary floats made exact; one that was read from a file stays as it is."""
    try:
        return exact(value)
    except TypeError:  # it holds decimals already
        return value


def rows_of(source: Source, value: dict[str, Any]) -> dict[str, list[Row]]:
    """The rows of all records in one object, by table; an unreadable record is raised."""
    tables: dict[str, list[Row]] = {}
    for made in fates(source, value):
        if isinstance(made, UnreadableError):
            raise made
        for table, rows in made.tables.items() if isinstance(made, Rows) else ():
            tables.setdefault(table, []).extend(dict(row) for row in rows)
    return tables


def request_of(source: Source, value: dict[str, Any]) -> Row:
    """The one request in an object."""
    (row,) = rows_of(source, value)["requests"]
    return row


def filled(source: Source, values: Iterable[dict[str, Any]], joined: Iterable[Any] = ()) -> set[str]:
    """Columns that some record fills, or some pair of records that the source has joined, as `table.column`."""
    found: set[str] = set()
    for made in [*(made for value in values for made in fates(source, value)), *map(source.rows, joined)]:
        if not isinstance(made, Rows):
            continue
        for table, rows in made.tables.items():
            found |= {f"{table}.{column}" for row in rows for column, cell in row.items() if cell is not None}
        if made.features:
            found |= {"features.decision_id", "features.decision_ts"}
    return found


def told(row: Row, expected: Row) -> Row:
    """Of a row, the columns that are expected, to be compared with them."""
    return {column: row.get(column) for column in expected}
