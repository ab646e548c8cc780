"""Stretches of a file -> one table of texts for the engine, from parsed records or straight from Arrow."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple

import pyarrow as pa

from governance.batches import Rejection, reject
from governance.engines.duckdb import Engine, literal
from governance.records import Record, text_of

_RAW = "mapped_raw"
_AS_IS = (str, type(None))


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

    @abstractmethod
    def texts(
        self, engine: Engine, cells: Mapping[str, str], nulls: Sequence[str], seen: Counter[str] | None
    ) -> pa.Table:
        """The readable records as texts: `row_no`, `derived_id`, `nul_removed` and a column for each cell.

        Args:
            engine: Where.
            cells: Column of the table -> column of the texts.
            nulls: Texts that mean nothing was logged.
            seen: Digests of the records before, to tell equal ones apart; None where the log has ids of its own.
        """

    @abstractmethod
    def sources(self, engine: Engine, numbers: Sequence[int]) -> dict[int, Origin]:
        """Record number -> where it came from."""

    @abstractmethod
    def forget(self) -> None:
        """Frees what was read: the next stretch needs the room."""


class _Relation(Chunk):
    """A chunk whose texts the engine makes of a relation."""

    def texts(
        self, engine: Engine, cells: Mapping[str, str], nulls: Sequence[str], seen: Counter[str] | None
    ) -> pa.Table:
        """The readable records as texts; see `Chunk.texts`."""
        relation, columns = self._load(engine, cells)
        nul = " OR ".join(f"contains({sql}, chr(0))" for sql in columns.values()) or "false"
        texts = "".join(f", {_cleaned(sql, nulls)} AS {cell}" for cell, sql in columns.items())
        derived = [] if seen is None else derived_ids(self.digests(engine), seen)
        found = engine.arrow(f"SELECT row_no, coalesce({nul}, false) AS nul_removed{texts} FROM {relation}")
        engine.unregister(_RAW)
        return found.append_column("derived_id", pa.array(derived, pa.string())) if seen is not None else found

    @abstractmethod
    def _load(self, engine: Engine, cells: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """A relation with `row_no`, and the SQL of each cell's text in it."""

    @abstractmethod
    def digests(self, engine: Engine) -> list[str]:
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


class RecordChunk(_Relation):
    """Parsed records of a text file.

    Args:
        found: The records.
        before: How many come before.
        is_by_bytes: Whether their content is told by their bytes, which JSON Lines have for each record.
        places: Number of each after those, if they do not follow one another.
    """

    def __init__(
        self,
        found: Sequence[Record],
        before: int,
        *,
        is_by_bytes: bool = False,
        places: Sequence[int] | None = None,
    ) -> None:
        self._is_by_bytes = is_by_bytes
        self.records = len(found)
        numbered = [
            (before + place, record) for place, record in zip(places or range(1, len(found) + 1), found, strict=True)
        ]
        self._readable = [(number, record) for number, record in numbered if record.value is not None]
        self.readable = len(self._readable)
        self.rejected = [reject(record, number) for number, record in numbered if record.value is None]
        self.names = _names([record.value for _, record in self._readable if record.value is not None])

    def _load(self, engine: Engine, cells: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        values = [record.value or {} for _, record in self._readable]
        columns = {cell: pa.array(texts_of(values, name), pa.string()) for name, cell in cells.items()}
        engine.register(_RAW, pa.table({"row_no": self._numbers(), **columns}))
        return _RAW, {cell: cell for cell in columns}

    def _numbers(self) -> pa.Array:
        return pa.array([number for number, _ in self._readable], pa.int64())

    def forget(self) -> None:
        """Frees the records."""
        self._readable = []

    def digests(self, engine: Engine) -> list[str]:  # noqa: ARG002 - tables need it
        """Of the bytes, or of the cells as JSON with its keys in their order."""
        if self._is_by_bytes:
            return [digest_of(record.raw) for _, record in self._readable]
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


def digest_of(raw: bytes) -> str:
    """The content of a line, as a derived id needs it."""
    return hashlib.sha256(raw.strip()).hexdigest()[:32]


def _names(values: Sequence[dict[str, Any]]) -> list[str]:
    """Every key, in order of appearance; in most files all records have the same."""
    found: dict[str, None] = {}
    before: Any = None
    for value in values:
        if value.keys() != before:
            before = value.keys()
            found |= dict.fromkeys(value)
    return list(found)


def texts_of(values: list[dict[str, Any]], name: str) -> list[str | None]:
    """The texts of one column."""
    found = [value.get(name) for value in values]
    if "." in name and None in found:
        found = [_inside(value, name) if cell is None else cell for cell, value in zip(found, values, strict=True)]
    return [cell if type(cell) in _AS_IS else cell_text(cell) for cell in found]


def cell_text(cell: Any) -> str:
    """A number as the engine writes it, unless a double would lose a digit; then as it was written."""
    if type(cell) is Decimal:
        double = float(cell)
        return repr(double) if isfinite(double) and Decimal(repr(double)) == cell else str(cell)
    return str(cell) if type(cell) is int else text_of(cell)


def _inside(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


class TableChunk(_Relation):
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

    def digests(self, engine: Engine) -> list[str]:
        """Of the cells as JSON."""
        rows = engine.rows(f"SELECT left(sha256({self._json()}), 32) FROM {_RAW} ORDER BY row_no")
        return [row[0] for row in rows]

    def forget(self) -> None:
        """Frees the rows."""
        self._table = self._table.schema.empty_table()  # a slice would keep it

    def sources(self, engine: Engine, numbers: Sequence[int]) -> dict[int, Origin]:
        """Number of rows, and their values as JSON."""
        listed = ", ".join(map(str, numbers))
        engine.register(_RAW, self._table)
        rows = engine.rows(f"SELECT row_no, {self._json()} FROM {_RAW} WHERE row_no IN ({listed})")
        engine.unregister(_RAW)
        return {number: Origin(number, None, raw.encode()) for number, raw in rows}
