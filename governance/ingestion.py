"""Log files -> tables and ledger: every record is stored, a duplicate, quarantined or ignored, and counted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance.batches import Batch, schema, source_batches
from governance.deduplication import Fate, Fates, fates
from governance.engines.duckdb import Engine
from governance.errors import SourceError
from governance.extensions import sources
from governance.findings import stamp
from governance.ledger import StagedFile, Writer
from governance.mapped import mapped_batches
from governance.mapping import Mapping, read_mapping
from governance.records import LogFile, open_log, records
from governance.sources import Source
from governance.store import BLOBS, INDEX, Snapshot, Store
from governance.tables import CANONICAL, DECISIONS, FEATURES, QUARANTINE, REQUESTS, SIDE_TABLES
from governance.workspace import Workspace


@dataclass(slots=True)
class FileReport:
    """What became of the records of one file; records = stored + duplicates + quarantined + ignored."""

    path: str
    source: str
    records: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    quarantined: int = 0
    ignored: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    segments: int = 0
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True, slots=True)
class Ingestion:
    """What became of all files, and the ledger afterwards."""

    files: tuple[FileReport, ...]
    ledger_size: int
    ledger_root: str

    def total(self, count: str) -> int:
        """The sum of one count over the files."""
        return sum(getattr(report, count) for report in self.files)


def ingest(
    workspace: Workspace,
    paths: Sequence[str],
    *,
    now: datetime,
    source: str | None = None,
    mapping: Path | None = None,
) -> Ingestion:
    """Reads files into the store, each whole or not at all.

    Args:
        workspace: Where to.
        paths: Files, folders (their files in order of name), or `-` for standard input.
        now: When; timezone-aware.
        source: Name of the format, instead of recognising it.
        mapping: Mapping file of a user's own table.

    Raises:
        NotFoundError: A path or the mapping is missing.
        SourceError: A file is empty, is not what its name says, or of no known format.
        PolicyError: The mapping has mistakes.
        BusyError: Another process is writing.
    """
    reader = _Reading(source, mapping)
    logs = [reader.open(path) for path in expand(paths)]
    store = Store(workspace.store)
    with store.writing(workspace.key, now) as writer:
        reports = tuple(_file(store, writer, workspace, log, reader, now) for log in logs)
    checkpoint = store.ledger.checkpoint()
    return Ingestion(reports, checkpoint.size, checkpoint.root)


def expand(paths: Sequence[str]) -> list[Path]:
    """The files that paths name: folders give their files, hidden ones left out, in order of name."""
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
            if not inside:
                raise SourceError("the folder holds no files", where=str(path))
            found += inside
        else:
            found.append(path)
    return found


@dataclass
class _Reading:
    """How the files of one call are read."""

    source: str | None
    mapping_path: Path | None
    mapping: Mapping | None = None
    mapping_sha256: str = ""
    _opened: dict[str, Source | Mapping] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mapping_path is not None:
            self.mapping, self.mapping_sha256 = read_mapping(self.mapping_path)

    def open(self, path: Path) -> LogFile:
        """The file, once its format is settled: nothing is written before every file has one."""
        log = open_log(path)
        self._opened[log.name] = self.mapping or self._recognise(log)
        return log

    def format(self, log: LogFile) -> Source | Mapping:
        """The format of a file that was opened."""
        return self._opened[log.name]

    def _recognise(self, log: LogFile) -> Source:
        known = sources()
        if self.source is not None:
            if self.source not in known:
                raise SourceError(
                    f"no source is called '{self.source}'", where="--source", hint=f"known are {', '.join(known)}"
                )
            return known[self.source]
        for record in records(log):
            if record.value is None:
                continue
            for candidate in known.values():
                if candidate.recognises(record.value):
                    return candidate
            break
        raise SourceError(
            "the format of this file is not recognised",
            where=log.name,
            hint="give --mapping FILE for a table of your own, or --source NAME (`governance sources` lists them)",
        )


def _file(
    store: Store, writer: Writer, workspace: Workspace, log: LogFile, reading: _Reading, now: datetime
) -> FileReport:
    form = reading.format(log)
    name = form.source if isinstance(form, Mapping) else form.name
    report = FileReport(log.name, name)
    identity = hashlib.sha256(f"{log.sha256}|{name}|{reading.mapping_sha256}".encode()).hexdigest()
    if _ingested_before(store.snapshot(), identity, report):
        return report
    with Engine(store.spill) as engine:
        for number, batch in enumerate(_batches(log, form, engine)):
            facts = {"batch": identity, "number": number, "file": log.name, "file_sha256": log.sha256, "source": name}
            _publish(
                store,
                writer,
                workspace,
                batch,
                report,
                facts | {"mapping_sha256": reading.mapping_sha256},
                now,
                reading,
            )
    _finish(store, writer, workspace, log, report, identity, now)
    return report


def _batches(log: LogFile, form: Source | Mapping, engine: Engine) -> Iterator[Batch]:
    if isinstance(form, Mapping):
        return mapped_batches(records(log), form, engine, strict_columns=log.form in ("csv", "parquet"), where=log.name)
    return source_batches(records(log), form)


def _ingested_before(snapshot: Snapshot, identity: str, report: FileReport) -> bool:
    """Whether these very bytes were read in the same way; then every stored record is a duplicate."""
    for entry in snapshot.of_kind("file"):
        if entry.facts["batch"] == identity:
            counts = entry.facts["counts"]
            report.records = counts["records"]
            report.duplicates = counts["stored"] + counts["duplicates"]
            report.quarantined, report.ignored = counts["quarantined"], counts["ignored"]
            report.reasons.update(entry.facts["reasons"])
            report.first, report.last = entry.facts["first"], entry.facts["last"]
            return True
    return False


def _publish(
    store: Store,
    writer: Writer,
    workspace: Workspace,
    batch: Batch,
    report: FileReport,
    facts: dict[str, Any],
    now: datetime,
    reading: _Reading,
) -> None:
    snapshot = store.snapshot()
    earlier = _number_committed(snapshot, str(facts["batch"]))
    if int(facts["number"]) < earlier:
        _replay(snapshot, facts, report)
        return
    counts, staged = _stage(store, snapshot, workspace, batch, facts, now, report)
    if reading.mapping_path is not None and not (store.root / BLOBS / reading.mapping_sha256).exists():
        staged.append(store.stage_blob(reading.mapping_path.read_bytes(), {"blob": "mapping"}))
    _add(report, counts, batch)
    report.segments += len(staged)
    reasons = dict(Counter(rejection.reason for rejection in batch.rejected) + batch.ignored)
    entry = facts | {"counts": counts, "reasons": reasons}
    writer.commit("ingest", entry, staged, at=stamp(now))


def _number_committed(snapshot: Snapshot, identity: str) -> int:
    return sum(1 for entry in snapshot.of_kind("ingest") if entry.facts["batch"] == identity)


def _replay(snapshot: Snapshot, facts: dict[str, Any], report: FileReport) -> None:
    """Counts a batch that an interrupted run had committed already: its records are duplicates now."""
    for entry in snapshot.of_kind("ingest"):
        if entry.facts["batch"] == facts["batch"] and entry.facts["number"] == facts["number"]:
            counts = entry.facts["counts"]
            report.records += counts["records"]
            report.duplicates += counts["stored"] + counts["duplicates"]
            report.quarantined += counts["quarantined"]
            report.ignored += counts["ignored"]
            report.reasons.update(entry.facts["reasons"])


def _add(report: FileReport, counts: dict[str, int], batch: Batch) -> None:
    for name in ("records", "stored", "duplicates", "conflicts", "quarantined", "ignored"):
        setattr(report, name, getattr(report, name) + counts[name])
    report.reasons.update(rejection.reason for rejection in batch.rejected)
    report.reasons.update(batch.ignored)
    balance = counts["stored"] + counts["duplicates"] + counts["quarantined"] + counts["ignored"]
    if counts["records"] != balance:
        message = f"{counts['records']} records, but {balance} accounted for in {report.path}"
        raise AssertionError(message)


def _stage(
    store: Store,
    snapshot: Snapshot,
    workspace: Workspace,
    batch: Batch,
    facts: dict[str, Any],
    now: datetime,
    report: FileReport,
) -> tuple[dict[str, int], list[StagedFile]]:
    with Engine(store.spill) as engine:
        snapshot.attach(engine)
        stage = _Staging(store, engine, batch, fates(engine, snapshot, batch), workspace, str(facts["file_sha256"]))
        staged = [*stage.tables(), *stage.features(), *stage.index(), *stage.quarantine(facts, now)]
    if stage.first is not None:
        first, last = stamp(stage.first), stamp(stage.last or stage.first)
        report.first, report.last = min(report.first or first, first), max(report.last or last, last)
    conflicts = sum(1 for fate in stage.fates.requests.values() if fate is Fate.CONFLICT)
    quarantined, ignored = len(batch.rejected), batch.ignored.total()
    counts = {
        "records": batch.records,
        "stored": len(stage.stored),
        "duplicates": batch.records - len(stage.stored) - quarantined - ignored,
        "conflicts": conflicts,
        "quarantined": quarantined,
        "ignored": ignored,
    }
    return counts, staged


class _Staging:
    """One batch while its files are written: what is kept, where it lies, and how it is found again."""

    def __init__(
        self, store: Store, engine: Engine, batch: Batch, met: Fates, workspace: Workspace, file_sha256: str
    ) -> None:
        self.store = store
        self.engine = engine
        self.batch = batch
        self.fates = met
        self.workspace = workspace
        self.file_sha256 = file_sha256
        self.stored: set[int] = set()
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.requests: pa.Table | None = None
        self.decisions: pa.Table | None = None

    def tables(self) -> Iterator[StagedFile]:
        """The files of the canonical tables."""
        for name, rows in self.batch.tables.items():
            kept = self._finished(self._kept(name, rows))
            if kept.num_rows == 0:
                continue
            if name in SIDE_TABLES:
                kept = self._resolved(kept)
            if name in (REQUESTS.name, DECISIONS.name):
                setattr(self, name, kept)
            self.stored.update(kept.column("row_no").to_pylist())
            self._widen(kept.column(CANONICAL[name].time))
            yield from self.store.stage_days(CANONICAL[name], kept)

    def _kept(self, name: str, rows: pa.Table) -> pa.Table:
        """The rows that are not duplicates; bodies only where the workspace keeps them."""
        numbers = rows.column("row_no").to_pylist()
        if name in SIDE_TABLES:
            known = self.fates.side.get(name, set())
            return rows.filter(pa.array([number not in known for number in numbers], pa.bool_())) if known else rows
        if name == "payloads" and not self.workspace.keep_payloads:
            rows = rows.set_column(rows.column_names.index("body"), "body", pa.nulls(rows.num_rows, pa.string()))
        return self._by_request(rows, numbers)

    def _by_request(self, rows: pa.Table, numbers: list[int]) -> pa.Table:
        """The rows whose request is no duplicate, those of a conflict marked."""
        met = self.fates.requests
        if not met:
            return rows
        if "is_conflict" in rows.column_names:
            marks = pa.array([met.get(number) is Fate.CONFLICT for number in numbers], pa.bool_())
            rows = rows.set_column(rows.column_names.index("is_conflict"), "is_conflict", marks)
        return rows.filter(pa.array([met.get(number) is not Fate.DUPLICATE for number in numbers], pa.bool_()))

    def _finished(self, rows: pa.Table) -> pa.Table:
        digest = pa.array([self.file_sha256] * rows.num_rows, pa.string())
        return rows.set_column(rows.column_names.index("file_sha256"), "file_sha256", digest)

    def _resolved(self, rows: pa.Table) -> pa.Table:
        """Side rows with the request that they belong to, where it has arrived."""
        if rows.column("request_uid").null_count == 0:
            return rows
        self.engine.register("side_rows", rows)
        found = self.engine.arrow(
            "SELECT s.* REPLACE (coalesce(s.request_uid, i.request_uid, q.request_uid) AS request_uid, "
            "coalesce(s.decision_id, CASE WHEN regexp_matches(s.target_id, '#[0-9]+$') AND q.request_uid IS NOT NULL "
            "THEN s.target_id ELSE coalesce(i.request_uid, q.request_uid) || '#0' END) AS decision_id) "
            "FROM side_rows s LEFT JOIN identities i ON i.id = s.target_id LEFT JOIN "
            "(SELECT DISTINCT request_uid FROM requests) q ON q.request_uid = regexp_replace(s.target_id, '#[0-9]+$', '')"
        )
        self.engine.unregister("side_rows")
        return found.cast(rows.schema)

    def _widen(self, times: pa.ChunkedArray) -> None:
        bounds = pc.min_max(times).as_py()
        self.first = min(self.first or bounds["min"], bounds["min"])
        self.last = max(self.last or bounds["max"], bounds["max"])

    def features(self) -> Iterator[StagedFile]:
        """The files of the models' inputs: a folder for each model and set of typed columns."""
        for model, rows in self.batch.features.items():
            kept = self._finished(self._by_request(rows, rows.column("row_no").to_pylist()))
            if kept.num_rows:
                facts = {"model": model}
                yield from self.store.stage_days(
                    FEATURES, kept, folder=model_folder("features", model, kept), facts=facts
                )

    def index(self) -> Iterator[StagedFile]:
        """One file that finds each id of the batch's requests: id, request, days of its request and decisions."""
        if self.requests is None:
            return
        self.engine.register("stored_requests", self.requests)
        days = "SELECT request_uid, start_ts::DATE::VARCHAR AS last_day FROM stored_requests"
        if self.decisions is not None:
            self.engine.register("stored_decisions", self.decisions)
            days = "SELECT request_uid, max(decision_ts)::DATE::VARCHAR AS last_day FROM stored_decisions GROUP BY ALL"
        rows = self.engine.arrow(
            "SELECT DISTINCT u.id, r.request_uid, r.start_ts::DATE::VARCHAR AS day, "
            "greatest(coalesce(d.last_day, ''), r.start_ts::DATE::VARCHAR) AS last_day "
            "FROM stored_requests r, unnest([request_id, client_request_id, response_id, trace_id]) u(id) "
            f"LEFT JOIN ({days}) d ON d.request_uid = r.request_uid WHERE u.id IS NOT NULL ORDER BY 1, 2"
        )
        yield self.store.stage_table(INDEX, rows, folder=INDEX, facts={})

    def quarantine(self, facts: dict[str, Any], now: datetime) -> Iterator[StagedFile]:
        """The file of what could not be read."""
        if not self.batch.rejected:
            return
        rows = [
            {
                "quarantine_id": f"{self.file_sha256}:{facts['number']}:{place}",
                "ingested_ts": now,
                "source": facts["source"],
                "file": facts["file"],
                "line": rejection.number,
                "byte_offset": rejection.offset,
                "reason": rejection.reason,
                "detail": rejection.detail,
                "raw": rejection.raw,
                "file_sha256": self.file_sha256,
                "row_no": rejection.number,
            }
            for place, rejection in enumerate(self.batch.rejected, 1)
        ]
        table = pa.Table.from_pylist(rows, schema=schema(QUARANTINE))
        yield from self.store.stage_days(QUARANTINE, table)


def model_folder(table: str, model: str, rows: pa.Table) -> str:
    """Folder of a model's wide rows; names from logs are hashed, they are never paths."""
    shape = ",".join(f"{field.name}:{field.type}" for field in rows.schema)
    model_hash = hashlib.sha256(model.encode()).hexdigest()[:16]
    return f"{table}/model={model_hash}/schema={hashlib.sha256(shape.encode()).hexdigest()[:16]}"


def _finish(
    store: Store, writer: Writer, workspace: Workspace, log: LogFile, report: FileReport, identity: str, now: datetime
) -> None:
    """Says in the ledger that the file is in, with its balance; a re-run stops there."""
    counts = {name: getattr(report, name) for name in ("records", "stored", "duplicates", "quarantined", "ignored")}
    facts: dict[str, Any] = {
        "batch": identity,
        "file": log.name,
        "file_sha256": log.sha256,
        "bytes": log.bytes,
        "source": report.source,
        "counts": counts,
        "reasons": dict(report.reasons),
        "first": report.first,
        "last": report.last,
    }
    staged = []
    if workspace.keep_raw and not store.snapshot().blob(log.sha256).exists():
        staged.append(store.stage_blob(log.path.read_bytes(), {"blob": "raw", "file": log.name}))
    writer.commit("file", facts, staged, at=stamp(now))
