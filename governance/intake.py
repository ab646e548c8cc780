"""Paths -> log files, each with its format settled before anything is written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from glob import glob, has_magic
from itertools import islice
from pathlib import Path
from typing import IO

from governance.arrived import Arrived
from governance.entries import Entry
from governance.errors import NotFoundError, SourceError
from governance.extensions import sources
from governance.manifest import Manifest
from governance.mapped import refuse_missing
from governance.mapping import Mapping, read_mapping, shipped_mappings
from governance.progress import Observer, Stage, Tally, ignore
from governance.records import LogFile, columns_of, open_log, printable, records
from governance.sources import Source

STDIN = "-"
_PROBED = 1_000  # records that may be unreadable before the first that tells the format
_SPOOLED = ".tmp-stdin-"


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
    """A log file that will be read, and by what."""

    log: LogFile
    form: Source | Mapping

    @property
    def bytes(self) -> int:
        """How many it has."""
        return self.log.bytes

    @property
    def source(self) -> str:
        """Name under which its records are stored."""
        return self.form.source if isinstance(self.form, Mapping) else self.form.name


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


def expand(paths: Sequence[str]) -> list[Path]:
    """The files that paths name, in order of name: folders give their files, hidden ones left out, and patterns theirs.

    Raises:
        NotFoundError: No file fits a pattern.
        SourceError: A folder holds no file.
    """
    found: list[Path] = []
    for path in paths:
        if has_magic(path) and not os.path.lexists(path):
            matched = sorted(glob(path, recursive=True))  # noqa: PTH207 - a pattern may begin at the root
            if not matched:
                raise NotFoundError("no file fits the pattern", where=path, hint="check the path")
            found += [file for match in matched for file in _files(Path(match))]
        else:
            found += _files(Path(path))
    return found


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    inside = sorted(file for file in path.rglob("*") if file.is_file() and not _is_hidden(file.relative_to(path)))
    if not inside:
        raise SourceError("the folder holds no files", where=str(path), hint="name a folder with log files")
    return inside


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


@contextmanager
def opened(
    paths: Sequence[str], form: Format, stdin: IO[bytes] | None, memory: Memory, observe: Observer = ignore
) -> Iterator[list[Intake | Known]]:
    """The files that paths name, each opened and recognised; standard input waits in a private file meanwhile.

    Args:
        paths: Files, folders, patterns, or `-` once.
        form: How they are read.
        stdin: What `-` stands for.
        memory: What is known of them.
        observe: Told which file is looked at.

    Raises:
        NotFoundError: A path is missing.
        SourceError: A file is empty, is not what its name says, or of no known format.
    """
    files = [(file, printable(str(file))) for file in expand([path for path in paths if path != STDIN])]
    if STDIN not in paths:
        yield _looked_at(files, form, memory, observe)
        return
    if stdin is None:
        raise SourceError("there is no standard input here", where=STDIN, hint="name a file")
    spooled = _spool(stdin, memory.cache)
    try:
        yield _looked_at([(spooled, STDIN), *files], form, memory, observe)
    finally:
        spooled.unlink(missing_ok=True)


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


def _spool(stdin: IO[bytes], cache: Path) -> Path:
    """Copies standard input to a file that only this user can read; removes those of processes that are gone."""
    cache.mkdir(parents=True, exist_ok=True)
    for left in cache.glob(f"{_SPOOLED}*"):
        process = left.name.removeprefix(_SPOOLED)
        if process.isdigit() and not _is_running(int(process)):
            left.unlink(missing_ok=True)
    path = cache / f"{_SPOOLED}{os.getpid()}"
    with suppress(FileNotFoundError):
        path.unlink()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        shutil.copyfileobj(stdin, file, 1 << 20)
    return path


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _recognised(log: LogFile, form: Format) -> Intake:
    if form.mapping is not None:
        columns = columns_of(log)
        if columns is not None:
            refuse_missing(form.mapping, columns, log.name)
        return Intake(log, form.mapping)
    known = sources()
    if form.source is not None:
        return Intake(log, known[form.source])
    for record in islice(records(log), _PROBED):
        if record.value is not None:
            found = next((source for source in known.values() if source.recognises(record.value)), None)
            if found is not None:
                return Intake(log, found)
            break
    raise SourceError(
        "the format of this file is not recognised",
        where=log.name,
        hint="give --mapping FILE for a table of your own, or --source NAME (`governance sources` lists them)",
    )
