"""Records of a known log format -> batches: what a source makes of each, checked and typed."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import pyarrow as pa

from governance import batches
from governance.batches import Batch, Inputs, Rejection, chunks, reject, schema
from governance.input_types import Given, Types, settle, typed_tables
from governance.records import Record, text_of
from governance.sources import Ignored, InputRow, Source, UnreadableError
from governance.tables import CANONICAL, MONEY, OUTCOMES, REQUESTS, TIME, WHOLE, Table

MAX_REASONS, MAX_REASON = 100, 80  # kinds of ignored records that one batch tells apart, and their length
OTHER = "other kinds"
JOINED = "half that was joined with its other half"


def source_batches(
    records: Iterable[Record],
    source: Source,
    known: Types | None = None,
    now: datetime | None = None,
    before: int = 0,
    wanted: Mapping[int, Container[int]] | None = None,
) -> Iterator[Batch]:
    """The batches that a source makes of the records of one file.

    Two records that the source joins (a call and its answer) count as one that is stored and one that is ignored.
    A half that finds no other within 100,000 such halves, or in the file, is read alone.

    Args:
        records: What the file holds.
        source: What it means.
        known: Types of the models' inputs in the store; batches add what they are the first to tell.
        now: When the file is read, for outcomes that do not say when they became known.
        before: How many records of the file stand before these.
        wanted: Line -> which of its records, from 1, are read and counted; all of each line without it.
    """
    reading = _Reading(source, {} if known is None else known, now, before, wanted)
    for chunk in chunks(records):
        yield reading.batch(chunk)
    if reading.waiting:
        yield reading.rest()


class _Part(NamedTuple):
    """One record of a line.

    Attributes:
        line: The line.
        item: Which of its records, from 1.
        number: Its number in the file, from 1.
    """

    line: Record
    item: int
    number: int


class _Item(NamedTuple):
    """A record that a source has split off.

    Attributes:
        parts: What it was read from; two where it was joined.
        content: What it says.
    """

    parts: tuple[_Part, ...]
    content: Any

    @property
    def number(self) -> int:
        """Its number in the file, from 1."""
        return self.parts[0].number


class _Reading:
    """One file while a source reads it."""

    def __init__(
        self,
        source: Source,
        known: Types,
        now: datetime | None,
        before: int,
        wanted: Mapping[int, Container[int]] | None,
    ) -> None:
        self.waiting: dict[str, _Item] = {}
        self._source = source
        self._known = known
        self._now = now
        self._wanted = wanted
        self._number = before
        self._start()

    def _start(self) -> None:
        self._batch = Batch()
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._given: list[Given] = []
        self._items: dict[int, _Item] = {}

    def batch(self, chunk: list[Record]) -> Batch:
        """What a stretch of the file becomes."""
        for record in chunk:
            if record.value is None:
                self._number += 1
                self._batch.records += 1
                self._batch.rejected.append(reject(record, self._number))
                continue
            for item, content in enumerate(self._source.split(record.value), 1):
                if self._wanted is None or item in self._wanted[record.number]:
                    self._number += 1
                    self._offer(_Item((_Part(record, item, self._number),), content))
        while len(self.waiting) > batches.BATCH_RECORDS:
            self._take(self.waiting.pop(next(iter(self.waiting))))
        return self._finished()

    def rest(self) -> Batch:
        """What the halves become that have found no other."""
        for item in self.waiting.values():
            self._take(item)
        self.waiting = {}
        return self._finished()

    def _offer(self, new: _Item) -> None:
        key = self._source.key(new.content)
        if key is None:
            self._take(new)
            return
        old = self.waiting.pop(key, None)
        joined = None if old is None else self._source.join(old.content, new.content)
        if old is not None and joined is not None:
            self._take(_Item(old.parts + new.parts, joined))
            return
        if old is not None:
            self._take(old)
        self.waiting[key] = new

    def _take(self, item: _Item) -> None:
        self._batch.records += len(item.parts)
        try:
            made = self._source.rows(item.content)
            if isinstance(made, Ignored):
                self._ignore(made.reason, len(item.parts))
                return
            converted = {name: [self._row(row, name, item) for row in found] for name, found in made.tables.items()}
        except UnreadableError as error:
            self._batch.rejected += _rejections(item, error.reason, error.detail)
            return
        except RecursionError:  # JSON text inside a record may nest deeper than the record itself may
            self._batch.rejected += _rejections(item, "too_deep", "JSON text inside the record nests too deeply")
            return
        self._batch.ignored[JOINED] += len(item.parts) - 1
        for name, found in converted.items():
            self._rows.setdefault(name, []).extend(found)
        for model, inputs in made.features.items():
            self._items[item.number] = item
            self._given += [_given(row, model, item.number) for row in inputs]

    def _ignore(self, reason: str, count: int) -> None:
        """Counts by reason; a reason may hold a stranger's word, of which the ledger holds only so many."""
        is_known = reason in self._batch.ignored or len(self._batch.ignored) < MAX_REASONS
        self._batch.ignored[reason[:MAX_REASON] if is_known else OTHER] += count

    def _row(self, row: dict[str, Any], table: str, item: _Item) -> dict[str, Any]:
        known = {"known_ts": self._now} if table == OUTCOMES.name and row.get("known_ts") is None else {}
        return _checked(row | known, CANONICAL[table]) | {"row_no": item.number, "is_conflict": False}

    def _finished(self) -> Batch:
        settled = settle(self._given, self._known)
        for number, (reason, detail) in settled.misfits.items():
            self._batch.ignored[JOINED] -= len(self._items[number].parts) - 1
            self._batch.rejected += _rejections(self._items[number], reason, detail)
        for request in self._rows.get(REQUESTS.name, ()):
            if request["row_no"] in settled.nonfinite:
                request["quality_flags"] = sorted({*(request["quality_flags"] or ()), "nonfinite"})
        fitting = [item for item in self._given if item.row_no not in settled.misfits]
        batch = self._batch
        batch.rejected.sort(key=lambda rejection: rejection.number)
        batch.ignored = +batch.ignored
        batch.types = settled.types
        batch.features = [Inputs(model, rows) for model, rows in typed_tables(fitting, self._known)]
        kept = {
            name: [row for row in found if row["row_no"] not in settled.misfits] for name, found in self._rows.items()
        }
        batch.tables = {name: _table(name, found) for name, found in kept.items() if found}
        self._start()
        return batch


def _given(row: InputRow, model: str, number: int) -> Given:
    texts = {
        name: None if value is None else text_of(value).replace("\0", "") or None for name, value in row.values.items()
    }
    return Given(number, row.decision_id, row.decision_ts, model, row.version, texts)


def _rejections(item: _Item, reason: str, detail: str) -> list[Rejection]:
    return [
        Rejection(part.line.number, part.line.offset, part.line.raw, reason, detail, part.number, part.item)
        for part in item.parts
    ]


def _checked(row: dict[str, Any], table: Table) -> dict[str, Any]:
    """The row, if its values fit the table; a source's mistake about a stranger's record must not stop a file."""
    required, limited = _rules(table)
    for name in required:
        if row.get(name) is None:
            raise UnreadableError("missing_value", f"{name} is missing")
    for name, value in row.items():
        kind = limited.get(name) if value is not None else None
        if kind == WHOLE and not -(2**63) <= value < 2**63:
            raise UnreadableError("out_of_range", f"{name} is {value}")
        if kind == MONEY and abs(value) >= Decimal(10) ** 6:
            raise UnreadableError("out_of_range", f"{name} is {value}, more than a request can cost")
        if kind == TIME and not 1971 <= value.year <= 2200:  # noqa: PLR2004 - a wrong unit, not a time
            raise UnreadableError("bad_time", f"{name} is {value.isoformat()}")
    return row


@cache
def _rules(table: Table) -> tuple[list[str], dict[str, str]]:
    """The columns that a row must have, and the types of those whose values have limits."""
    given_later = ("file_sha256", "row_no", "is_conflict")
    required = [column.name for column in table.columns if column.required and column.name not in given_later]
    return required, {column.name: column.type for column in table.columns if column.type in (WHOLE, MONEY, TIME)}


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
