"""Rows -> Parquet files as a store has them: zstd, typed, in order of time, one for each day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance.engines.duckdb import group_rows

_DAY_US = 86_400_000_000
_PAGE_BYTES = 8 << 20  # one page for each column of a group, which is read as a whole anyway
_LONGEST_DECIMAL = 18  # digits of which 64 bits hold each number
_LOOKED_AT = 1_000  # rows; chosen here, enough to tell ids from names


def write_rows(
    rows: pa.Table,
    path: Path,
    *,
    repeating: Sequence[str] | None = None,
    is_full: bool = False,
    key_filter: bytes = b"",
) -> int:
    """Writes a new file, with the metadata of its rows; returns how many bytes they take: there the filter begins.

    Args:
        rows: What it holds.
        path: Where.
        repeating: Columns with few different values, where the caller knows them.
        is_full: Whether nearly every column has numbers in nearly every row.
        key_filter: Put between the rows and the footer, where no reader looks.
    """
    options = _options(rows, set(repeating_columns(rows) if repeating is None else repeating))
    rows = _required(rows)
    with pa.OSFile(str(path), "wb") as file, pq.ParquetWriter(file, rows.schema, **options) as writer:
        writer.add_key_value_metadata(rows.schema.metadata or {})
        writer.write_table(rows, group_rows(rows.num_rows, is_full=is_full))
        size = int(file.tell())
        file.write(key_filter)
    return size


def _options(rows: pa.Table, dictionaries: set[str]) -> dict[str, Any]:
    """How each column is written.

    Differences of numbers take less room than what zstd makes of them, and are written and read several times faster.
    The least and the greatest of texts tell nobody what to skip, and take long to find.
    """
    names = rows.column_names
    empty = {name for name in names if rows.column(name).null_count == rows.num_rows}
    written = [name for name in names if name not in dictionaries | empty]
    differences = [name for name in written if _is_whole(rows, name)]
    lengths = [name for name in written if _is_text(rows, name)]
    encodings = dict.fromkeys(differences, "DELTA_BINARY_PACKED") | dict.fromkeys(lengths, "DELTA_LENGTH_BYTE_ARRAY")
    return {
        # Where there is no value, there is nothing to compress, and to begin with it takes its time
        "compression": {name: "none" if name in empty else "zstd" for name in names},
        "column_encoding": encodings,
        "data_page_size": _PAGE_BYTES,
        "store_decimal_as_integer": True,
        "store_schema": False,  # texts may come by a dictionary; whoever reads them need not know
        "use_dictionary": [name for name in names if name in dictionaries - empty],
        "write_batch_size": max(rows.num_rows, 1),
        "write_page_index": False,
        "write_statistics": [name for name in names if not _is_text(rows, name)],
    }


def _required(rows: pa.Table) -> pa.Table:
    """The same; columns without nulls say so, and need not say it of each value."""
    fields = [field.with_nullable(rows.column(field.name).null_count > 0) for field in rows.schema]
    return rows.cast(pa.schema(fields, rows.schema.metadata))


def _is_whole(rows: pa.Table, name: str) -> bool:
    """Whether the values of a column are whole numbers of 32 or 64 bits as a file has them."""
    kind = rows.schema.field(name).type
    is_money = pa.types.is_decimal128(kind) and kind.precision <= _LONGEST_DECIMAL
    return bool(pa.types.is_integer(kind) or pa.types.is_temporal(kind) or is_money)


def repeating_columns(rows: pa.Table) -> list[str]:
    """The columns of which a dictionary saves room: few different values among the first ones."""
    first = rows.slice(0, _LOOKED_AT)

    def repeats(column: pa.ChunkedArray) -> bool:
        if pa.types.is_nested(column.type):
            return False
        return bool(pa.types.is_dictionary(column.type) or 2 * pc.count_distinct(column).as_py() <= first.num_rows)

    return [name for name, column in zip(first.column_names, first.columns, strict=True) if repeats(column)]


def by_day(rows: pa.Table, time: str) -> Iterator[tuple[str, pa.Table]]:
    """Day (ISO) and rows of each day in UTC, in order of the times in a column."""
    if rows.num_rows == 0:
        return
    times = rows.column(time).cast(pa.int64()).to_numpy()
    if (times[1:] < times[:-1]).any():  # most logs are in order; rows of one time stay in theirs
        order = np.argsort(times, kind="stable")
        rows, times = rows.take(pa.array(order)), times[order]
    days = times // _DAY_US
    starts = [0, *(np.flatnonzero(days[1:] != days[:-1]) + 1).tolist(), len(days)]
    for start, end in pairwise(starts):
        yield str(np.datetime64(int(days[start]), "D")), rows.slice(start, end - start)


def _is_text(rows: pa.Table, name: str) -> bool:
    kind = rows.schema.field(name).type
    return bool(pa.types.is_string(kind.value_type if pa.types.is_dictionary(kind) else kind))
