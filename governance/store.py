"""The store: append-only Parquet files, named by their digests, that exist because a ledger entry names them.

A *snapshot* is the store as of a number of ledger entries. Its views are plain SQL over the files, so that whoever
holds the store can run any stored statement in a bare DuckDB: `views_sql` writes them with relative paths.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.engines.duckdb import Engine, file_list, identifier
from governance.findings import stamp
from governance.ledger import Checkpoint, Entry, Ledger, NamedFile, StagedFile, Writer
from governance.tables import CANONICAL, PER_MODEL, SIDE_TABLES, Table

if TYPE_CHECKING:
    import pyarrow as pa

INDEX = "index"
BLOBS = "blobs"
SPOOL = "spool"


@dataclass(frozen=True, slots=True)
class Segment:
    """One Parquet file of a table."""

    path: str
    sha256: str
    table: str
    rows: int
    day: str | None
    model: str | None
    unresolved: int


@dataclass(frozen=True)
class Snapshot:
    """The store as of a number of ledger entries."""

    root: Path
    entries: tuple[Entry, ...]
    checkpoint: Checkpoint

    @cached_property
    def segments(self) -> dict[str, list[Segment]]:
        """Table (and `index`) -> its files, in ledger order."""
        found: dict[str, list[Segment]] = {}
        for entry in self.entries:
            for file in entry.files:
                table = file.facts.get("table")
                if table is not None:
                    found.setdefault(str(table), []).append(_segment(file, str(table)))
        return found

    def of_kind(self, kind: str) -> list[Entry]:
        """The entries of one kind, oldest first."""
        return [entry for entry in self.entries if entry.kind == kind]

    def models(self, table: str = "features") -> list[str]:
        """Names of the models that have rows in a per-model table."""
        return sorted({segment.model for segment in self.segments.get(table, []) if segment.model is not None})

    def path(self, segment: Segment) -> Path:
        """Where a file lies."""
        return self.root / segment.path

    def blob(self, sha256: str) -> Path:
        """Where a blob lies."""
        return self.root / BLOBS / sha256

    def views(self, prefix: str = "") -> dict[str, str]:
        """Name -> SELECT of every view: one for each canonical table, one for each model's features and attributions.

        Args:
            prefix: Put before each path: the store's folder with a slash, or nothing for paths relative to it.
        """
        found: dict[str, str] = {}
        for table in CANONICAL.values():
            segments = self.segments.get(table.name, [])
            if table.name in PER_MODEL:
                for model in self.models(table.name):
                    own = [segment for segment in segments if segment.model == model]
                    found[f"{table.name}:{model}"] = _select(table, own, prefix)
            elif table.name in SIDE_TABLES and any(segment.unresolved for segment in segments):
                found[table.name] = _resolving(table, segments, prefix)
            else:
                found[table.name] = _select(table, segments, prefix)
        return {"identities": _identities(self.segments.get(INDEX, []), prefix), **found}

    def attach(self, engine: Engine, names: Iterable[str] | None = None) -> None:
        """Creates the views (all, or the named ones) in an engine."""
        views = self.views(f"{self.root}{os.sep}")
        for name in views if names is None else ["identities", *names]:
            if name in views:
                engine.execute(f"CREATE OR REPLACE VIEW {identifier(name)} AS {views[name]}")

    def views_sql(self) -> str:
        """A script that creates the views in a DuckDB started in the store's folder."""
        head = f"-- The store as of {self.checkpoint.size} ledger entries, root {self.checkpoint.root}.\n"
        head += "-- Run it in DuckDB with the store as the current folder.\nSET TimeZone = 'UTC';\n"
        body = [f"CREATE OR REPLACE VIEW {identifier(name)} AS {sql};\n" for name, sql in self.views().items()]
        return head + "".join(body)


def _is_event(content: bytes) -> bool:
    """Whether a file of the spool is one of ours: an object without floats, which a ledger entry cannot hold."""
    try:
        return isinstance(json.loads(content, parse_float=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(text: str) -> None:
    raise ValueError(text)


def _segment(file: NamedFile, table: str) -> Segment:
    facts = file.facts
    return Segment(
        file.path,
        file.sha256,
        table,
        int(facts["rows"]),
        facts.get("day"),
        facts.get("model"),
        int(facts.get("unresolved", 0)),
    )


def _select(table: Table, segments: Sequence[Segment], prefix: str) -> str:
    if not segments:
        nulls = ", ".join(f"CAST(NULL AS {column.type}) AS {column.name}" for column in table.columns)
        return f"SELECT {nulls} WHERE false"
    where = " WHERE NOT is_conflict" if table.column("is_conflict") else ""
    return f"SELECT * FROM {_read(segments, prefix)}{where}"


def _read(segments: Sequence[Segment], prefix: str) -> str:
    files = file_list([prefix + segment.path for segment in segments])
    return f"read_parquet({files}, union_by_name = true, hive_partitioning = false)"


def _identities(segments: Sequence[Segment], prefix: str) -> str:
    """Ids that name exactly one request; an id that several requests share resolves to none of them."""
    if not segments:
        return "SELECT CAST(NULL AS VARCHAR) AS id, CAST(NULL AS VARCHAR) AS request_uid WHERE false"
    read = _read(segments, prefix)
    return (
        f"SELECT id, min(request_uid) AS request_uid FROM {read} GROUP BY id HAVING min(request_uid) = max(request_uid)"
    )


def _resolving(table: Table, segments: Sequence[Segment], prefix: str) -> str:
    """Rows that came before their request find it in the index, each time they are read."""
    late = (
        f"SELECT r.* REPLACE (i.request_uid AS request_uid, i.request_uid || '#0' AS decision_id) "
        f"FROM (SELECT * FROM {_read(segments, prefix)} WHERE request_uid IS NULL) r "
        "LEFT JOIN identities i ON i.id = r.target_id"
    )
    known = f"SELECT * FROM {_read(segments, prefix)} WHERE request_uid IS NOT NULL"
    return f"{known} UNION ALL BY NAME {late}"


class Store:
    """A store folder: reads snapshots, and stages files for the ledger's writer to commit."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ledger = Ledger.open(root)

    def snapshot(self, as_of: int | None = None) -> Snapshot:
        """The store as of a number of ledger entries, or now.

        Raises:
            NotFoundError: The ledger does not have that many entries.
            LedgerError: The ledger cannot be read.
        """
        checkpoint = self.ledger.checkpoint(as_of)
        return Snapshot(self.root, self.ledger.entries(checkpoint.size), checkpoint)

    @contextmanager
    def writing(self, key: Path, now: datetime) -> Iterator[Writer]:
        """The ledger's writer; what readers left in the spool is sealed first.

        Raises:
            BusyError: Another process is writing.
        """
        with self.ledger.writing(key) as writer:
            self._seal_readings(writer, now)
            yield writer

    def _seal_readings(self, writer: Writer, now: datetime) -> None:
        waiting = sorted((self.root / SPOOL).glob("*.json"))
        if not waiting:
            return
        read = [file.read_bytes() for file in waiting]
        events = [json.loads(content) for content in read if _is_event(content)]
        if events:
            writer.commit("readings", {"events": events}, at=stamp(now))
        for file in waiting:
            file.unlink()

    @property
    def spill(self) -> Path:
        """Folder for what an engine spills; never evidence."""
        return self.root / "cache" / "spill"

    def stage_table(self, table: str, rows: pa.Table, *, folder: str, facts: dict[str, Any]) -> StagedFile:
        """Writes rows to a Parquet file under a temporary name; the commit gives it the name of its digest."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - writers alone need it

        temporary = self._temporary(folder)
        pq.write_table(rows, temporary, compression="zstd", row_group_size=122_880, write_page_index=False)
        return _staged(self.root, temporary, folder, ".parquet", {"table": table, "rows": rows.num_rows} | facts)

    def stage_days(
        self, table: Table, rows: pa.Table, *, folder: str | None = None, facts: dict[str, Any] | None = None
    ) -> list[StagedFile]:
        """Writes the rows of a table, sorted by its time, to one file for each day."""
        staged = []
        for day, part in _days(table, rows):
            place = f"{folder or table.name}/date={day}"
            own = {"day": day} | (facts or {})
            if table.column("target_id") is not None:
                own["unresolved"] = part.column("request_uid").null_count
            staged.append(self.stage_table(table.name, part, folder=place, facts=own))
        return staged

    def stage_blob(self, content: bytes, facts: dict[str, Any]) -> StagedFile:
        """Writes bytes that are kept as they are: a model file, a policy, a card."""
        temporary = self._temporary(BLOBS)
        temporary.write_bytes(content)
        return _staged(self.root, temporary, BLOBS, "", facts)

    def _temporary(self, folder: str) -> Path:
        place = self.root / folder
        place.mkdir(parents=True, exist_ok=True)
        return place / f".tmp-{uuid.uuid4().hex}"


def _staged(root: Path, temporary: Path, folder: str, suffix: str, facts: dict[str, Any]) -> StagedFile:
    content = temporary.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    return StagedFile(temporary, NamedFile(f"{folder}/{digest}{suffix}", digest, len(content), facts))


def _days(table: Table, rows: pa.Table) -> Iterable[tuple[str, pa.Table]]:
    import pyarrow as pa  # noqa: PLC0415 - writers alone need it
    import pyarrow.compute as pc  # noqa: PLC0415

    ordered = rows.sort_by([(table.time, "ascending"), (table.identity, "ascending")])
    days = pc.strftime(ordered.column(table.time), format="%Y-%m-%d")
    start = 0
    for run in pc.run_end_encode(pa.chunked_array(days.chunks).combine_chunks()).run_ends.to_pylist():
        yield days[start].as_py(), ordered.slice(start, run - start)
        start = run


@dataclass(slots=True)
class Lookup:
    """Where a request lies."""

    request_uid: str
    day: str
    last_day: str
    ids: set[str] = field(default_factory=set)


def find(snapshot: Snapshot, engine: Engine, wanted: str) -> list[Lookup]:
    """The requests that an id names: a request, client, response or trace id, or a `request_uid` with or without item."""
    segments = snapshot.segments.get(INDEX, [])
    if not segments:
        return []
    bare = wanted.rsplit("#", 1)[0] if "#" in wanted and wanted.rsplit("#", 1)[1].isdigit() else wanted
    native = bare.split(":", 1)[1] if ":" in bare else bare
    read = _read(segments, f"{snapshot.root}{os.sep}")
    rows = engine.records(
        f"SELECT DISTINCT request_uid, day, last_day FROM {read} "
        "WHERE id IN ($wanted, $bare) OR (id = $native AND request_uid = $bare)",
        {"wanted": wanted, "bare": bare, "native": native},
    )
    return [Lookup(row["request_uid"], row["day"], row["last_day"]) for row in rows]
