"""Compaction: many small files of a store -> few, which the ledger names together with those that they replace.

1. Files of one table, one model and one month are merged, if their columns are the same; those of the index as well.
2. A file that is large already is left alone, and so is a group of which a merge would save little.
3. The bytes of each file are compared with the ledger before it is read, and each merged file, row for row, with those
   that it replaces before the ledger names it.
4. Nothing is removed: what was replaced proves earlier states (`--as-of`) and the evidence of stored findings.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from governance.engines.duckdb import Engine, EngineError
from governance.errors import GovernanceError
from governance.moments import stamp
from governance.progress import Observer, Stage, Tally, ignore
from governance.proof import durable
from governance.proof.ledger import JSON, NamedFile, StagedFile, Writer
from governance.storage import merges
from governance.storage.checked_files import check_digests
from governance.storage.segments import COMPACTION, INDEX, SIDE_INDEX, Segment
from governance.storage.store import Snapshot, Store
from governance.workspace import Workspace

# Measured (bench/compaction.py): opening a file costs a reader about as much as hashing 1 MiB of it, and `explain`
# hashes each file that it reads. At 8 MiB the first is a tenth of the second, and a merge fits in little memory.
TARGET_BYTES = 8 << 20
TARGET_INDEX_BYTES = 512 << 20  # a look-up reads one row group of each file, so the fewer the better
# But a file with a filter of its keys is hardly opened, and asking the filter takes 15 microseconds. Measured
# (bench/lookup.py): among 10 million requests 40 such files are asked sooner than one merged file is read.
LARGE_INDEX_BYTES = 1 << 20
FEWEST = 4  # files that are worth a merge; chosen here: opening three costs a reader milliseconds
MUCH_LARGER = 4  # a file so many times larger than all the others of its group is not written again for their sake
_UNDONE = "what was merged before stays merged, all else stays as it was; is the disk full?"
MEMORY_LIMIT = "500MB"  # of the engine; with what it does not count, the process stays under 1 GiB


@dataclass(frozen=True, slots=True)
class Merge:
    """Files that become one.

    Attributes:
        folder: Of the new file.
        segments: The files, in the order of their rows.
    """

    folder: str
    segments: tuple[Segment, ...]

    @property
    def table(self) -> str:
        """The table whose rows they hold."""
        return self.segments[0].table

    @property
    def bytes(self) -> int:
        """How large they are together."""
        return sum(segment.bytes for segment in self.segments)


@dataclass(frozen=True, slots=True)
class TableMerges:
    """What a compaction does to one table."""

    table: str
    files: int  # before
    files_after: int
    rows: int  # in the files that are merged
    bytes: int  # of those
    bytes_after: int | None  # None while nothing is written


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction did, or would do, and the ledger afterwards."""

    tables: tuple[TableMerges, ...]
    left: tuple[str, ...]  # why files that could be merged were left as they are
    ledger_size: int
    ledger_root: str


def compact(workspace: Workspace, *, now: datetime, dry_run: bool = False, observe: Observer = ignore) -> Compaction:
    """Merges the small files of a store, one table after the other; an interrupted run is taken up where it ended.

    Args:
        workspace: Where the store is.
        now: When; timezone-aware.
        dry_run: Only say what would be merged.
        observe: Told at each merge.

    Raises:
        BusyError: Another process is writing.
        LedgerError: A file is not the one that the ledger names.
        GovernanceError: The disk refuses.
    """
    store = Store(workspace.store)
    with Engine(store.spill, MEMORY_LIMIT) as engine:
        if dry_run:
            snapshot = store.snapshot()
            tables = [_counted(snapshot, own, None) for own in _by_table(plan(snapshot, engine))]
            return Compaction(tuple(tables), (), snapshot.checkpoint.size, snapshot.checkpoint.root)
        with store.writing(workspace.key, now) as writer:
            snapshot = store.snapshot()
            planned = plan(snapshot, engine)
            tally = Tally(observe, Stage.MERGING, [merge.bytes for merge in planned])
            run = _Run(store, snapshot, engine, writer, stamp(now), tally, [])
            done = [run.table(own) for own in _by_table(planned)]
    checkpoint = store.ledger.checkpoint()
    return Compaction(tuple(filter(None, done)), tuple(run.left), checkpoint.size, checkpoint.root)


def plan(snapshot: Snapshot, engine: Engine | None = None) -> list[Merge]:
    """The merges that are worth their while.

    Args:
        snapshot: The store.
        engine: Reads the columns of the files; without one, those of a group are taken to be the same.
    """
    groups = [
        (folder, alike)
        for folder, group in _groups(snapshot)
        if len(group) >= FEWEST
        for alike in (_alike(snapshot, group, engine) if engine else [group])
    ]
    bins = [(folder, _worth_it(one)) for folder, alike in groups for one in _bins(alike)]
    return [Merge(folder, tuple(one)) for folder, one in bins if one]


def _groups(snapshot: Snapshot) -> Iterator[tuple[str, list[Segment]]]:
    """Folder of the new files -> what may be merged: the files of one table, model, set of columns and month."""
    found: dict[tuple[str, str | None, bool], list[Segment]] = {}
    for segment in (segment for own in snapshot.segments.values() for segment in own):
        if segment.key_filter is not None and segment.bytes >= LARGE_INDEX_BYTES:
            continue
        folder = segment.path.rpartition("/")[0]
        if segment.day is not None:
            folder = f"{folder.rpartition('/')[0]}/month={segment.day[:7]}"
        found.setdefault((folder, segment.model, segment.provisional), []).append(segment)
    for (folder, *_), group in found.items():
        yield folder, sorted(group, key=lambda segment: segment.day or "")


def _alike(snapshot: Snapshot, group: Sequence[Segment], engine: Engine) -> list[list[Segment]]:
    """The files of a group by their columns."""
    try:
        shapes = merges.shapes(engine, [snapshot.path(segment) for segment in group])
    except EngineError as error:
        raise _unreadable(snapshot, group, error) from error
    found: dict[merges.Shape, list[Segment]] = {}
    for segment in group:
        found.setdefault(shapes[snapshot.path(segment)], []).append(segment)
    return [alike for shape, alike in found.items() if merges.is_kept(shape)]


def _bins(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    """Consecutive files, as many as make a file of the size that is wanted."""
    filled: list[Segment] = []
    size = 0
    for segment in segments:
        is_index = segment.table in (INDEX, SIDE_INDEX)
        if filled and size + segment.bytes > (TARGET_INDEX_BYTES if is_index else TARGET_BYTES):
            yield filled
            filled, size = [], 0
        filled.append(segment)
        size += segment.bytes
    if filled:
        yield filled


def _worth_it(segments: Sequence[Segment]) -> list[Segment]:
    """Those of the files that are worth a merge: not the ones so large that the others hardly count, and not few."""
    by_size = sorted(segments, key=lambda segment: segment.bytes)
    while by_size and by_size[-1].bytes > MUCH_LARGER * sum(segment.bytes for segment in by_size[:-1]):
        by_size.pop()
    small = {segment.path for segment in by_size}
    return [segment for segment in segments if segment.path in small] if len(small) >= FEWEST else []


def _by_table(planned: Iterable[Merge]) -> Iterator[list[Merge]]:
    found: dict[str, list[Merge]] = {}
    for merge in planned:
        found.setdefault(merge.table, []).append(merge)
    yield from found.values()


def _counted(snapshot: Snapshot, planned: Sequence[Merge], staged: Sequence[StagedFile] | None) -> TableMerges:
    before = len(snapshot.segments[planned[0].table])
    replaced = [segment for merge in planned for segment in merge.segments]
    return TableMerges(
        planned[0].table,
        before,
        before - len(replaced) + len(planned),
        sum(segment.rows for segment in replaced),
        sum(merge.bytes for merge in planned),
        None if staged is None else sum(file.named.bytes for file in staged),
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """One call of `compact` that holds the lock."""

    store: Store
    snapshot: Snapshot
    engine: Engine
    writer: Writer
    at: str
    tally: Tally
    left: list[str]

    def table(self, planned: Sequence[Merge]) -> TableMerges | None:
        """Merges the files of one table, and says so in the ledger."""
        done = [(merge, file) for merge in planned if (file := self._merged(merge)) is not None]
        if not done:
            return None
        counted = _counted(self.snapshot, [merge for merge, _ in done], [file for _, file in done])
        replaced = sum(len(merge.segments) for merge, _ in done)
        facts: dict[str, JSON] = {
            "table": counted.table,
            "replaced": replaced,
            "files": len(done),
            "rows": counted.rows,
        }
        self.writer.commit(COMPACTION, facts, [file for _, file in done], at=self.at)
        return counted

    def _merged(self, merge: Merge) -> StagedFile | None:
        """The merged file, waiting for its name; None, and why, if it would not be the same rows."""
        self.tally.begin(merge.table)
        check_digests(self.snapshot.root, merge.segments)  # or what was changed would get a good digest
        paths = [self.snapshot.path(segment) for segment in merge.segments]
        folder = self.store.root / merge.folder
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{durable.TEMPORARY}{uuid.uuid4().hex}"
        try:
            merges.write(self.engine, merge.table, paths, temporary)
            differs = merges.difference(self.engine, merge.table, paths, temporary)
        except EngineError as error:
            raise _unreadable(self.snapshot, merge.segments, error) from error
        if differs:
            self.left.append(f"{merge.folder}: {len(paths)} files are left as they are, for a merged one {differs}")
            temporary.unlink()
            return None
        return _staged(temporary, merge)


def _staged(temporary: Path, merge: Merge) -> StagedFile:
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    facts = merges.facts_of(merge.segments)
    named = NamedFile(f"{merge.folder}/{digest}.parquet", digest, temporary.stat().st_size, facts)
    return StagedFile(temporary, named)


def _unreadable(snapshot: Snapshot, segments: Iterable[Segment], error: EngineError) -> GovernanceError:
    check_digests(snapshot.root, segments)
    return GovernanceError(f"the files cannot be merged: {error}", where=str(snapshot.root), hint=_UNDONE)
