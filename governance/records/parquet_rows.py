"""Parquet -> records, or tables for those who work by columns; bounded, because 5 kB may hold 200 GB of text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from governance.errors import SourceError
from governance.records.json_texts import text_of
from governance.records.record import Record, first_line
from governance.records.streams import CutShortError, Meter, limit_of

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 8192  # decoded at once
SLICE_BYTES = 64 << 20  # of plain text in one table


def parquet_records(path: Path, name: str, size: int, meter: Meter | None = None) -> Iterator[Record]:
    """One record for each row, its bytes the JSON of its values.

    Args:
        path: Where it lies.
        name: How it is shown.
        size: Its bytes on the disk.
        meter: Told how far the file has been read.

    Raises:
        SourceError: The footer cannot be read.
    """
    number = 0
    try:
        for table in parquet_tables(path, name, size, meter):
            for value in table.to_pylist():
                number += 1
                yield Record(number, None, text_of(value).encode("utf-8", "replace"), value)
    except CutShortError as error:
        yield Record(number + 1, None, b"", None, error.reason, error.detail)


def parquet_tables(path: Path, name: str, size: int, meter: Meter | None = None) -> Iterator[pa.Table]:
    """The rows of a file in tables of at most 8,192 rows and about 64 MiB.

    Args:
        path: Where it lies.
        name: How it is shown.
        size: Its bytes on the disk.
        meter: Told how far the file has been read, by its rows: its pages do not follow each other.

    Raises:
        SourceError: The footer cannot be read, or two columns have one name.
        CutShortError: A page cannot be read, or the file expands beyond measure.
    """
    import pyarrow as pa  # noqa: PLC0415 - costs 0.3 s, and only Parquet files need it here

    file = _open(path, name)
    seen, done, limit = 0, 0, limit_of(size)
    try:
        for batch in file.iter_batches(batch_size=ROWS):
            table = pa.Table.from_batches([batch])
            done += table.num_rows
            if meter is not None:
                meter.bytes = size * done // file.metadata.num_rows
            rows = max(1, table.num_rows * SLICE_BYTES // max(1, _plain_bytes(table)))
            for start in range(0, table.num_rows, rows):
                part = table.slice(start, rows)
                seen += _plain_bytes(part)
                if seen > limit:
                    raise CutShortError(
                        "too_long", f"the file expands to more than {limit} bytes; what follows was not read"
                    )
                yield _plain(part)
    except (pa.ArrowException, OSError) as error:
        raise CutShortError(
            "truncated", f"the Parquet file cannot be read from here on ({first_line(error)})"
        ) from error


def parquet_columns(path: Path, name: str) -> list[str]:
    """The names in the footer.

    Raises:
        SourceError: It cannot be read, or two columns have one name.
    """
    return list(_open(path, name).schema_arrow.names)


class FirstRows(NamedTuple):
    """Where the first group of rows lies.

    Attributes:
        start: Its first byte.
        end: The byte behind it.
        are_all: Whether there are no other rows.
    """

    start: int
    end: int
    are_all: bool


def parquet_first_rows(path: Path, name: str) -> FirstRows:
    """Where the first rows of a table lie, as its footer says.

    Raises:
        SourceError: It cannot be read, or two columns have one name.
    """
    footer = _open(path, name).metadata
    if not footer.num_row_groups:
        return FirstRows(0, 0, are_all=True)
    group = footer.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    starts = [column.dictionary_page_offset or column.data_page_offset for column in columns]
    ends = [start + column.total_compressed_size for start, column in zip(starts, columns, strict=True)]
    return FirstRows(min(starts, default=0), max(ends, default=0), are_all=footer.num_row_groups == 1)


def _open(path: Path, name: str) -> Any:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        schema = pq.read_schema(path)
        texts = [
            field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        ]
        file = pq.ParquetFile(path, read_dictionary=texts)  # repeated text stays small until its size is known
    except (pa.ArrowException, OSError) as error:
        hint = "it may be cut short"
        raise SourceError(f"the Parquet file cannot be read ({first_line(error)})", where=name, hint=hint) from error
    twice = next((column for place, column in enumerate(schema.names) if column in schema.names[:place]), None)
    if twice is not None:
        raise SourceError(f"two columns are called '{twice}'", where=name, hint="give each column its own name")
    return file


def _plain_bytes(table: pa.Table) -> int:
    """Bytes of the table once no text is shared between rows."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    total = 0
    for column in table.columns:
        if not pa.types.is_dictionary(column.type):
            total += column.nbytes
            continue
        for chunk in column.chunks:
            lengths = pc.binary_length(chunk.dictionary).take(chunk.indices)
            total += pc.sum(lengths).as_py() or 0
    return total


def _plain(table: pa.Table) -> pa.Table:
    """The table without dictionaries."""
    import pyarrow as pa  # noqa: PLC0415

    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
