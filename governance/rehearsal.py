"""What `ingest` would do with files, and what could be judged then, without a trace in the store.

The files are really read, by the same code, into a scratch store: a private temporary folder in which links stand for
the files of the store. So what is said is what would be, to the last duplicate, and costs as much time and room.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from governance.arrivals.intake import STDIN, read_format
from governance.arrivals.paths import expand
from governance.arrivals.remote import is_address
from governance.coverage import Coverage, coverage_of, filled_columns
from governance.drafts.attributes import Unmapped, unmapped, unmapped_inputs
from governance.engines.duckdb import Engine, identifier
from governance.ingestion import Ingestion, ingest
from governance.mapping import Mapping as TableMapping
from governance.progress import Observer, Stage, ignore
from governance.proof.ledger import JSON, Entry, StagedFile, Writer
from governance.storage.segments import read
from governance.storage.store import Snapshot, Store
from governance.tables import PROVENANCE, QUARANTINE, SIDE_TABLES, SUBJECTS
from governance.workspace import Workspace

BAD_RECORDS = 5  # shown of each file; chosen here: enough to see what is wrong with its mapping


@dataclass(frozen=True, slots=True)
class BadRecord:
    """One record that would go to quarantine."""

    file: str
    line: int
    reason: str
    detail: str


class Unmatched(NamedTuple):
    """Rows of a side table, and those among them that wait for their request."""

    rows: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What `ingest` would do.

    Attributes:
        ingestion: The balance; the ledger is as it is.
        bad: The first records of each file that would go to quarantine.
        columns: Canonical columns that the files fill, as `table.column`.
        unmatched: Side table -> how many of the rows name a request that neither the store nor the files hold; of those
            tables alone of which some do.
        unmapped: What in the files looks like a protected attribute and would not be stored as one.
        alone: What could be judged on the files alone.
        with_store: What could be judged on the store with them.
    """

    ingestion: Ingestion
    bad: tuple[BadRecord, ...]
    columns: tuple[str, ...]
    unmatched: Mapping[str, Unmatched]
    unmapped: tuple[Unmapped, ...]
    alone: Sequence[Coverage]
    with_store: Sequence[Coverage]


def rehearse(
    workspace: Workspace,
    paths: Sequence[str],
    *,
    now: datetime,
    source: str | None = None,
    mapping: Path | None = None,
    stdin: IO[bytes] | None = None,
    observe: Observer = ignore,
) -> Rehearsal:
    """What `ingest` would do with the same arguments; it needs no lock, no key and no right to write to the store.

    Args:
        workspace: As for `ingest`, like the others.
        paths: Files, folders, patterns, or `-`.
        now: When; timezone-aware.
        source: Name of the format.
        mapping: Mapping file.
        stdin: What `-` stands for.
        observe: Told how far it has come; files that the store knows are read once more.

    Raises:
        GovernanceError: As `ingest` would.
    """
    real = Store(workspace.store)
    before = real.snapshot()
    sparing = replace(workspace, keep_raw=False)  # the copy would say nothing
    watch: Observer = lambda progress: observe(replace(progress, stage=Stage.TRYING))  # noqa: E731 - so that it is typed
    try_it = partial(ingest, sparing, paths, now=now, source=source, mapping=mapping, observe=watch)
    with tempfile.TemporaryDirectory(prefix="governance-") as name, ExitStack() as held:
        folder = Path(name)
        given = held.enter_context(_kept(stdin, folder)) if stdin and STDIN in paths else None

        def run(place: str, entries: tuple[Entry, ...]) -> tuple[Ingestion, _ScratchStore]:
            store = _ScratchStore(folder / place, real, replace(before, entries=entries))
            if given:
                given.seek(0)
            return try_it(stdin=given, store=store), store

        done, store = run("with", before.entries)
        together = _filled(store, (*before.entries, *store.added))
        # What is in the store already fills columns too
        own = run("alone", ())[1] if done.total("duplicates") else store
        columns = _filled(own, own.added)
        strange = tuple(_unmapped(paths, read_format(source, mapping).mapping, store))
        waiting = _unmatched(store, before.entries)
        judged = coverage_of(columns), coverage_of(together)
        return Rehearsal(done, _bad(store), _told(columns), waiting, strange, *judged)


def _kept(stdin: IO[bytes], folder: Path) -> IO[bytes]:
    """Standard input as a file that can be read twice."""
    kept = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - who asked for it closes it
    shutil.copyfileobj(stdin, kept, 1 << 20)
    return kept


class _ScratchStore(Store):
    """A folder that looks like the store and can be written to.

    Args:
        root: The folder, which is made.
        real: The store.
        snapshot: What of it shows.
    """

    def __init__(self, root: Path, real: Store, snapshot: Snapshot) -> None:
        self.root = root
        self.ledger = real.ledger  # for reading: the writer is another
        self.added: tuple[Entry, ...] = ()
        self._snapshot = replace(snapshot, root=root)
        root.mkdir()
        for path in {file.path for entry in snapshot.entries for file in entry.files}:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).symlink_to(snapshot.root.absolute() / path)

    def snapshot(self, as_of: int | None = None) -> Snapshot:
        """What shows of the store, without what was written here."""
        if as_of is not None:
            raise NotImplementedError
        return self._snapshot

    def snapshot_of(self, entries: tuple[Entry, ...]) -> Snapshot:
        """Entries of the store, of this folder, or of both."""
        return replace(self._snapshot, entries=entries)

    @contextmanager
    def writing(self, key: Path, now: datetime) -> Iterator[Writer]:  # noqa: ARG002 - nothing is signed or dated
        """A writer that puts files into their places and signs nothing."""
        yield _Rehearser(self)


class _Rehearser(Writer):
    """Takes what would be committed."""

    def __init__(self, store: _ScratchStore) -> None:
        self._scratch = store
        self._number = store.ledger.checkpoint().size

    def commit(self, kind: str, facts: Mapping[str, JSON], files: Sequence[StagedFile] = (), *, at: str) -> Entry:
        """The entry that would be written."""
        for file in files:
            place = self._scratch.root / file.named.path
            place.parent.mkdir(parents=True, exist_ok=True)
            file.temporary.replace(place)
        number = self._number + len(self._scratch.added)
        entry = Entry(number, kind, at, dict(facts), tuple(file.named for file in files), "", b"")
        self._scratch.added = (*self._scratch.added, entry)
        return entry


def _filled(store: _ScratchStore, entries: tuple[Entry, ...]) -> frozenset[str]:
    snapshot = store.snapshot_of(entries)
    with Engine(store.spill) as engine:
        snapshot.attach(engine)
        return filled_columns(engine, snapshot)


def _unmatched(store: _ScratchStore, before: tuple[Entry, ...]) -> dict[str, Unmatched]:
    added = store.snapshot_of(store.added)
    names = [name for name in SIDE_TABLES if any(segment.unresolved for segment in added.segments.get(name, []))]
    found = {}
    with Engine(store.spill) as engine:
        store.snapshot_of((*before, *store.added)).attach(engine, names)
        for name in names:
            own = f"SELECT file_sha256, row_no FROM {read(added.segments[name], f'{store.root}{os.sep}')}"
            counts = "count(*), count(*) FILTER (WHERE request_uid IS NULL)"
            found[name] = Unmatched(
                *engine.rows(f"SELECT {counts} FROM {name} SEMI JOIN ({own}) USING (file_sha256, row_no)")[0]
            )
    return {name: counted for name, counted in found.items() if counted.waiting}


def _unmapped(paths: Sequence[str], mapping: TableMapping | None, store: _ScratchStore) -> list[Unmapped]:
    """Of local files that a mapping reads, what it leaves out too; else what is among the inputs of models."""
    if mapping is not None:
        return unmapped(expand([path for path in paths if path != STDIN and not is_address(path)]), mapping)
    snapshot = store.snapshot_of(store.added)
    with Engine(store.spill) as engine:
        snapshot.attach(engine)
        inputs = [column for model in snapshot.models() for column in engine.columns(identifier(f"features:{model}"))]
        return unmapped_inputs(dict.fromkeys(inputs), engine.columns(SUBJECTS.name))


def _told(columns: frozenset[str]) -> tuple[str, ...]:
    """The columns that come from the log, sorted."""
    own = {column.name for column in PROVENANCE} | {"is_conflict"}
    named = [name.split(".") for name in sorted(columns)]
    return tuple(f"{table}.{column}" for table, column in named if table != QUARANTINE.name and column not in own)


def _bad(store: _ScratchStore) -> tuple[BadRecord, ...]:
    snapshot = store.snapshot_of(store.added)
    with Engine(store.spill) as engine:
        snapshot.attach(engine, ["quarantine"])
        rows = engine.rows(
            "SELECT file, line, reason, detail FROM quarantine "
            f"QUALIFY row_number() OVER (PARTITION BY file ORDER BY line, quarantine_id) <= {BAD_RECORDS} "
            "ORDER BY file, line, quarantine_id"
        )
    return tuple(BadRecord(*row) for row in rows)
