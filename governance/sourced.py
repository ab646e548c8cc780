"""Records of a known log format -> batches: what a source makes of each, checked and typed."""

from __future__ import annotations

from collections.abc import Container, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from governance.batches import Batch, Fill, Inputs, Rejection, nothing_collected, reject
from governance.envelopes import Unread, contents
from governance.formats.row_tables import RowTables, checked
from governance.halves import Halves, Held, NoneHeld
from governance.input_types import Given, Types, settle, typed_tables
from governance.pairing import Item, Pairing, Part
from governance.patterns.readings import RunReading
from governance.patterns.runs import Run
from governance.patterns.spreads import Spreads
from governance.records import Record, json_lines, text_of
from governance.records.record import Line
from governance.sources import Ignored, InputRow, Many, Source, UnreadableError
from governance.tables import CANONICAL, OUTCOMES, PAYLOADS, REQUESTS

MAX_PENDING, MAX_PENDING_BYTES = 1_024, 4 << 20  # records that are parsed and not yet read; more are no quicker
MAX_REASONS, MAX_REASON = 100, 80  # kinds of ignored records that one batch tells apart, and their length
OTHER = "other kinds"
JOINED = "half that was joined with its other half"


def source_batches(
    records: Iterable[Record | Run],
    source: Source,
    known: Types | None = None,
    now: datetime | None = None,
    before: int = 0,
    wanted: Mapping[int, Container[int]] | None = None,
    others: Halves | None = None,
    held: Held | None = None,
) -> Generator[Batch, None, None]:
    """The batches that a source makes of the records of one file.

    Two records that the source joins (a call and its answer) count as one that is stored and one that is ignored.
    A half that finds no other in the file, or before as many others wait as a batch has records, is joined with one
    that lies in another file of the run or in the store, else read alone.

    Args:
        records: What the file holds, see `governance.patterns.files`.
        source: What it means.
        known: Types of the models' inputs in the store; batches add what they are the first to tell.
        now: When the file is read, for outcomes that do not say when they became known.
        before: How many records of the file stand before these.
        wanted: Line -> which of its records, from 1, are read and counted; all of each line without it.
        others: The halves of its records that lie in other files of the run.
        held: Halves of the format that are in the store.
    """
    pairing = Pairing(source, others or {}, held or NoneHeld())
    reading = _Reading(source, {} if known is None else known, now, before, wanted, pairing)
    left = iter(records)
    while not reading.is_done:
        with nothing_collected():
            batch = reading.batch(left)
        yield from _filled(batch, reading.loose())
    if pairing.is_waiting:
        yield from _filled(reading.rest(), reading.loose())


def _filled(*found: Batch | None) -> Iterator[Batch]:
    return (batch for batch in found if batch is not None and batch.records)


class _Reading:
    """One file while a source reads it."""

    def __init__(
        self,
        source: Source,
        known: Types,
        now: datetime | None,
        before: int,
        wanted: Mapping[int, Container[int]] | None,
        pairing: Pairing,
    ) -> None:
        self.is_done = False
        self._pending: list[Item] = []
        self._pending_bytes = 0
        self._source = source
        self._known = known
        self._now = now
        self._wanted = wanted
        self._pairing = pairing
        self._spreads = Spreads(source.meaning, lambda value: source.split(value) if source.recognises(value) else ())
        self._number = before
        self._loose, self._loose_rows = Batch(), RowTables()
        self._start()

    def _start(self) -> None:
        self._batch = Batch()
        self._rows = RowTables()
        self._given: list[Given] = []
        self._items: dict[int, Item] = {}

    def batch(self, records: Iterator[Record | Run]) -> Batch | None:
        """What the next records become, as many as fill a batch; None if there are none."""
        fill = Fill()
        for record in records:  # one after the other: a parsed record takes ten times its bytes
            if isinstance(record, Run):
                self._add_run(record)
                is_full = fill.take(record.sizes) and not fill.records
            else:
                self._add(record)
                is_full = fill.ends_with(record)
            if is_full:
                return self._finished()
        self.is_done = True
        return self._finished() if fill.records else None

    def _add(self, record: Record) -> None:
        if record.value is None:
            self._number += 1
            self._batch.records += 1
            self._batch.rejected.append(reject(record, self._number))
            return
        for place, content in enumerate(contents(record.value, self._source), 1):
            if self._wanted is None or place in self._wanted[record.number]:
                self._number += 1
                item = Item((Part(record, place, self._number),), content)
                if isinstance(content, Unread):
                    self._batch.records += 1
                    self._batch.rejected += _rejections(item, content.reason, content.detail)
                elif (found := self._pairing.offer(item)) is not None:
                    self._keep(found)

    def _add_run(self, run: Run) -> None:
        """Adds lines of which most are read at once; the others are added in their places."""
        found = RunReading(run)
        before = self._number
        for place in found.left:
            self._number = start = before + found.before(place)
            self._add_line(run.line(place))
            found.add(place, self._number - start)
        self._number = before + found.records
        for many, numbers in found.numbered(before):
            self._add_many(many, numbers)

    def _add_line(self, line: Line) -> None:
        found = self._spreads.spread(line)
        if found is None:
            for record in json_lines([line]):
                self._add(record)
            return
        before = self._number
        for places, many in found.read:
            self._add_many(many, [before + place + 1 for place in places])
        for place, content in found.odd.items():
            self._keep(Item((Part(found.record, place + 1, before + place + 1),), content))
        self._number = before + found.records

    def _add_many(self, many: Many, numbers: Sequence[int]) -> None:
        self._batch.records += len(numbers) - len(many.left)
        for ignored in many.ignored.values():
            self._ignore(ignored.reason, 1)
        for part in many.parts:
            self._rows.add_part(part, numbers)

    def rest(self) -> Batch:
        """What the halves become that have found no other."""
        return self._finished(is_end=True)

    def loose(self) -> Batch:
        """Bodies that came without their requests: a batch of their own, which a look-up searches by day."""
        batch, self._loose = self._loose, Batch()
        rows, self._loose_rows = self._loose_rows, RowTables()
        batch.tables = rows.tables(())
        return batch

    def _settle(self, *, is_end: bool) -> None:
        """Takes up halves that waited for others."""
        settled = self._pairing.settle(is_end=is_end)
        self._batch.records += settled.duplicates
        self._batch.lone += settled.lone
        for item in settled.items:
            self._keep(item)

    def _keep(self, item: Item) -> None:
        """Keeps a record until there are enough of them to be read at once."""
        self._pending.append(item)
        self._pending_bytes += len(item.parts[0].line.raw) if item.parts[0].item == 1 else 0
        if len(self._pending) >= MAX_PENDING or self._pending_bytes >= MAX_PENDING_BYTES:
            self._read()

    def _read(self) -> None:
        """Reads the records that were kept: those that look alike together, the others one by one, in their order."""
        items, self._pending, self._pending_bytes = self._pending, [], 0
        many = self._source.many([item.content for item in items])
        for place, item in enumerate(items):
            if place in many.left:
                self._take(item)
                continue
            self._batch.records += len(item.parts)
            if place in many.ignored:
                self._ignore(many.ignored[place].reason, len(item.parts))
            else:
                self._batch.ignored[JOINED] += len(item.parts) - 1
        for part in many.parts:
            self._rows.add_part(part, [item.number for item in items])

    def _take(self, item: Item) -> None:
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
        is_loose = PAYLOADS.name in converted and REQUESTS.name not in converted
        if is_loose:
            self._batch.records -= len(item.parts)
            self._loose.records += len(item.parts)
        rows = self._loose_rows if is_loose else self._rows
        self._batch.ignored[JOINED] += len(item.parts) - 1 + item.is_told
        for name, found in converted.items() if not item.is_told else ():
            rows.add(name, found)
        if item.completes is not None:
            self._batch.completes[item.number] = item.completes
        for model, inputs in made.features.items():
            self._items[item.number] = item.without_content()
            self._given += [_given(row, model, item.number) for row in inputs]

    def _ignore(self, reason: str, count: int) -> None:
        """Counts by reason; a reason may hold a stranger's word, of which the ledger holds only so many."""
        is_known = reason in self._batch.ignored or len(self._batch.ignored) < MAX_REASONS
        self._batch.ignored[reason[:MAX_REASON] if is_known else OTHER] += count

    def _row(self, row: dict[str, Any], table: str, item: Item) -> dict[str, Any]:
        known = {"known_ts": self._now} if table == OUTCOMES.name and row.get("known_ts") is None else {}
        return checked(row | known, CANONICAL[table]) | {"row_no": item.number}

    def _finished(self, *, is_end: bool = False) -> Batch:
        self._settle(is_end=is_end)
        self._read()
        settled = settle(self._given, self._known)
        for number, (reason, detail) in settled.misfits.items():
            self._batch.ignored[JOINED] -= len(self._items[number].parts) - 1 + self._items[number].is_told
            self._batch.rejected += _rejections(self._items[number], reason, detail)
            self._batch.completes.pop(number, None)
        self._rows.flag("nonfinite", settled.nonfinite)
        left_out = settled.misfits.keys() | {number for number, item in self._items.items() if item.is_told}
        fitting = [item for item in self._given if item.row_no not in left_out]
        batch = self._batch
        batch.rejected.sort(key=lambda rejection: rejection.number)
        batch.ignored = +batch.ignored
        batch.types = settled.types
        batch.features = [Inputs(model, rows) for model, rows in typed_tables(fitting, self._known)]
        batch.tables = self._rows.tables(settled.misfits)
        self._start()
        return batch


def _given(row: InputRow, model: str, number: int) -> Given:
    texts = {
        name: None if value is None else text_of(value).replace("\0", "") or None for name, value in row.values.items()
    }
    return Given(number, row.decision_id, row.decision_ts, model, row.version, texts)


def _rejections(item: Item, reason: str, detail: str) -> list[Rejection]:
    return [
        Rejection(part.line.number, part.line.offset, part.line.raw, reason, detail, part.number, part.item)
        for part in item.parts
    ]
