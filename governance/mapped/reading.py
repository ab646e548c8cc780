"""A file -> chunks, always cut in the same places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pyarrow as pa

from governance import batches
from governance.batches import chunks
from governance.engines.duckdb import Engine
from governance.mapped.chunks import Chunk, RecordChunk, TableChunk
from governance.mapped.lines import LinesReader
from governance.mapped.rows import rows_chunk
from governance.mapped.scans import Wanted
from governance.records import (
    CsvLayout,
    LogFile,
    Record,
    csv_records,
    csv_rows,
    json_lines,
    layout_of,
    parquet_tables,
    records,
    text_stretches,
)
from governance.records.record import Line
from governance.records.streams import CutShortError
from governance.records.stretches import Rest, Stretch

_PACKED = 8  # bytes of a log that a compressed one stands for, more or less


def chunks_of(log: LogFile, engine: Engine, wanted: Wanted, run_bytes: int = 0) -> Iterator[Chunk]:
    """The chunks of a file.

    Args:
        log: The file.
        engine: Reads what it can read.
        wanted: What is read of its records.
        run_bytes: Of all files that are read in this run.

    Raises:
        SourceError: The file cannot be read as a table.
    """
    if log.form == "parquet":
        return _tables(log)
    if log.form == "jsonl":
        return _lines(log, engine, wanted, run_bytes)
    layout = layout_of(log)
    return _rows(log, layout) if layout else _records(records(log), log.start_record)


def _records(found: Iterator[Record], before: int, *, is_by_bytes: bool = False) -> Iterator[Chunk]:
    number = before
    for part in chunks(found):
        chunk = RecordChunk(part, number, is_by_bytes=is_by_bytes)
        number += len(part)
        part.clear()  # the chunk has what can be read; nobody else may hold it while the next one is read
        yield chunk


def _lines(log: LogFile, engine: Engine, wanted: Wanted, run_bytes: int) -> Iterator[Chunk]:
    reader = LinesReader(engine, wanted, max(log.bytes, run_bytes) * (_PACKED if log.compression else 1))
    number = log.start_record
    for part in text_stretches(log, batches.BATCH_RECORDS):
        if isinstance(part, Rest):
            yield from _records(json_lines(part.found), number, is_by_bytes=True)
        else:
            chunk = reader.chunk(part, number)
            number += chunk.records
            yield chunk


def _rows(log: LogFile, layout: CsvLayout) -> Iterator[Chunk]:
    number = log.start_record
    has_header = not log.start_byte
    parts = text_stretches(log, batches.BATCH_RECORDS, has_header=has_header)
    for part in parts:
        chunk = None if isinstance(part, Rest) else rows_chunk(part, layout, number, has_header=has_header)
        if chunk is None:  # one row may be all that follows: from here on nothing is cut
            left = chain.from_iterable(_given(each) for each in chain([part], parts))
            found = csv_records(left, log.name) if has_header else csv_rows(left, layout)
            yield from _records(found, number)
            return
        number += chunk.records
        has_header = False
        yield chunk


def _given(part: Stretch | Rest) -> Iterator[Line]:
    return part.found if isinstance(part, Rest) else part.given()


def _tables(log: LogFile) -> Iterator[Chunk]:
    number, size = 0, 0
    held: list[pa.Table] = []
    problem: Record | None = None

    def joined() -> Chunk:
        return TableChunk(pa.concat_tables(held), number)

    try:
        for table in parquet_tables(log.path, log.name, log.bytes, log.meter):
            held.append(table)
            size += table.nbytes
            if sum(part.num_rows for part in held) >= batches.BATCH_RECORDS or size >= batches.BATCH_BYTES:
                chunk = joined()
                held, size = [], 0
                yield chunk
                number += chunk.records
    except CutShortError as error:
        problem = Record(0, None, b"", None, error.reason, error.detail)
    if held:
        chunk = joined()
        yield chunk
        number += chunk.records
    if problem:
        yield RecordChunk([problem._replace(number=number + 1)], number)
