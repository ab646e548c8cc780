"""A batch -> files that wait for the ledger: what is kept, where it lies, and how it is found again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance.batches import Batch, schema
from governance.engines.duckdb import Engine
from governance.identities.deduplication import Fate, Fates
from governance.identities.held_halves import completed_rows, half_rows
from governance.identities.indexing import ALONE, alone_index_rows, index_rows, side_index_rows
from governance.identities.key_filters import filter_of
from governance.identities.side_rows import resolve
from governance.identities.told_by_events import has_events
from governance.proof.ledger import StagedFile
from governance.storage.segments import COMPLETED, HALVES, INDEX, OF_HALVES, SIDE_INDEX
from governance.storage.store import Snapshot, Store
from governance.tables import CANONICAL, FEATURES, QUARANTINE, REQUESTS, SIDE_TABLES, STANDALONE


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that a batch was read from.

    Attributes:
        sha256: Digest of its bytes.
        name: How it is shown.
        source: Log format or mapping.
        number: Number of the batch in the file, from 0.
        identity: Digest of the file and of how it was read.
        now: When it is read.
    """

    sha256: str
    name: str
    source: str
    number: int
    identity: str
    now: datetime


@dataclass(slots=True)
class Staging:
    """One batch while its files are written.

    Attributes:
        store: Where to.
        snapshot: What is in it.
        engine: Any.
        batch: What was read; its tables are taken out as they are written.
        met: What was stored before.
        origin: Where it was read.
        keep_payloads: Whether bodies are stored.
        first: Earliest time of what was stored.
        last: Latest time.
    """

    store: Store
    snapshot: Snapshot
    engine: Engine
    batch: Batch
    met: Fates
    origin: Origin
    keep_payloads: bool
    first: datetime | None = None
    last: datetime | None = None
    _kept: dict[str, pa.Table] = field(default_factory=dict)
    _left_out: dict[str, int] = field(default_factory=dict)
    _is_alone: bool = False  # whether what belongs to requests came without them

    @property
    def stored(self) -> int:
        """Of how many records something was stored."""
        first, *others = [kept.column("row_no").to_numpy() for kept in self._kept.values()] or [np.empty(0, np.int64)]
        if (first[1:] > first[:-1]).all() and all(np.array_equal(first, other) for other in others):
            return len(first)  # one row of each table for each record: nearly all logs
        return len(np.unique(np.concatenate([first, *others])))

    def files(self) -> list[StagedFile]:
        """Every file of the batch, written under a temporary name."""
        return [*self._tables(), *self._features(), *self._index(), *self._halves(), *self._quarantine()]

    @property
    def conflicts(self) -> int:
        """How many records came again with other content."""
        return sum(1 for fate in self.met.requests.values() if fate is Fate.CONFLICT)

    def counts(self) -> dict[str, int]:
        """The six counts of the batch; each record is in exactly one of four of them."""
        records, quarantined, ignored = self.batch.records, len(self.batch.rejected), self.batch.ignored.total()
        duplicates = records - self.stored - quarantined - ignored
        if duplicates < 0:
            message = f"{records} records, but {records - duplicates} accounted for"
            raise AssertionError(message)
        return {
            "records": records,
            "stored": self.stored,
            "duplicates": duplicates,
            "conflicts": self.conflicts,
            "quarantined": quarantined,
            "ignored": ignored,
        }

    def _tables(self) -> Iterator[StagedFile]:
        self._is_alone = REQUESTS.name not in self.batch.tables
        for name in tuple(self.batch.tables):
            kept = self._finished(self._new(name, rows := self.batch.tables.pop(name)))
            self._left_out[name] = rows.num_rows - kept.num_rows
            del rows  # the next batch is being made, and needs the room
            if kept.num_rows == 0:
                continue
            facts = self._facts(name, kept)
            if name in SIDE_TABLES:
                kept = resolve(self.engine, self.snapshot, kept)
            self._kept[name] = kept
            self._widen(kept.column(CANONICAL[name].time))
            yield from self.store.stage_days(CANONICAL[name], kept, facts=facts)

    def _facts(self, name: str, kept: pa.Table) -> dict[str, Any]:
        """What the ledger says of the files of a table, beside their days and rows."""
        if name in SIDE_TABLES:
            return {"indexed": True, "identified": True}
        if name in ALONE and self._alone(kept).num_rows:
            return {"alone": True}
        is_half = name in OF_HALVES and any(half.kept is not None for half in self.batch.lone)
        return {"provisional": True} if is_half or (name == REQUESTS.name and has_events(kept)) else {}

    def _alone(self, rows: pa.Table) -> pa.Table:
        """Of rows that belong to requests, those that came without them."""
        if self._is_alone or not self.batch.alone:
            return rows if self._is_alone else rows.slice(0, 0)
        return rows.filter(pc.is_in(rows.column("row_no"), value_set=pa.array(sorted(self.batch.alone), pa.int64())))

    def _new(self, name: str, rows: pa.Table) -> pa.Table:
        """The rows that are not duplicates; bodies only where the workspace keeps them."""
        if name == "payloads" and not self.keep_payloads:
            rows = rows.set_column(rows.column_names.index("body"), "body", pa.nulls(rows.num_rows, pa.string()))
        if name in self.met.rows:
            is_new = np.ones(rows.num_rows, bool)
            is_new[list(self.met.rows[name])] = False
            return rows.filter(pa.array(is_new))
        if name in (*SIDE_TABLES, *STANDALONE, *self.met.side):
            known = self.met.side.get(name)
            return _without(rows, known) if known else rows
        return self._by_request(rows)

    def _by_request(self, rows: pa.Table) -> pa.Table:
        """The rows whose request is no duplicate, those of a conflict marked."""
        fates = self.met.requests
        if not fates:
            return rows
        conflicts = pa.array([number for number, fate in fates.items() if fate is Fate.CONFLICT], pa.int64())
        marks = pc.is_in(rows.column("row_no"), value_set=conflicts)
        rows = rows.set_column(rows.column_names.index("is_conflict"), "is_conflict", marks)
        return _without(rows, {number for number, fate in fates.items() if fate is Fate.DUPLICATE})

    def _finished(self, rows: pa.Table) -> pa.Table:
        numbers = pa.array(np.zeros(rows.num_rows, np.int32))  # a text in each row would take as much as all the others
        digest = pa.DictionaryArray.from_arrays(numbers, pa.array([self.origin.sha256]))
        return self._marked(rows.set_column(rows.column_names.index("file_sha256"), "file_sha256", digest))

    def _marked(self, rows: pa.Table) -> pa.Table:
        """The rows as those of this batch: a file that is read by another mapping may bring rows that are in already.

        The ledger names no file twice, and a file has the name of its bytes.
        """
        return rows.replace_schema_metadata({"batch": f"{self.origin.identity}:{self.origin.number}"})

    def _widen(self, times: pa.ChunkedArray) -> None:
        bounds = pc.min_max(times).as_py()
        self.first = min(self.first or bounds["min"], bounds["min"])
        self.last = max(self.last or bounds["max"], bounds["max"])

    def _features(self) -> Iterator[StagedFile]:
        """A folder for each model and set of typed columns."""
        for inputs in self.batch.features:
            kept = self._finished(self._by_request(inputs.rows))
            if kept.num_rows:
                folder = model_folder(FEATURES.name, inputs.model, kept)
                yield from self.store.stage_days(FEATURES, kept, folder=folder, facts={"model": inputs.model})

    def _index(self) -> Iterator[StagedFile]:
        if REQUESTS.name in self._kept:
            yield stage_index(self.store, INDEX, self._marked(index_rows(self._kept, self.engine, self._keys())))
        alone = [self._alone(self._kept[name]) for name in ALONE if name in self._kept]
        if any(rows.num_rows for rows in alone):
            yield stage_index(self.store, INDEX, self._marked(alone_index_rows(alone)))
        if any(name in SIDE_TABLES for name in self._kept):
            rows = self._marked(side_index_rows(self._kept))
            yield stage_index(self.store, SIDE_INDEX, rows, {"identified": True})

    def _halves(self) -> Iterator[StagedFile]:
        """What is kept of halves that were stored alone, and which stored halves are completed."""
        if not (self.batch.lone or self.batch.completes) or REQUESTS.name not in self._kept:
            return
        requests = self._kept[REQUESTS.name]
        counting = requests.filter(pc.invert(requests.column("is_conflict")))
        numbers = set(counting.column("row_no").to_pylist())
        if lone := [half for half in self.batch.lone if half.number in numbers]:
            yield stage_index(self.store, HALVES, half_rows(self.origin.source, lone, self.origin.sha256))
        if done := {number: half for number, half in self.batch.completes.items() if number in numbers}:
            yield stage_index(self.store, COMPLETED, completed_rows(counting, done))

    def _keys(self) -> npt.NDArray[np.uint64] | None:
        """The keys of the requests, if none of them was left out."""
        return None if self._left_out[REQUESTS.name] else self.met.keys

    def _quarantine(self) -> Iterator[StagedFile]:
        """The file of what could not be read."""
        origin = self.origin
        rows: list[Mapping[str, Any]] = [
            {
                "quarantine_id": f"{origin.identity}:{origin.number}:{place}",
                "ingested_ts": origin.now,
                "source": origin.source,
                "file": origin.name,
                "line": rejection.number,
                "item": rejection.item,
                "byte_offset": rejection.offset,
                "reason": rejection.reason,
                "detail": rejection.detail,
                "raw": rejection.raw,
                "file_sha256": origin.sha256,
                "row_no": rejection.row_no or rejection.number,
            }
            for place, rejection in enumerate(self.batch.rejected, 1)
        ]
        if rows:
            yield from self.store.stage_days(QUARANTINE, pa.Table.from_pylist(rows, schema=schema(QUARANTINE)))


def stage_index(store: Store, table: str, rows: pa.Table, facts: dict[str, Any] | None = None) -> StagedFile:
    """Writes rows of an index, sorted by their `key`, with the filter of their keys."""
    keys = filter_of(rows.column("key").to_numpy())
    return store.stage_table(table, rows, folder=table, facts=facts or {}, key_filter=keys)


def _without(rows: pa.Table, numbers: set[int]) -> pa.Table:
    """The rows of all records but some; column by column, which takes half as long as a whole table."""
    kept = pc.invert(pc.is_in(rows.column("row_no"), value_set=pa.array(sorted(numbers), pa.int64())))
    count = pc.sum(kept).as_py() or 0
    return pa.table(
        [
            pa.nulls(count, column.type) if column.null_count == rows.num_rows else column.filter(kept)
            for column in rows.columns
        ],
        schema=rows.schema,
    )


def model_folder(table: str, model: str, rows: pa.Table) -> str:
    """Folder of a model's wide rows; names from logs are hashed, they are never paths."""
    kinds = {field.name: field.type for field in rows.schema}
    plain = {name: kind.value_type if pa.types.is_dictionary(kind) else kind for name, kind in kinds.items()}
    shape = ",".join(f"{name}:{kind}" for name, kind in plain.items())
    model_hash = hashlib.sha256(model.encode()).hexdigest()[:16]
    return f"{table}/model={model_hash}/schema={hashlib.sha256(shape.encode()).hexdigest()[:16]}"
