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
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.engines.duckdb import Engine, file_list, identifier
from governance.moments import stamp
from governance.proof import durable
from governance.proof.ledger import Checkpoint, Entry, Ledger, NamedFile, StagedFile, Writer
from governance.registry import models_view, prompts_view
from governance.storage.segments import (
    COMPLETED,
    KEY_FILTER,
    RELEASED,
    Segment,
    identities,
    read,
    resolving,
    segments_of,
    select,
    unreleased,
    with_records,
    with_states,
)
from governance.tables import (
    CANONICAL,
    MODELS,
    PAYLOADS,
    PER_MODEL,
    PROMPTS,
    QUARANTINE,
    REQUESTS,
    SIDE_TABLES,
    SUBJECT_RECORDS,
    SUBJECTS,
    Table,
)

if TYPE_CHECKING:
    import pyarrow as pa

BLOBS = "blobs"
SPOOL = "spool"
READINGS = 1_000  # in one entry
MAX_READING_BYTES = 1 << 20  # chosen here: a reading names a few requests


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
        for segment in segments_of(self.entries):
            found.setdefault(segment.table, []).append(segment)
        return found

    def of_kind(self, *kinds: str) -> list[Entry]:
        """The entries of some kinds, oldest first."""
        return [entry for entry in self.entries if entry.kind in kinds]

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
        """Name -> SELECT of every view: the canonical tables, each model's features, attributions and background.

        Args:
            prefix: Put before each path: the store's folder with a slash, or nothing for paths relative to it.
        """
        found: dict[str, str] = {}
        for table in CANONICAL.values():
            segments = self.segments.get(table.name, [])
            if table.name in PER_MODEL:
                for model in self.models(table.name):
                    own = [segment for segment in segments if segment.model == model]
                    found[f"{table.name}:{model}"] = select(table, own, prefix)
            elif table.name in SIDE_TABLES and any(segment.unresolved for segment in segments):
                found[table.name] = resolving(segments, prefix)
            else:
                found[table.name] = select(table, segments, prefix, self.segments.get(COMPLETED, ()))
        if alone := [segment for segment in self.segments.get(PAYLOADS.name, ()) if segment.alone]:
            found[REQUESTS.name] = with_states(found[REQUESTS.name], alone, prefix)
        if self.segments.get(SUBJECT_RECORDS.name):
            found[SUBJECTS.name] = with_records(*(found[name] for name in ("subjects", "subject_records", "decisions")))
        if released := self.segments.get(RELEASED):
            found[QUARANTINE.name] = unreleased(self.segments[QUARANTINE.name], released, prefix)
        found[MODELS.name] = models_view(self.entries) or found[MODELS.name]
        found[PROMPTS.name] = prompts_view(self.entries) or found[PROMPTS.name]
        return {
            "identities": identities(self.segments.get(REQUESTS.name, []), prefix),
            **found,
            **self._backgrounds(prefix),
        }

    def _backgrounds(self, prefix: str) -> dict[str, str]:
        """The background sample of the newest registered version of each model, where that version has one."""
        newest = {str(entry.facts["model"]): entry.facts.get("background_sha256") for entry in self.of_kind("model")}
        return {
            f"background:{model}": f"SELECT * FROM read_parquet({file_list([f'{prefix}{BLOBS}/{digest}'])})"
            for model, digest in sorted(newest.items())
            if digest is not None
        }

    def every_row(self, table: Table, days: Sequence[tuple[str, str]], model: str | None = None) -> str | None:
        """SELECT of all rows of a table (of one model), conflicts among them; None if there are none.

        Args:
            table: The table.
            days: First and last day of what is wanted, any number of times.
            model: Only its rows.
        """
        own = [
            found
            for found in self.segments.get(table.name, [])
            if (model is None or found.model == model) and any(found.is_within(*span) for span in days)
        ]
        return f"SELECT * FROM {read(own, f'{self.root}{os.sep}')}" if own else None

    def grown(self, entry: Entry, checkpoint: Checkpoint) -> Snapshot:
        """The store with one more entry, for a writer that need not read the others again."""
        return Snapshot(self.root, (*self.entries, entry), checkpoint)

    def attach(self, engine: Engine, names: Iterable[str] | None = None) -> None:
        """Creates the views (all, or the named ones and what they need) in an engine."""
        views = self.views(f"{self.root}{os.sep}")
        wanted = list(views if names is None else names)
        if names is not None and any(name in (*SIDE_TABLES, SUBJECTS.name) for name in wanted):
            wanted.insert(0, "identities")
        for name in wanted:
            if name in views:
                engine.execute(f"CREATE OR REPLACE VIEW {identifier(name)} AS {views[name]}")

    def views_sql(self) -> str:
        """A script that creates the views in a DuckDB started in the store's folder."""
        head = f"-- The store as of {self.checkpoint.size} ledger entries, root {self.checkpoint.root}.\n"
        head += "-- Run it in DuckDB with the store as the current folder.\nSET TimeZone = 'UTC';\n"
        body = [f"CREATE OR REPLACE VIEW {identifier(name)} AS {sql};\n" for name, sql in self.views().items()]
        return head + "".join(body)


def _event(file: Path) -> dict[str, Any] | None:
    """What a file of the spool says, if it is one of ours: a small object without floats, as entries hold them."""
    try:
        value = json.loads(durable.read_regular(file, MAX_READING_BYTES), parse_float=_refuse, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(text: str) -> None:
    raise ValueError(text)


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
        """The ledger's writer; what readers left in the spool is sealed first, what an error leaves is removed.

        Raises:
            BusyError: Another process is writing.
        """
        with self.ledger.writing(key) as writer:
            self._seal_readings(writer, now)
            try:
                yield writer
            except BaseException:
                if not (self.root / "ledger" / "pending").exists():  # else the next writer still needs them
                    durable.remove_temporaries(self.root, leave=("cache", SPOOL))
                raise

    def _seal_readings(self, writer: Writer, now: datetime) -> None:
        waiting = sorted((self.root / SPOOL).glob("*.json"))
        for start in range(0, len(waiting), READINGS):
            files = waiting[start : start + READINGS]
            events = [event for file in files if (event := _event(file)) is not None]
            if events:
                writer.commit("readings", {"events": events}, at=stamp(now))
            for file in files:
                file.unlink()

    @property
    def spill(self) -> Path:
        """Folder for what an engine spills; never evidence."""
        return self.root / "cache" / "spill"

    def stage_table(
        self,
        table: str,
        rows: pa.Table,
        *,
        folder: str,
        facts: dict[str, Any],
        repeating: Sequence[str] | None = None,
        key_filter: bytes = b"",
    ) -> StagedFile:
        """Writes rows to a Parquet file under a temporary name; the commit gives it the name of its digest.

        Args:
            table: Name of the table.
            rows: Its rows.
            folder: Where in the store.
            facts: What the ledger says of the file.
            repeating: Columns with few different values, where the caller knows them.
            key_filter: What tells whether the file may hold a key; put between its rows and its footer.
        """
        from governance.storage.parquet_files import write_rows  # noqa: PLC0415 - writers alone need it

        temporary = self._temporary(folder)
        at = write_rows(rows, temporary, repeating=repeating, is_full=table in PER_MODEL, key_filter=key_filter)
        filtered = {KEY_FILTER: [at, len(key_filter)]} if key_filter else {}
        own = {"table": table, "rows": rows.num_rows} | facts | filtered
        return _staged(temporary, folder, ".parquet", own)

    def stage_days(
        self, table: Table, rows: pa.Table, *, folder: str | None = None, facts: dict[str, Any] | None = None
    ) -> list[StagedFile]:
        """Writes the rows of a table, sorted by its time, to one file for each day."""
        from governance.storage.parquet_files import by_day, repeating_columns  # noqa: PLC0415 - writers alone need it

        staged = []
        repeating = repeating_columns(rows)
        for day, part in by_day(rows, table.time):
            place = f"{folder or table.name}/date={day}"
            own = {"day": day} | (facts or {})
            if table.column("target_id") is not None:
                own["unresolved"] = part.column("request_uid").null_count
            staged.append(self.stage_table(table.name, part, folder=place, facts=own, repeating=repeating))
        return staged

    def stage_blob(self, content: bytes, facts: dict[str, Any]) -> StagedFile:
        """Writes bytes that are kept as they are: a model file, a policy, a card."""
        temporary = self._temporary(BLOBS)
        temporary.write_bytes(content)
        return _staged(temporary, BLOBS, "", facts)

    def _temporary(self, folder: str) -> Path:
        place = self.root / folder
        place.mkdir(parents=True, exist_ok=True)
        return place / f".tmp-{uuid.uuid4().hex}"


def _staged(temporary: Path, folder: str, suffix: str, facts: dict[str, Any]) -> StagedFile:
    content = temporary.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    return StagedFile(temporary, NamedFile(f"{folder}/{digest}{suffix}", digest, len(content), facts))
