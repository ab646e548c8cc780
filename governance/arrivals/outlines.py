"""What an object of a store is, before it is fetched as a whole: its first bytes, and the footer of a Parquet table.

A Parquet table says what it is at its end. Its footer and its first rows are put into an empty file of its length, at
their places; holes stand for the rest, and nothing reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from governance.arrivals.remote import Remote, heads, ranges
from governance.arrivals.scratch import scratch_file
from governance.records import LogFile, open_log, parquet_first_rows

TAIL = 64 << 10  # bytes; chosen here: the footer of a table of a few hundred columns
MAX_ROWS = 64 << 20  # bytes of the first rows; chosen here: more are not fetched twice
_END = 8  # the length of the footer and `PAR1`; source: Apache Parquet format, "File format"
_PARQUET = b"PAR1"


class Outline(NamedTuple):
    """What is known of an object.

    Attributes:
        log: The part of it that is there.
        is_whole: Whether that is all, or at least all that tells the format.
    """

    log: LogFile
    is_whole: bool


def outlines(found: Sequence[Remote], cache: Path) -> Iterator[Outline]:
    """The outline of each object of one address, to be used until the next one is asked for.

    Args:
        found: The objects.
        cache: Folder for private files.

    Raises:
        NotFoundError: One is gone.
        SourceError: One is not what its name says, or the store refuses or does not answer.
    """
    for remote, head in zip(found, heads(found), strict=True):
        with scratch_file(cache, "head") as path:
            path.write_bytes(head)
            is_whole = len(head) == remote.bytes
            if head.startswith(_PARQUET) and not is_whole:
                yield _table(remote, head, path)
            else:
                yield Outline(open_log(path, remote.name), is_whole)


def _table(remote: Remote, head: bytes, path: Path) -> Outline:
    log = LogFile(path, remote.name, "parquet", None, "", remote.bytes)
    start = max(0, remote.bytes - TAIL)
    (tail,) = ranges(remote, [(start, remote.bytes)])
    footer = int.from_bytes(tail[-_END:-4], "little") + _END
    if len(tail) < footer <= remote.bytes:
        start = remote.bytes - footer
        (tail,) = ranges(remote, [(start, remote.bytes)])
    _write(path, remote.bytes, start, tail)
    rows = parquet_first_rows(path, remote.name)
    if rows.end > len(head):
        if rows.end - rows.start > MAX_ROWS:
            return Outline(log, is_whole=False)
        (found,) = ranges(remote, [(rows.start, rows.end)])
        _write(path, remote.bytes, rows.start, found)
    return Outline(log, rows.are_all)


def _write(path: Path, size: int, at: int, content: bytes) -> None:
    """Puts bytes at their place in a file of so many."""
    with path.open("r+b") as file:
        file.truncate(size)
        file.seek(at)
        file.write(content)
