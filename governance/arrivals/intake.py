"""Paths -> log files, each with its format settled before anything is written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from governance.arrivals.arrived import Arrived
from governance.arrivals.manifest import Manifest
from governance.arrivals.outlines import outlines
from governance.arrivals.paths import expand
from governance.arrivals.recognition import recognised, refuse_other
from governance.arrivals.remote import Remote, fetch, is_address, objects
from governance.arrivals.scratch import scratch_file
from governance.errors import SourceError
from governance.extensions import sources
from governance.mapped import refuse_missing
from governance.mapping import Mapping, read_mapping, shipped_mappings
from governance.progress import Observer, Stage, Tally, ignore
from governance.proof.entries import Entry
from governance.records import LogFile, columns_of, open_log, printable
from governance.sources import Source

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Format:
    """How the files of one call are read, as the user said.

    Attributes:
        source: Name of a log format, instead of recognising it.
        mapping: Mapping of a user's own table.
        mapping_path: Its file.
        mapping_sha256: Digest of that file, empty without one.
    """

    source: str | None
    mapping: Mapping | None = None
    mapping_path: Path | None = None
    mapping_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A file that is in, as was seen without opening it.

    Attributes:
        name: As the user wrote it.
        bytes: How many it has.
        entry: What the ledger says of it.
    """

    name: str
    bytes: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class Memory:
    """What helps to look at files.

    Attributes:
        cache: Folder for what standard input brings.
        arrived: What is in.
        manifest: What the files were when they were looked at before.
        now: A moment before they are looked at.
    """

    cache: Path
    arrived: Arrived
    manifest: Manifest
    now: datetime


@dataclass(frozen=True, slots=True)
class Intake:
    """A log file that will be read, and by what.

    Attributes:
        log: The file.
        form: What reads it.
        state: Of the object that it was fetched from, None for other files.
    """

    log: LogFile
    form: Source | Mapping
    state: dict[str, str] | None = None

    @property
    def name(self) -> str:
        """As the user wrote it."""
        return self.log.name

    @property
    def bytes(self) -> int:
        """How many it has."""
        return self.log.bytes

    @property
    def source(self) -> str:
        """Name under which its records are stored."""
        return self.form.source if isinstance(self.form, Mapping) else self.form.name

    @property
    def read_bytes(self) -> int:
        """How many have been read; of an object, fetching it was the first half."""
        done = self.log.meter.bytes
        return done if self.state is None else (self.bytes + done) // 2

    def facts(self) -> dict[str, Any]:
        """What the ledger says of where it came from, beside its name."""
        return {} if self.state is None else {"object": self.state}


@dataclass(frozen=True, slots=True)
class Distant:
    """An object that has not been fetched."""

    remote: Remote
    form: Format
    memory: Memory

    @property
    def name(self) -> str:
        """Its address."""
        return self.remote.name

    @property
    def bytes(self) -> int:
        """How many it has."""
        return self.remote.bytes

    @contextmanager
    def fetched(self, told: Callable[[int], None]) -> Iterator[Intake]:
        """The object as a file, as long as it is needed.

        Args:
            told: Told how many bytes of the work are done: fetching is the first half.

        Raises:
            SourceError: It is not what its name says, of no known format, or the store refuses.
        """
        with scratch_file(self.memory.cache, "object") as path:
            state = fetch(self.remote, path, lambda seen: told(seen // 2))
            log = open_log(path, self.name, self.memory.arrived.lengths(self.name))
            yield replace(_recognised(log, self.form), state=state)


def read_format(source: str | None, mapping: Path | None) -> Format:
    """The format that a user named; a mapping that is no file may be the name of a shipped one.

    Raises:
        SourceError: No source has that name, or both a source and a mapping are given.
        NotFoundError, PolicyError: The mapping is missing, or has mistakes.
    """
    if source is not None and mapping is not None:
        raise SourceError("a source and a mapping cannot both be given", where="--source", hint="leave one out")
    if source is not None and source not in sources():
        hint = f"known are {', '.join(sources())}"
        raise SourceError(f"no source is called '{source}'", where="--source", hint=hint)
    if mapping is None:
        return Format(source)
    file = mapping if mapping.exists() else shipped_mappings().get(str(mapping), mapping)
    read, digest = read_mapping(file)
    return Format(None, read, file, digest)


@contextmanager
def opened(
    paths: Sequence[str], form: Format, stdin: IO[bytes] | None, memory: Memory, observe: Observer = ignore
) -> Iterator[list[Intake | Known | Distant]]:
    """The files that paths name, each opened and recognised; standard input waits in a private file meanwhile.

    Objects of a store are listed here, and their first bytes looked at; they are fetched and recognised one by one.

    Args:
        paths: Files, folders, patterns, addresses, or `-` once.
        form: How they are read.
        stdin: What `-` stands for.
        memory: What is known of them.
        observe: Told which file is looked at.

    Raises:
        NotFoundError: A path is missing.
        SourceError: A file is empty, is not what its name says, or of no known format.
    """
    local = [path for path in paths if path != STDIN and not is_address(path)]
    files = [(file, printable(str(file))) for file in expand(local)]
    distant = [found for path in paths if is_address(path) for found in _distant(path, form, memory)]
    if STDIN not in paths:
        yield [*_looked_at(files, form, memory, observe), *distant]
        return
    if stdin is None:
        raise SourceError("there is no standard input here", where=STDIN, hint="name a file")
    with scratch_file(memory.cache, "stdin") as spooled:
        with spooled.open("wb") as file:
            shutil.copyfileobj(stdin, file, 1 << 20)
        yield [*_looked_at([(spooled, STDIN), *files], form, memory, observe), *distant]


def _distant(address: str, form: Format, memory: Memory) -> Iterator[Distant | Known]:
    found = objects(address)
    new: list[Remote] = []
    for each in found:
        if each.bytes == 0:
            raise SourceError("the object is empty", where=each.name, hint="name objects with at least one record")
        before = memory.arrived.fetched_as(each.name, each.state, form.source, form.mapping_sha256)
        if before:
            yield Known(each.name, each.bytes, before)
        else:
            new.append(each)
            yield Distant(each, form, memory)
    if form.source is None:
        _refuse_others(new, form, memory.cache)


def _refuse_others(found: Sequence[Remote], form: Format, cache: Path) -> None:
    """Refuses objects of which a part tells that they cannot be read so, before anything is fetched as a whole."""
    for log, is_whole in outlines(found, cache):
        if form.mapping is None:
            refuse_other(log, is_whole=is_whole)
        elif (columns := columns_of(log)) is not None:
            refuse_missing(form.mapping, columns, log.name)


def _looked_at(
    files: Sequence[tuple[Path, str]], form: Format, memory: Memory, observe: Observer
) -> list[Intake | Known]:
    found: list[Intake | Known] = []
    statuses = [_status(path) for path, _ in files]
    tally = Tally(observe, Stage.LOOKING, [0 if status is None else status.st_size for status in statuses])
    for (path, name), status in zip(files, statuses, strict=True):
        tally.begin(name)
        found.append(_look(path, name, status, form, memory))
    return found


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _look(path: Path, name: str, status: os.stat_result | None, form: Format, memory: Memory) -> Intake | Known:
    if status is None:
        return _recognised(open_log(path, name), form)
    digest = memory.manifest.digest(status)
    entry = memory.arrived.read_as(digest, form.source, form.mapping_sha256) if digest else None
    if entry is not None:
        return Known(name, status.st_size, entry)
    before = memory.manifest.before(status)  # of another name, if it was renamed since
    lengths = memory.arrived.lengths(name) | ({before.bytes} if before else set())
    log = open_log(path, name, lengths)
    memory.manifest.remember(status, log.sha256, memory.now)
    return _recognised(log, form)


def _recognised(log: LogFile, form: Format) -> Intake:
    if form.mapping is not None:
        columns = columns_of(log)
        if columns is not None:
            refuse_missing(form.mapping, columns, log.name)
        return Intake(log, form.mapping)
    known = sources()
    if form.source is not None:
        return Intake(log, known[form.source])
    return Intake(log, recognised(log))
