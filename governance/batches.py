"""Batches: the rows that a stretch of a file becomes, as Arrow tables of canonical columns, before they are stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from governance.sources import Ignored, Source, UnreadableError
from governance.tables import BYTES, CANONICAL, FLAG, MONEY, REAL, TAGS, TEXT, TEXTS, TIME, WHOLE, Table

if TYPE_CHECKING:
    from governance.records import Record

BATCH_RECORDS = 100_000  # chosen here: few enough files per day
BATCH_BYTES = 64 << 20  # chosen here: as Python objects these are some 500 MB at most

_ARROW = {
    TEXT: pa.string(),
    TEXTS: pa.list_(pa.string()),
    TIME: pa.timestamp("us", tz="UTC"),
    WHOLE: pa.int64(),
    REAL: pa.float64(),
    FLAG: pa.bool_(),
    MONEY: pa.decimal128(18, 12),
    TAGS: pa.map_(pa.string(), pa.string()),
    BYTES: pa.binary(),
}


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that goes to quarantine."""

    number: int
    offset: int | None
    raw: bytes
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of decisions of one model, typed.

    Attributes:
        model: Its name, empty where the log does not say it.
        rows: One row for each decision, with a `row_no`.
    """

    model: str
    rows: pa.Table


@dataclass(slots=True)
class Batch:
    """What a stretch of a file becomes.

    Attributes:
        records: How many records it holds, readable or not.
        tables: Canonical table -> rows with a `row_no`; wide tables carry their extra columns.
        features: Inputs, once for each model and set of types.
        types: Model -> version -> input -> type, as far as this batch was the first to tell.
        rejected: Records for quarantine.
        ignored: Reason -> count of records that the format defines as something else.
    """

    records: int = 0
    tables: dict[str, pa.Table] = field(default_factory=dict)
    features: list[Inputs] = field(default_factory=list)
    types: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table's fixed columns."""
    return pa.schema([pa.field(column.name, _ARROW[column.type]) for column in table.columns])


def chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    """The records in lists of at most BATCH_RECORDS, each ended by the record that fills BATCH_BYTES.

    The same file is always cut in the same places, so that an interrupted run is taken up where it ended.
    """
    chunk: list[Record] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += len(record.raw)
        if len(chunk) == BATCH_RECORDS or size >= BATCH_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def source_batches(records: Iterable[Record], source: Source) -> Iterator[Batch]:
    """The batches that a source makes of the records of one file."""
    number = 0
    for chunk in chunks(records):
        batch = _batch(chunk, source, number)
        number += batch.records
        yield batch


def _batch(chunk: list[Record], source: Source, before: int) -> Batch:
    batch = Batch()
    rows: dict[str, list[dict[str, Any]]] = {}
    for record in chunk:
        if record.value is None:
            batch.records += 1
            batch.rejected.append(reject(record))
            continue
        for item in source.split(record.value):
            batch.records += 1
            _take(item, record, source, batch, rows, before)
    batch.tables = {name: _table(name, found) for name, found in rows.items()}
    return batch


def _take(
    item: Any, record: Record, source: Source, batch: Batch, rows: dict[str, list[dict[str, Any]]], before: int
) -> None:
    try:
        made = source.rows(item)
        if isinstance(made, Ignored):
            batch.ignored[made.reason] += 1
            return
        converted = {
            name: [
                _checked(row, CANONICAL[name]) | {"row_no": before + batch.records, "is_conflict": False}
                for row in found
            ]
            for name, found in made.tables.items()
        }
    except UnreadableError as error:
        batch.rejected.append(Rejection(record.number, record.offset, record.raw, error.reason, error.detail))
        return
    for name, found in converted.items():
        rows.setdefault(name, []).extend(found)


def reject(record: Record) -> Rejection:
    """The rejection of a record that could not be parsed."""
    return Rejection(
        record.number, record.offset, record.raw, record.reason or "bad_json", record.detail or "it cannot be read"
    )


def _checked(row: dict[str, Any], table: Table) -> dict[str, Any]:
    """The row, if its values fit the table; a source's mistake about a stranger's record must not stop a file."""
    for column in table.columns:
        value = row.get(column.name)
        if value is None:
            if column.required and column.name not in ("file_sha256", "row_no", "is_conflict"):
                raise UnreadableError("missing_value", f"{column.name} is missing")
            continue
        if column.type == WHOLE and not -(2**63) <= value < 2**63:
            raise UnreadableError("out_of_range", f"{column.name} is {value}")
        if column.type == MONEY and abs(value) >= Decimal(10) ** 6:
            raise UnreadableError("out_of_range", f"{column.name} is {value}, more than a request can cost")
        if column.type == TIME and not 1971 <= value.year <= 2200:  # noqa: PLR2004 - a wrong unit, not a time
            raise UnreadableError("bad_time", f"{column.name} is {value.isoformat()}")
    return row


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    shape = schema(CANONICAL[name])
    columns = [[row.get(field.name) for row in rows] for field in shape]
    arrays = [_array(values, field) for values, field in zip(columns, shape, strict=True)]
    return pa.Table.from_arrays(arrays, schema=shape)


def _array(values: list[Any], field: pa.Field) -> pa.Array:
    if pa.types.is_decimal(field.type):
        quantum = Decimal(1).scaleb(-field.type.scale)
        values = [None if value is None else Decimal(value).quantize(quantum) for value in values]
    if pa.types.is_map(field.type):
        values = [None if value is None else list(value.items()) for value in values]
    return pa.array(values, type=field.type)
