"""Stretches of CSV without quotes -> chunks: most rows by Arrow, those of another width by the strict parser.

A quote may hide a delimiter or a line end; where one stands, nobody but the strict parser reads on.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from governance.mapped.chunks import Chunk
from governance.mapped.lines import MAX_DOUBTFUL, LinesChunk
from governance.mapped.scans import Lines, times
from governance.records import CsvLayout, Record, csv_rows
from governance.records.record import Line
from governance.records.stretches import Stretch, count, positions

_RETURN, _NEWLINE = 0x0D, 0x0A
_BLOCK = 16 << 20  # bytes that are parsed at once; a longer line is left to the strict parser


def rows_chunk(stretch: Stretch, layout: CsvLayout, before: int, *, has_header: bool) -> Chunk | None:
    """The chunk of one stretch; None where the strict parser must read it.

    Args:
        stretch: The lines.
        layout: What the header says.
        before: How many records come before.
        has_header: Whether the header is its first line.
    """
    data = stretch.data
    if len(layout.names) == 1 or layout.delimiter == "\t" or _is_odd(data):
        return None  # white space may be a row there
    lines = Lines(stretch).after(int(has_header))
    if len(lines) == 0:
        return None
    start = int(lines.starts[0])
    doubts = times(lines, positions(data[start:], ord(layout.delimiter)) + start) != len(layout.names) - 1
    table = _read(data[start:], layout) if doubts.mean() <= MAX_DOUBTFUL else None
    if table is None or table.num_rows != len(lines) - doubts.sum():
        return None
    return LinesChunk(lines, table, doubts if doubts.any() else None, before, partial(_parsed, layout=layout))


def _is_odd(data: npt.NDArray[np.uint8]) -> bool:
    """Whether there is a quote, the character NUL, or a carriage return where no line ends."""
    if count(data, ord('"')) or count(data, 0):
        return True
    at = positions(data, _RETURN) if count(data, _RETURN) else np.empty(0, np.int64)
    return bool(len(at) and (data[np.minimum(at + 1, len(data) - 1)] != _NEWLINE).any())


def _read(data: npt.NDArray[np.uint8], layout: CsvLayout) -> pa.Table | None:
    """The cells as texts; rows of another width are left out."""
    names = [f"p{place}" for place in range(len(layout.names))]
    try:
        table = csv.read_csv(
            pa.BufferReader(pa.py_buffer(data)),
            read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=_BLOCK),
            parse_options=csv.ParseOptions(
                delimiter=layout.delimiter, quote_char=False, invalid_row_handler=lambda _: "skip"
            ),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), null_values=[]),
        )
    except pa.ArrowInvalid:
        return None  # not UTF-8, or a line longer than a block
    return table.rename_columns(layout.names)


def _parsed(line: Line, layout: CsvLayout) -> Record:
    return next(iter(csv_rows([line], layout)))
