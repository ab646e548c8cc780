"""Stretches of a file -> one table of texts for the engine, from parsed records or straight from Arrow."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa

from governance.batches import BATCH_BYTES, BATCH_RECORDS, Rejection, chunks, reject
from governance.engines.duckdb import Engine, literal
from governance.mapped.cells import TEXTS_OF
from governance.records import LogFile, Record, parquet_tables, records, text_of
from governance.records.streams import CutShortError

_RAW = "mapped_raw"
_AS_IS = (str, type(None))
_NUMBERS = (Decimal, int)  # not bool, which is of another type


class Origin(NamedTuple):
    """Where a record stands in its file, and its bytes."""

    number: int
    offset: int | None
    raw: bytes


class Chunk(ABC):
    """A stretch of a file.

    Attributes:
        records: How many records it holds, readable or not.
        readable: How many of them can be read.
        names: Columns that they have.
        rejected: Those that cannot be read.
    """

    records: int
    readable: int
    names: list[str]
    rejected: Sequence[Rejection] = ()

    def load(self, engine: Engine, cells: Mapping[str, str], nulls: Sequence[str], seen: Counter[str] | None) -> None:
        """Makes the relation of texts: `row_no`, `derived_id`, `nul_removed` and a column for each cell.

        Args:
            engine: Where.
            cells: Column of the table -> column of the texts.
            nulls: Texts that mean nothing was logged.
            seen: Digests of the records before, to tell equal ones apart; None where the log has ids of its own.
        """
        relation, columns = self._load(engine, cells)
        derived = "''"
        if seen is not None:
            ids = derived_ids(self._digests(engine), seen)
            engine.register("mapped_ids", pa.table({"row_no": self._numbers(), "id": pa.array(ids, pa.string())}))
            derived, relation = "ids.id", f"{relation} JOIN mapped_ids ids USING (row_no)"
        nul = " OR ".join(f"contains({sql}, chr(0))" for sql in columns.values()) or "false"
        texts = ", ".join(f"{_cleaned(sql, nulls)} AS {cell}" for cell, sql in columns.items())
        engine.execute(
            f"CREATE OR REPLACE TEMP VIEW {TEXTS_OF} AS SELECT row_no, {derived} AS derived_id, "
            f"coalesce({nul}, false) AS nul_removed{', ' if texts else ''}{texts} FROM {relation}"
        )

    def unload(self, engine: Engine) -> None:
        """Forgets it."""
        engine.execute(f"DROP VIEW IF EXISTS {TEXTS_OF}")
        for name in (_RAW, "mapped_ids"):
            engine.unregister(name)

    @abstractmethod
    def sources(self, engine: Engine, numbers: Sequence[int]) -> dict[int, Origin]:
        """Record number -> where it came from."""

    @abstractmethod
    def _load(self, engine: Engine, cells: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """A relation with `row_no`, and the SQL of each cell's text in it."""

    @abstractmethod
    def _digests(self, engine: Engine) -> list[str]:
        """Digest of the content of each readable record."""

    @abstractmethod
    def _numbers(self) -> pa.Array:
        """Numbers of the readable records."""


def _cleaned(sql: str, nulls: Sequence[str]) -> str:
    text = f"replace({sql}, chr(0), '')"
    return f"CASE WHEN {text} NOT IN ({', '.join(map(literal, nulls))}) THEN {text} END" if nulls else text


def derived_ids(digests: Iterable[str], seen: Counter[str]) -> list[str]:
    """An id from content and occurrence, so that two people with equal rows stay two and a re-run finds both."""
    ids = []
    for digest in digests:
        seen[digest] += 1
        ids.append(digest if seen[digest] == 1 else f"{digest}-{seen[digest]}")
    return ids


class RecordChunk(Chunk):
    """Parsed records of a text file."""

    def __init__(self, found: Sequence[Record], before: int) -> None:
        self.records = len(found)
        self._readable = [(before + place, record) for place, record in enumerate(found, 1) if record.value is not None]
        self.readable = len(self._readable)
        self.rejected = [
            reject(record, before + place) for place, record in enumerate(found, 1) if record.value is None
        ]
        self.names = _names([record.value for _, record in self._readable if record.value is not None])

    def _load(self, engine: Engine, cells: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        values = [record.value or {} for _, record in self._readable]
        columns = {cell: pa.array(_texts(values, name), pa.string()) for name, cell in cells.items()}
        engine.register(_RAW, pa.table({"row_no": self._numbers(), **columns}))
        return _RAW, {cell: cell for cell in columns}

    def _numbers(self) -> pa.Array:
        return pa.array([number for number, _ in self._readable], pa.int64())

    def unload(self, engine: Engine) -> None:
        """Forgets the records too: the next ones need the room."""
        super().unload(engine)
        self._readable = []

    def _digests(self, engine: Engine) -> list[str]:  # noqa: ARG002 - tables need it
        dump = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=text_of).encode
        return [hashlib.sha256(dump(record.value).encode()).hexdigest()[:32] for _, record in self._readable]

    def sources(self, engine: Engine, numbers: Sequence[int]) -> dict[int, Origin]:  # noqa: ARG002 - tables need it
        """Line, offset and bytes of records."""
        wanted = set(numbers)
        return {
            number: Origin(record.number, record.offset, record.raw)
            for number, record in self._readable
            if number in wanted
        }


def _names(values: Sequence[dict[str, Any]]) -> list[str]:
    """Every key, in order of appearance; in most files all records have the same."""
    found: dict[str, None] = {}
    before: Any = None
    for value in values:
        if value.keys() != before:
            before = value.keys()
            found |= dict.fromkeys(value)
    return list(found)


def _texts(values: list[dict[str, Any]], name: str) -> list[str | None]:
    """The texts of one column."""
    found = [value.get(name) for value in values]
    if "." in name and None in found:
        found = [_inside(value, name) if cell is None else cell for cell, value in zip(found, values, strict=True)]
    return [cell if type(cell) in _AS_IS else str(cell) if type(cell) in _NUMBERS else text_of(cell) for cell in found]


def _inside(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


class TableChunk(Chunk):
    """Rows of a Parquet file, never turned into Python objects."""

    def __init__(self, table: pa.Table, before: int) -> None:
        self.records = self.readable = table.num_rows
        self.names = list(table.column_names)
        self._before = before
        # Positions for names: DuckDB's ignore case
        self._table = table.rename_columns([f"p{place}" for place in range(table.num_columns)]).append_column(
            "row_no", self._numbers()
        )
        self._places = {name: f"p{place}" for place, name in enumerate(self.names)}

    def _numbers(self) -> pa.Array:
        return pa.array(range(self._before + 1, self._before + self.records + 1), pa.int64())

    def _load(self, engine: Engine, cells: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        engine.register(_RAW, self._table)
        return _RAW, {cell: self._text(name) for name, cell in cells.items()}

    def _text(self, name: str) -> str:
        """SQL of a column's text: nested values as JSON, bytes in hex."""
        sql, kind = self._cell(name)
        if kind is None:
            return "CAST(NULL AS VARCHAR)"
        if pa.types.is_nested(kind):
            return f"CASE WHEN {sql} IS NOT NULL THEN CAST(to_json({sql}) AS VARCHAR) END"
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
            return f"lower(hex({sql}))"
        return f"CAST({sql} AS VARCHAR)"

    def _cell(self, name: str) -> tuple[str, pa.DataType | None]:
        if name in self._places:
            return self._places[name], self._table.schema.field(self._places[name]).type
        first, *parts = name.split(".")
        sql = self._places.get(first, "")
        kind = self._table.schema.field(sql).type if sql else None
        for part in parts:
            if kind is None or not pa.types.is_struct(kind) or kind.get_field_index(part) < 0:
                return sql, None
            sql, kind = f"struct_extract({sql}, {literal(part)})", kind.field(part).type
        return sql, kind

    def _json(self) -> str:
        parts = ", ".join(f"{literal(name)}, {place}" for name, place in self._places.items())
        return f"CAST(json_object({parts}) AS VARCHAR)"

    def _digests(self, engine: Engine) -> list[str]:
        rows = engine.rows(f"SELECT left(sha256({self._json()}), 32) FROM {_RAW} ORDER BY row_no")
        return [row[0] for row in rows]

    def sources(self, engine: Engine, numbers: Sequence[int]) -> dict[int, Origin]:
        """Number of rows, and their values as JSON."""
        listed = ", ".join(map(str, numbers))
        rows = engine.rows(f"SELECT row_no, {self._json()} FROM {_RAW} WHERE row_no IN ({listed})")
        return {number: Origin(number, None, raw.encode()) for number, raw in rows}


def chunks_of(log: LogFile) -> Iterator[Chunk]:
    """The stretches of a file, always cut in the same places.

    Raises:
        SourceError: The file cannot be read as a table.
    """
    number = 0
    for chunk in _tables(log) if log.form == "parquet" else _records(log):
        yield chunk
        number += chunk.records


def _records(log: LogFile) -> Iterator[Chunk]:
    number = log.start_record
    for found in chunks(records(log)):
        chunk = RecordChunk(found, number)
        number += len(found)
        found.clear()  # the chunk has what can be read; nobody else may hold it while the next one is read
        yield chunk


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
            if sum(part.num_rows for part in held) >= BATCH_RECORDS or size >= BATCH_BYTES:
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
