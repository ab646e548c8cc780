"""Lines that were in quarantine and were read again: what of them can be read now, and under which numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from governance import batches
from governance.batches import Batch, Inputs
from governance.identities.deduplication import Fates
from governance.records import Record


@dataclass(frozen=True, slots=True)
class Line:
    """One line or element of a file, of which one or several records are in quarantine.

    Attributes:
        batch: Digest of the file and of how it was read, and the number of the batch.
        records: Those records, without their bytes, in the order of the line.
    """

    batch: tuple[str, int]
    records: list[dict[str, Any]]

    @property
    def id(self) -> str:
        """Under which its bytes are found."""
        return str(self.records[0]["quarantine_id"])

    @property
    def number(self) -> int:
        """Its number in the file."""
        return int(self.records[0]["line"])

    @property
    def items(self) -> list[int]:
        """Which of its records are meant, from 1."""
        return [known["item"] or 1 for known in self.records]

    def record(self, raw: bytes) -> Record:
        """The record that it was taken for, with its bytes."""
        known = self.records[0]
        return Record(known["line"], known["byte_offset"], raw, None, known["reason"], known["detail"])


def lines_of(rows: Sequence[dict[str, Any]]) -> list[Line]:
    """The lines that records in quarantine came from, by batch and in the order of the file."""
    found: dict[tuple[tuple[str, int], int], Line] = {}
    for row in sorted(rows, key=lambda row: row["row_no"]):
        identity, number, _ = row["quarantine_id"].split(":")
        batch = (identity, int(number))
        found.setdefault((batch, row["line"]), Line(batch, [])).records.append(row)
    return [found[key] for key in sorted(found)]


def parts_of(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """The lines in lists that fit in memory."""
    part: list[Line] = []
    size = 0
    for line in lines:
        part.append(line)
        size += line.records[0]["bytes"] or 0
        if len(part) == batches.BATCH_RECORDS or size >= batches.BATCH_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def merged(parts: Sequence[Batch]) -> Batch:
    """One batch of several that were read one after the other."""
    whole = Batch()
    for batch in parts:
        whole.records += batch.records
        whole.rejected += batch.rejected
        whole.ignored += batch.ignored
        whole.features += batch.features
        whole.lone += batch.lone
        whole.completes |= batch.completes
        for model, versions in batch.types.items():
            for version, types in versions.items():
                whole.types.setdefault(model, {}).setdefault(version, {}).update(types)
        for name, rows in batch.tables.items():
            before = whole.tables.get(name)
            whole.tables[name] = rows if before is None else pa.concat_tables([before, rows])
    return whole


class Attempt:
    """Lines that were read again, and what can be read of them now.

    Args:
        lines: The lines, in the order in which they were read.
        unread: Places of the lines of which nothing could be split into records, from 0.
        batch: What was read.

    Attributes:
        released: Ids that leave quarantine, and why their records could not be read before.
        left: Why the others still cannot be read.
    """

    def __init__(self, lines: Sequence[Line], unread: Container[int], batch: Batch) -> None:
        self.batch = batch
        self.released: dict[str, str] = {}
        self.left: Counter[str] = Counter()
        self._row_nos: dict[int, int] = {}
        rejected = {rejection.row_no: rejection.reason for rejection in batch.rejected}
        number = 0
        for place, line in enumerate(lines):
            if place in unread:
                number += 1
                self.left[rejected[number]] += len(line.records)
                continue
            for known in line.records:
                number += 1
                self._row_nos[number] = known["row_no"]
                if number in rejected:
                    self.left[rejected[number]] += 1
                else:
                    self.released[known["quarantine_id"]] = known["reason"]

    def renumbered(self, met: Fates) -> tuple[Batch, Fates]:
        """The batch without what cannot be read, and what was met before, under the numbers of the file."""
        numbers = self._row_nos
        fates = Fates(
            {numbers[number]: fate for number, fate in met.requests.items()},
            {table: {numbers[number] for number in known} for table, known in met.side.items()},
            met.rows,
        )
        tables = {name: _renumbered(rows, numbers) for name, rows in self.batch.tables.items()}
        features = [Inputs(inputs.model, _renumbered(inputs.rows, numbers)) for inputs in self.batch.features]
        batch = replace(self.batch, tables=tables, features=features, rejected=[])
        batch.lone = [half._replace(number=numbers[half.number]) for half in batch.lone]
        batch.alone = {numbers[number] for number in batch.alone}
        batch.completes = {numbers[number]: half for number, half in batch.completes.items()}
        return batch, fates


def _renumbered(rows: pa.Table, numbers: Mapping[int, int]) -> pa.Table:
    column = pa.array([numbers[number] for number in rows.column("row_no").to_pylist()], pa.int64())
    return rows.set_column(rows.column_names.index("row_no"), "row_no", column)
