"""Batches: the rows that a stretch of a file becomes, as Arrow tables of canonical columns, before they are stored."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from governance.halves import Waiting
from governance.input_types import Types
from governance.records import Record
from governance.tables import BYTES, FLAG, MONEY, REAL, TAGS, TEXT, TEXTS, TIME, WHOLE, Table

BATCH_RECORDS = 250_000  # chosen here: few enough files per day
BATCH_BYTES = 32 << 20  # chosen here: parsed to Python objects these are some 500 MB at most

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
    """A record that goes to quarantine.

    Attributes:
        number: Line or element in the file, from 1.
        offset: Its first byte in the uncompressed file.
        raw: Its bytes.
        reason: Why, one word.
        detail: Why, exactly.
        row_no: Number among the records of the file, from 1, where that is another.
        item: Which of the records of the line it is, from 1, where a line may hold several.
    """

    number: int
    offset: int | None
    raw: bytes
    reason: str
    detail: str
    row_no: int | None = None
    item: int | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of decisions of one model, typed.

    Attributes:
        model: Its name, empty where the log does not say it.
        rows: One row for each decision, with a `row_no`.
    """

    model: str
    rows: pa.Table


class LoneHalf(NamedTuple):
    """A record that is half of something and came alone.

    Attributes:
        number: Of the record.
        key: What it shares with its other half.
        sha256: Digest of what it says.
        kept: What is kept of it for its other half; None where nothing is needed any more.
    """

    number: int
    key: str
    sha256: str
    kept: str | None


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
        lone: Halves that came alone, those among them that complete a stored one.
        completes: Number of a record -> the stored half that it completes.
        alone: Numbers of records whose rows belong to a request that another record tells of.
    """

    records: int = 0
    tables: dict[str, pa.Table] = field(default_factory=dict)
    features: list[Inputs] = field(default_factory=list)
    types: Types = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    lone: list[LoneHalf] = field(default_factory=list)
    completes: dict[int, Waiting] = field(default_factory=dict)
    alone: set[int] = field(default_factory=set)


def schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table's fixed columns."""
    return pa.schema([pa.field(column.name, _ARROW[column.type]) for column in table.columns])


@dataclass(slots=True)
class Fill:
    """How full a batch is: at most BATCH_RECORDS, ended by the record that fills BATCH_BYTES.

    The same file is always cut in the same places, so that an interrupted run is taken up where it ended.
    """

    records: int = 0
    bytes: int = 0

    def ends_with(self, record: Record) -> bool:
        """Adds a record; whether it is the last one of its batch, in which case the next batch begins."""
        self.records += 1
        self.bytes += len(record.raw)
        is_full = self.is_full
        if is_full:
            self.records = self.bytes = 0
        return is_full

    def take(self, sizes: npt.NDArray[np.int64]) -> int:
        """Adds records as far as the batch takes them; how many that were.

        Args:
            sizes: Bytes of the records that follow, shape (records,), at least one.
        """
        total = np.cumsum(sizes) + self.bytes
        taken = min(int(np.searchsorted(total, BATCH_BYTES)) + 1, BATCH_RECORDS - self.records, len(sizes))
        self.records, self.bytes = self.records + taken, int(total[taken - 1])
        if self.is_full:
            self.records = self.bytes = 0
        return taken

    @property
    def is_full(self) -> bool:
        """Whether the batch ends."""
        return self.records >= BATCH_RECORDS or self.bytes >= BATCH_BYTES


def chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    """The records in lists, one for each batch."""
    chunk: list[Record] = []
    fill = Fill()
    for record in records:
        chunk.append(record)
        if fill.ends_with(record):
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def ahead(batches: Iterator[Batch]) -> Generator[Batch, None, None]:
    """The same batches, each made while the one before is stored; an error is raised where its batch would come.

    Whoever stops early closes this, and waits until the batch that is being made is done.
    """
    with ThreadPoolExecutor(1, "ahead") as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch
            del batch  # its memory is needed for the one after the next


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Keeps Python from looking for cycles among many objects that have none: it takes as long as making them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def reject(record: Record, row_no: int) -> Rejection:
    """The rejection of a record that could not be parsed.

    Args:
        record: The record.
        row_no: Its number among the records of the file, from 1.
    """
    reason, detail = record.reason or "bad_json", record.detail or "it cannot be read"
    return Rejection(record.number, record.offset, record.raw, reason, detail, row_no)
