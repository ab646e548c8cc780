"""Log files -> tables and ledger: every record is stored, a duplicate, quarantined or ignored, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeAlias

from governance.arrivals.arrived import Arrived, identity
from governance.arrivals.growth import Stretch, outgrown, stretch
from governance.arrivals.intake import Distant, Format, Intake, Known, Memory, opened, read_format
from governance.arrivals.manifest import Manifest
from governance.balances import COUNTS, FileReport, Outcome
from governance.batches import Batch, ahead
from governance.engines.duckdb import Engine
from governance.halves import LATE, Halves, halves_across
from governance.identities.deduplication import Fate, fates
from governance.identities.held_halves import HeldHalves
from governance.identities.known_keys import KnownKeys
from governance.identities.told_by_events import settled
from governance.mapped import Types, mapped_batches
from governance.mapping import Mapping
from governance.moments import stamp
from governance.patterns.files import source_records
from governance.plausibility import doubted
from governance.prices.book import PriceBook
from governance.prices.tables import price_book, priced
from governance.progress import Observer, Stage, Tally, ignore
from governance.proof.ledger import Entry, Writer
from governance.records import layout_of
from governance.sourced import source_batches
from governance.sources import Source
from governance.staging import Origin, Staging, model_folder
from governance.storage.store import BLOBS, Snapshot, Store
from governance.workspace import Workspace

__all__ = ["COUNTS", "FileReport", "Ingestion", "ingest", "model_folder"]

Ingestion: TypeAlias = Outcome[FileReport]
"""What became of all files, and the ledger afterwards."""


def ingest(
    workspace: Workspace,
    paths: Sequence[str],
    *,
    now: datetime,
    source: str | None = None,
    mapping: Path | None = None,
    stdin: IO[bytes] | None = None,
    store: Store | None = None,
    observe: Observer = ignore,
) -> Ingestion:
    """Reads files into the store; an interrupted run is taken up where it ended.

    Args:
        workspace: Where to.
        paths: Files, folders (their files in order of name), patterns, addresses of object stores, or `-` for stdin.
        now: When; timezone-aware.
        source: Name of the format, instead of recognising it.
        mapping: Mapping file of a user's own table.
        stdin: What `-` stands for.
        store: Where to, instead of the workspace's own store.
        observe: Told how far it has come, once for each file and each batch that is in.

    Raises:
        NotFoundError: A path or the mapping is missing.
        SourceError: A file is empty, is not what its name says, or of no known format. Nothing is stored then.
        PolicyError: The mapping has mistakes.
        BusyError: Another process is writing.
    """
    form = read_format(source, mapping)
    store = store or Store(workspace.store)
    cache = store.root / "cache"
    memory = Memory(cache, Arrived(store.snapshot().entries), Manifest(cache / "manifest.json"), now)
    with (
        opened(paths, form, stdin, memory, observe) as intakes,
        store.writing(workspace.key, now) as writer,
        Engine(store.spill) as engine,
        Engine(store.spill) as reader,
    ):
        memory.manifest.save()
        tally = Tally(observe, Stage.READING, [intake.bytes for intake in intakes])
        snapshot = store.snapshot()
        arrived = Arrived(snapshot.entries)
        run = _Run(store, writer, workspace, form, now, engine, reader, snapshot, price_book(snapshot), tally, arrived)
        run.look_across(intakes)
        reports = tuple(run.read(intake) for intake in intakes)
    checkpoint = store.ledger.checkpoint()
    return Outcome(reports, checkpoint.size, checkpoint.root)


@dataclass(slots=True)
class _Run:
    """One call of `ingest` that holds the lock."""

    store: Store
    writer: Writer
    workspace: Workspace
    form: Format
    now: datetime
    engine: Engine
    reader: Engine  # makes the next batch while the other one is at work
    snapshot: Snapshot
    prices: PriceBook
    tally: Tally
    arrived: Arrived
    halves: dict[str, Halves] = field(default_factory=dict)
    held: dict[str, HeldHalves] = field(default_factory=dict)
    bytes: int = 0  # of all files that are read
    known: KnownKeys = field(default_factory=KnownKeys)

    def look_across(self, intakes: Sequence[Intake | Known | Distant]) -> None:
        """Sums the files up, and finds halves of records that lie in several of them.

        Of a file that is in, if only in part, none are looked for.
        """
        self.bytes = sum(file.bytes for file in intakes if not isinstance(file, Known))
        files = [
            (file.log, file.form)
            for file in intakes
            if isinstance(file, Intake) and isinstance(file.form, Source)
            if not self.arrived.batches(identity(file.log.sha256, file.form.name, self.form.mapping_sha256))
        ]
        self.halves = halves_across(files, {form.name: self._held(form.name) for _, form in files})

    def read(self, arrival: Intake | Known | Distant) -> FileReport:
        self.tally.begin(arrival.name)
        if isinstance(arrival, Known):
            return self._counted(arrival.name, arrival.entry)
        if isinstance(arrival, Distant):
            with arrival.fetched(lambda done: self.tally.advance(done, 0)) as intake:
                return self._read(intake)
        return self._read(arrival)

    def _read(self, intake: Intake) -> FileReport:
        identified = identity(intake.log.sha256, intake.source, self.form.mapping_sha256)
        if (before := self.arrived.whole(identified)) is not None:
            return self._counted(intake.log.name, before)
        part = stretch(intake.log, intake.form, intake.source, self.form.mapping_sha256, self.arrived, self.snapshot)
        intake = replace(intake, log=part.log)
        report = FileReport(intake.log.name, intake.source, intake.log.start_byte)
        committed = list(self.arrived.batches(identified))
        self.tally.resume(sum(entry.facts["counts"]["records"] for entry in committed))
        number = 0
        with closing(self._batches(intake)) as batches:
            for batch in batches:
                if number < len(committed):
                    report.add_again(committed[number])
                else:
                    self._publish(intake, batch, number, identified, report, part)
                del batch
                number += 1
                self.tally.advance(intake.read_bytes, report.records)
        self._finish(intake, report, identified, part)
        self._add_retries(identified, report)
        return report

    def _counted(self, name: str, entry: Entry) -> FileReport:
        """The report of a file that is in."""
        report = FileReport(name, entry.facts["source"])
        for part in self.arrived.parts(entry):
            report.add_again(part)
            self._add_retries(str(part.facts["batch"]), report)
        self.tally.resume(report.records)
        return report

    def _add_retries(self, identified: str, report: FileReport) -> None:
        """Counts what has left quarantine since."""
        for entry in self.arrived.retries(identified):
            report.add_again(entry)
        report.reasons = +report.reasons

    def _batches(self, intake: Intake) -> Generator[Batch, None, None]:
        known = known_types(self.snapshot)
        if isinstance(intake.form, Mapping):
            return ahead(mapped_batches(intake.log, intake.form, self.reader, known, self.bytes))
        log, others = intake.log, self.halves.get(intake.log.sha256)
        form = intake.form.within(log.name)
        return source_batches(
            source_records(log, form.meaning if form.has_meanings else None),
            form,
            known,
            self.now,
            log.start_record,
            others=others,
            held=self._held(intake.source),
        )

    def _held(self, source: str) -> HeldHalves:
        return self.held.setdefault(source, HeldHalves(self.reader, lambda: self.snapshot, source))

    def _publish(
        self, intake: Intake, batch: Batch, number: int, identified: str, report: FileReport, part: Stretch
    ) -> None:
        origin = Origin(intake.log.sha256, intake.log.name, intake.source, number, identified, self.now)
        batch = settled(self.engine, self.snapshot, batch, self.known)
        met = fates(self.engine, self.snapshot, batch, self.known)
        made = priced(doubted(batch, self.now), self.prices)  # after what was met: neither is part of what a log says
        if made.tables is not batch.tables:
            batch.tables.clear()  # the next batch is being made, and needs the room
        stage = Staging(self.store, self.snapshot, self.engine, made, met, origin, self.workspace.keep_payloads)
        staged = stage.files()
        self.engine.forget()
        counts = stage.counts()
        if self.form.mapping_path is not None and not (self.store.root / BLOBS / self.form.mapping_sha256).exists():
            staged.append(self.store.stage_blob(self.form.mapping_path.read_bytes(), {"blob": "mapping"}))
        late = sum(1 for half in batch.lone if met.requests.get(half.number) is Fate.CONFLICT)
        reasons = Counter(rejection.reason for rejection in made.rejected) + made.ignored + Counter({LATE: late})
        first, last = (None if moment is None else stamp(moment) for moment in (stage.first, stage.last))
        facts: dict[str, Any] = {
            "batch": identified,
            "number": number,
            "file": intake.log.name,
            "file_sha256": intake.log.sha256,
            "source": intake.source,
            "mapping_sha256": self.form.mapping_sha256,
            "counts": counts,
            "reasons": dict(reasons),
            "types": made.types,
            "first": first,
            "last": last,
            **intake.facts(),
            **part.facts(),
        }
        if made.rejected:  # what it takes to read them again, without the file
            layout = layout_of(intake.log)
            facts |= {"form": intake.log.form} | ({"csv": layout.facts()} if layout else {})
        self._commit("ingest", facts, staged)
        self.known.add(met.keys, [file.named for file in staged])
        report.add(counts, reasons)
        report.widen(first, last)
        report.segments += len(staged)

    def _finish(self, intake: Intake, report: FileReport, identified: str, part: Stretch) -> None:
        """Says in the ledger that the file is in, with its balance; a re-run stops there."""
        log = intake.log
        facts: dict[str, Any] = (
            {
                "batch": identified,
                "file": log.name,
                "file_sha256": log.sha256,
                "bytes": log.bytes,
                "source": report.source,
                "mapping_sha256": self.form.mapping_sha256,
                "counts": report.counts(),
                "reasons": dict(report.reasons),
                "first": report.first,
                "last": report.last,
            }
            | intake.facts()
            | part.facts()
        )
        keeps_raw = self.workspace.keep_raw and not self.snapshot.blob(log.sha256).exists()
        raw = [self.store.stage_blob(log.path.read_bytes(), {"blob": "raw", "file": log.name})] if keeps_raw else []
        for left in outgrown(part, self.arrived, self.store, self.snapshot):
            self._commit("retry", left.facts, [left.ids])
        self._commit("file", facts, raw)

    def _commit(self, kind: str, facts: dict[str, Any], staged: list[Any]) -> None:
        entry = self.writer.commit(kind, facts, staged, at=stamp(self.now))
        self.arrived.add(entry)
        self.snapshot = self.snapshot.grown(entry, self.store.ledger.checkpoint())


def known_types(snapshot: Snapshot) -> Types:
    """The types of the models' inputs in the store."""
    found: Types = {}
    for entry in snapshot.of_kind("ingest", "retry"):
        for model, versions in entry.facts.get("types", {}).items():
            for version, types in versions.items():
                found.setdefault(model, {}).setdefault(version, {}).update(types)
    return found
