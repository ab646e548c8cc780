"""Stretches of CSV -> chunks: most rows by Arrow, odd ones and those of another width by the strict parser."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from governance.mapped.chunks import Chunk
from governance.mapped.lines import MAX_DOUBTFUL, LinesChunk
from governance.mapped.quotes import Rows, quoted_rows
from governance.mapped.scans import Mask
from governance.records import CsvLayout, Record, csv_rows, first_row
from governance.records.record import Line
from governance.records.stretches import Stretch

_BLOCK = 16 << 20  # bytes that are parsed at once
_LONGEST = _BLOCK // 2  # of a row; a longer one is left to the strict parser


def rows_chunk(stretch: Stretch, layout: CsvLayout, before: int, *, has_header: bool) -> Chunk | None:
    """The chunk of one stretch, which keeps no more lines than belong to it; None where the strict parser must go on.

    Args:
        stretch: The lines.
        layout: What the header says.
        before: How many records come before.
        has_header: Whether it begins with the header.
    """
    found = quoted_rows(stretch, layout, _header_lines(stretch, layout) if has_header else 0)
    if found is None or len(found.lines) == 0:
        return None
    lines = found.lines
    for place in np.flatnonzero(lines.ends - lines.starts > _LONGEST).tolist():
        first = int(lines.numbers[place]) - stretch.number - 1
        if place not in found.odd and (record := first_row(stretch.lines_from(first), layout).record):
            found.odd[place] = record
    sure = np.ones(len(lines), np.bool_)
    sure[list(found.odd)] = False
    table = _read(_bytes(stretch, found, sure), layout, sure)
    if table is None:  # not UTF-8
        sure &= _is_utf8(stretch, found)
        table = _read(_bytes(stretch, found, sure), layout, sure)
    if table is None or table.num_rows != sure.sum() or sure.mean() < 1 - MAX_DOUBTFUL:
        return None
    return LinesChunk(lines, table, None if sure.all() else ~sure, before, partial(_parsed, layout=layout), found.odd)


def _header_lines(stretch: Stretch, layout: CsvLayout) -> int:
    """How many lines end with the header."""
    place = 0
    for line in stretch.lines_from(0):
        if line.raw.strip():
            break
        place += 1
    return place + first_row(stretch.lines_from(place), layout).lines


def _bytes(stretch: Stretch, found: Rows, sure: Mask) -> Any:
    """The bytes of the rows without doubt, one behind the other."""
    starts, ends = found.lines.starts, found.lines.ends
    is_whole = sure.all() and (starts[1:] == ends[:-1]).all()
    if is_whole:
        return stretch.data[starts[0] : ends[-1]]
    places = np.flatnonzero(sure)
    if len(places) == 0:
        return b""
    breaks = np.flatnonzero((np.diff(places) != 1) | (starts[places[1:]] != ends[places[:-1]]))
    first, last = np.append(places[:1], places[breaks + 1]), np.append(places[breaks], places[-1:])
    data = stretch.data.data
    return b"".join([data[start:end] for start, end in zip(starts[first].tolist(), ends[last].tolist(), strict=True)])


def _is_utf8(stretch: Stretch, found: Rows) -> Mask:
    """Which rows are UTF-8, shape (rows,)."""
    right = np.ones(len(found.lines), np.bool_)
    for start in range(0, len(right), _AT_ONCE):
        part = range(start, min(start + _AT_ONCE, len(right)))
        if not _decodes(stretch.line(int(found.lines.starts[start]), int(found.lines.ends[part[-1]]))):
            right[start : part.stop] = [_decodes(found.lines.raw(place)) for place in part]
    return right


_AT_ONCE = 64  # rows that are decoded together


def _decodes(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read(data: Any, layout: CsvLayout, sure: Mask) -> pa.Table | None:
    """The cells of rows as texts; those of another width are sure no more, and left out. None if they are not UTF-8."""
    names = [f"p{place}" for place in range(len(layout.names))]
    places = np.flatnonzero(sure)
    if len(places) == 0:
        return pa.table({name: pa.array([], pa.string()) for name in layout.names})

    def skip(row: csv.InvalidRow) -> str:
        sure[places[row.number - 1]] = False
        return "skip"

    try:
        table = csv.read_csv(
            pa.BufferReader(pa.py_buffer(data)),
            read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=_BLOCK),
            parse_options=csv.ParseOptions(
                delimiter=layout.delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), null_values=[]),
        )
    except pa.ArrowInvalid:
        return None
    return table.rename_columns(layout.names)


def _parsed(line: Line, layout: CsvLayout) -> Record:
    return next(iter(csv_rows([line], layout)))
