"""Quarantine, read again: what today's sources or another mapping can read is stored as if it had been read at once.

1. The bytes are those that quarantine kept; the file that they came from need not be there any more.
2. What is stored says the file and the number of the record that it came from, so that duplicates and evidence hold.
3. An entry of the kind `retry` names what is stored and, in the same commit, the ids that have left quarantine with it.
   What still cannot be read stays where it is. So a retry that was killed is taken up by the next, and one that
   releases nothing writes nothing.
4. Its counts are differences: added to those of the file, records = stored + duplicates + quarantined + ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa

from governance.arrivals.intake import Format, read_format
from governance.balances import Outcome
from governance.engines.duckdb import Engine
from governance.envelopes import contents
from governance.errors import NotFoundError, SourceError
from governance.extensions import sources
from governance.identities.deduplication import fates
from governance.identities.held_halves import HeldHalves
from governance.identities.known_keys import KnownKeys
from governance.identities.told_by_events import settled
from governance.ingestion import known_types
from governance.mapped import mapped_batch, refuse_missing
from governance.mapping import Mapping, read_mapping
from governance.moments import stamp
from governance.plausibility import doubted
from governance.prices.tables import price_book, priced
from governance.proof.ledger import Writer
from governance.quarantine.held import Selection, quarantined, raw_of
from governance.quarantine.rereading import Attempt, Line, lines_of, merged, parts_of
from governance.records import CsvLayout, Record, read_again
from governance.sourced import source_batches
from governance.sources import Source
from governance.staging import Origin, Staging
from governance.storage.segments import RELEASED
from governance.storage.store import BLOBS, Snapshot, Store
from governance.workspace import Workspace

OTHER_SOURCE = "other_source"


@dataclass(slots=True)
class FileRetrial:
    """What became of the selected records of one file; retried = stored + duplicates + ignored + quarantined."""

    file: str
    file_sha256: str
    source: str
    retried: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    ignored: int = 0
    quarantined: int = 0
    reasons: Counter[str] = field(default_factory=Counter)  # of what stays in quarantine, as of today


Retrial: TypeAlias = Outcome[FileRetrial]
"""What became of all selected records, and the ledger afterwards."""


def retry(
    workspace: Workspace,
    selection: Selection,
    *,
    now: datetime,
    source: str | None = None,
    mapping: Path | None = None,
) -> Retrial:
    """Reads records in quarantine again; an interrupted run is taken up where it ended.

    Args:
        workspace: Whose store.
        selection: Which records.
        now: When; timezone-aware.
        source: Name of a format, instead of how they were read before.
        mapping: Mapping file, instead of the one by which they were read before.

    Raises:
        NotFoundError: An id, a file or the mapping is missing.
        SourceError: The source is not known, or the mapping names a column that a table does not have.
        PolicyError: The mapping has mistakes.
        BusyError: Another process is writing.
    """
    form = read_format(source, mapping)
    store = Store(workspace.store)
    with store.writing(workspace.key, now) as writer, Engine(store.spill) as engine:
        run = _Run(store, writer, workspace, form, now, engine, store.snapshot())
        lines = lines_of(quarantined(run.snapshot, engine, selection))
        groups = [list(own) for _, own in groupby(lines, key=lambda line: line.batch)]
        readings = [run.reading(own[0]) for own in groups]  # mistakes are found before anything is stored
        reports: dict[str, FileRetrial] = {}
        for own, reading in zip(groups, readings, strict=True):
            run.retry(own, reading, reports)
    checkpoint = store.ledger.checkpoint()
    return Outcome(tuple(reports.values()), checkpoint.size, checkpoint.root)


class _Reading(NamedTuple):
    """How the lines of one batch of a file are read.

    Attributes:
        facts: What the ledger says of the batch.
        reader: What reads them now.
        digest: Of the mapping, empty without one.
        layout: What the header of a CSV file said.
    """

    facts: dict[str, Any]
    reader: Source | Mapping
    digest: str
    layout: CsvLayout | None


@dataclass(slots=True)
class _Run:
    """One call of `retry` that holds the lock."""

    store: Store
    writer: Writer
    workspace: Workspace
    form: Format
    now: datetime
    engine: Engine
    snapshot: Snapshot
    known: KnownKeys = field(default_factory=KnownKeys)

    def reading(self, line: Line) -> _Reading:
        """How the lines of a batch are read."""
        facts = self._origin(line)
        reader, digest = self._reader(facts)
        layout = CsvLayout(**facts["csv"]) if "csv" in facts else None
        if isinstance(reader, Mapping) and layout:
            refuse_missing(reader, layout.names, facts["file"])
        return _Reading(facts, reader, digest, layout)

    def retry(self, lines: Sequence[Line], reading: _Reading, reports: dict[str, FileRetrial]) -> None:
        """Reads the lines of one batch of a file, and adds to its report."""
        facts = reading.facts
        blank = FileRetrial(facts["file"], facts["file_sha256"], facts["source"])
        report = reports.setdefault(facts["batch"], blank)
        for part in parts_of(lines):
            self._publish(self._attempt(part, reading), reading, report)

    def _origin(self, line: Line) -> dict[str, Any]:
        """What the ledger says of the batch that a line came with."""
        wanted = list(line.batch)
        for entry in self.snapshot.of_kind("ingest"):
            if [entry.facts["batch"], entry.facts["number"]] == wanted:
                return entry.facts
        raise NotFoundError("no entry of the ledger names the batch of this record", where=line.id)

    def _reader(self, facts: dict[str, Any]) -> tuple[Source | Mapping, str]:
        """What reads the records now, and the digest of its mapping: as the user said, else as before."""
        if self.form.mapping is not None:
            return self.form.mapping, self.form.mapping_sha256
        if self.form.source is None and facts["mapping_sha256"]:
            return read_mapping(self.snapshot.blob(facts["mapping_sha256"]))
        name = self.form.source or facts["source"]
        if name not in sources():
            raise SourceError(f"no source is called '{name}' any more", where=facts["file"], hint="give --source NAME")
        return sources()[name], ""

    def _attempt(self, lines: Sequence[Line], reading: _Reading) -> Attempt:
        """What today's source or mapping makes of the lines."""
        facts, reader = reading.facts, reading.reader
        raw = raw_of(self.engine, [line.id for line in lines])
        found = [read_again(line.record(raw[line.id]), reading.layout) for line in lines]
        found = [_told_apart(*pair, reader, facts["source"]) for pair in zip(lines, found, strict=True)]
        unread = {place for place, record in enumerate(found) if record.value is None}
        known = known_types(self.snapshot)
        if isinstance(reader, Mapping):
            with Engine(self.store.spill) as engine:
                given = self._given_ids(facts["file_sha256"], reader)
                is_by_bytes = facts["form"] == "jsonl"
                batch = mapped_batch(found, reader, engine, known, given, is_by_bytes=is_by_bytes)
                return Attempt(lines, unread, batch)
        wanted = {line.number: line.items for line in lines}
        held = HeldHalves(self.engine, lambda: self.snapshot, facts["source"])
        own = source_batches(found, reader.within(facts["file"]), known, self.now, wanted=wanted, held=held)
        return Attempt(lines, unread, merged(list(own)))

    def _given_ids(self, sha256: str, mapping: Mapping) -> Counter[str]:
        """How often each id that a mapping derived from content was given in a file."""
        with Engine(self.store.spill) as engine:
            self.snapshot.attach(engine, ["requests"])
            rows = engine.rows(
                "SELECT request_id FROM requests "
                "WHERE file_sha256 = $sha256 AND source = $source AND id_origin = 'content_hash'",
                {"sha256": sha256, "source": mapping.source},
            )
        return Counter(row[0].partition("-")[0] for row in rows)

    def _publish(self, attempt: Attempt, reading: _Reading, report: FileRetrial) -> None:
        """Stores what can be read and lets it out of quarantine, in one commit."""
        facts, digest = reading.facts, reading.digest
        report.retried += len(attempt.released) + attempt.left.total()
        report.quarantined += attempt.left.total()
        report.reasons += attempt.left
        if not attempt.released:
            return
        origin = Origin(facts["file_sha256"], facts["file"], facts["source"], facts["number"], facts["batch"], self.now)
        with Engine(self.store.spill) as engine:
            attempt.batch = settled(engine, self.snapshot, attempt.batch, self.known)
            met = fates(engine, self.snapshot, attempt.batch, self.known)
            batch, met = attempt.renumbered(met)
            batch = priced(doubted(batch, self.now), price_book(self.snapshot))
            stage = Staging(self.store, self.snapshot, engine, batch, met, origin, self.workspace.keep_payloads)
            staged = stage.files()
        ids = pa.table({"quarantine_id": sorted(attempt.released)})
        staged.append(self.store.stage_table(RELEASED, ids, folder=RELEASED, facts={}))
        if self.form.mapping_path is not None and not (self.store.root / BLOBS / digest).exists():
            staged.append(self.store.stage_blob(self.form.mapping_path.read_bytes(), {"blob": "mapping"}))
        counts, reasons = _differences(attempt, stage)
        own = {name: facts[name] for name in ("batch", "file", "file_sha256", "source")}
        own |= {"mapping_sha256": digest, "counts": counts, "reasons": reasons, "types": batch.types}
        own |= {"released": len(ids)}
        entry = self.writer.commit("retry", own, staged, at=stamp(self.now))
        self.snapshot = self.snapshot.grown(entry, self.store.ledger.checkpoint())
        for name in ("stored", "duplicates", "conflicts", "ignored"):
            setattr(report, name, getattr(report, name) + counts[name])


def _told_apart(line: Line, record: Record, reader: Source | Mapping, before: str) -> Record:
    """The line, if the records that are meant can be told from the others in it."""
    if record.value is None:
        return record
    name = reader.source if isinstance(reader, Mapping) else reader.name
    items = 1 if isinstance(reader, Mapping) else sum(1 for _ in contents(record.value, reader))
    if items == 1 == len(line.items) or (name == before and items >= max(line.items)):
        return record
    detail = f"{items} records for {name}; which of them were in quarantine cannot be told"
    return record._replace(value=None, reason=OTHER_SOURCE, detail=detail)


def _differences(attempt: Attempt, stage: Staging) -> tuple[dict[str, int], dict[str, int]]:
    """What a retry adds to the counts of its file, and to the reasons."""
    released, stored, ignored = len(attempt.released), stage.stored, attempt.batch.ignored.total()
    counts = {
        "records": 0,
        "stored": stored,
        "duplicates": released - stored - ignored,
        "conflicts": stage.conflicts,
        "quarantined": -released,
        "ignored": ignored,
    }
    if counts["duplicates"] < 0:
        message = f"{released} records, but {stored + ignored} accounted for"
        raise AssertionError(message)
    reasons = Counter(attempt.batch.ignored)
    reasons.subtract(attempt.released.values())
    return counts, {reason: count for reason, count in reasons.items() if count}
