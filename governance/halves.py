"""Halves of one thing in several files of one run, such as a call and its answer as KServe's blob store writes them.

1. A half that finds its other half in its own file is joined there, and is none of these.
2. Of the others, the first file that has one half and the first later file that has the other are told of each other.
3. The earlier file stores what both say. The later one judges it in the same way: its half is counted as joined, or
   goes to quarantine like the other, so that neither is lost where both together cannot be read.
4. What lies in a file of an earlier run cannot be joined any more: it was stored as it was. The half that comes later
   is a conflict with it, and counted under a reason of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from governance.records import LogFile, records
from governance.sources import Source

LATE = "late half, kept as a conflict (read both halves in one run)"
MAX_BYTES = 256 << 20  # of halves that are held; chosen here: parsed they take about a gigabyte


class Half(NamedTuple):
    """The other half of a record.

    Attributes:
        content: What it says.
        comes_later: Whether its file is read after that of the record.
    """

    content: Any
    comes_later: bool


Halves = Mapping[str, Half]  # what two halves share -> the other half


class _Open(NamedTuple):
    """A half whose other half has not been met."""

    file: str
    content: Any
    bytes: int


def halves_across(files: Iterable[tuple[LogFile, Source]]) -> dict[str, Halves]:
    """Digest of each file -> the halves of its records that lie in other files.

    Args:
        files: The files of one run, in the order in which they are read, with what reads them.
    """
    found: dict[str, dict[str, Half]] = {}
    for source, logs in _by_source(files):
        waiting: dict[str, _Open] = {}
        held = 0
        for log in logs:
            for key, half in _left(log, source):
                other = waiting.pop(key, None)
                if other is not None and source.join(other.content, half.content) is not None:
                    found.setdefault(other.file, {})[key] = Half(half.content, comes_later=True)
                    found.setdefault(half.file, {})[key] = Half(other.content, comes_later=False)
                    held += half.bytes
                elif held + half.bytes <= MAX_BYTES:
                    waiting[key] = half
                    held += half.bytes - (other.bytes if other else 0)
    return dict(found)


def _by_source(files: Iterable[tuple[LogFile, Source]]) -> Iterator[tuple[Source, list[LogFile]]]:
    """The formats that join halves and have several files, each file once."""
    logs: dict[str, dict[str, LogFile]] = {}
    known: dict[str, Source] = {}
    for log, source in files:
        if type(source).key is not Source.key:
            known[source.name] = source
            logs.setdefault(source.name, {}).setdefault(log.sha256, log)
    for name, own in logs.items():
        if len(own) > 1:
            yield known[name], list(own.values())


def _left(log: LogFile, source: Source) -> Iterator[tuple[str, _Open]]:
    """The halves of a file that find no other in it."""
    waiting: dict[str, _Open] = {}
    for record in records(log):
        for content in source.split(record.value) if record.value is not None else ():
            key = source.key(content)
            old = waiting.pop(key, None) if key is not None else None
            if key is not None and (old is None or source.join(old.content, content) is None):
                waiting[key] = _Open(log.sha256, content, len(record.raw))
    yield from waiting.items()
