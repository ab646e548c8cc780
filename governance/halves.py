"""Halves of one thing, such as a call and its answer: in one file, in several files of a run, or in several runs.

1. A half that finds its other half in its own file is joined there, and is none of these.
2. Of the others, the first file of a run that has one half and the first later file that has the other are told of each
   other. The earlier file stores what both say. The later one judges it in the same way: its half is counted as joined,
   or goes to quarantine like the other, so that neither is lost where both together cannot be read.
3. A half that is stored alone is kept in the store, without its body. The half that comes later completes it: what both
   say is stored, and the row of the half counts no longer. Until then it counts as what it is.
4. A half that came alone before is a duplicate when it comes again, alone or with the other.
5. A half that differs from one that is stored, or whose other half was stored by a version that kept none, is a
   conflict, and counted under a reason of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from governance.envelopes import Unread, contents
from governance.records import LogFile, records
from governance.sources import Halved, Source

LATE = "half that differs from what is stored, kept as a conflict"
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


class Waiting(NamedTuple):
    """A half in the store that waits for its other half.

    Attributes:
        kept: What was kept of it.
        file_sha256: File that it came from.
        row_no: Number of its record there.
    """

    kept: str
    file_sha256: str
    row_no: int


class Stored(NamedTuple):
    """What the store knows of the halves of one key that came alone.

    Attributes:
        digests: Of their content.
        waiting: The one that waits for its other half.
    """

    digests: frozenset[str]
    waiting: Waiting | None


class Held(Protocol):
    """The halves of one format that came alone and are in the store."""

    def may_hold(self, key: str) -> bool:
        """Whether a half of this key may be among them."""

    def find(self, keys: Iterable[str]) -> Mapping[str, Stored]:
        """Key -> what is known of its halves, for keys of which there are some."""


class NoneHeld:
    """No halves: of a format that has none, or where nothing is stored."""

    def may_hold(self, _key: str) -> bool:
        """Never."""
        return False

    def find(self, _keys: Iterable[str]) -> Mapping[str, Stored]:
        """Nothing."""
        return {}


class _Open(NamedTuple):
    """A half whose other half has not been met."""

    file: str
    content: Any
    bytes: int


def halves_across(files: Iterable[tuple[LogFile, Source]], held: Mapping[str, Held]) -> dict[str, Halves]:
    """Digest of each file -> the halves of its records that lie in other files.

    Args:
        files: The files of one run, in the order in which they are read, with what reads them.
        held: Source -> its halves that are in the store: what belongs to these is joined with them.
    """
    found: dict[str, dict[str, Half]] = {}
    for source, logs in _by_source(files):
        waiting: dict[str, _Open] = {}
        held_bytes = 0
        for log in logs:
            for key, half in _left(log, source):
                if held[source.name].may_hold(key):
                    continue
                other = waiting.pop(key, None)
                if other is not None and source.join(other.content, half.content) is not None:
                    found.setdefault(other.file, {})[key] = Half(half.content, comes_later=True)
                    found.setdefault(half.file, {})[key] = Half(other.content, comes_later=False)
                    held_bytes += half.bytes
                elif held_bytes + half.bytes <= MAX_BYTES:
                    waiting[key] = half
                    held_bytes += half.bytes - (other.bytes if other else 0)
    return dict(found)


def _by_source(files: Iterable[tuple[LogFile, Source]]) -> Iterator[tuple[Halved, list[LogFile]]]:
    """The formats that join halves and have several files, each file once."""
    logs: dict[str, dict[str, LogFile]] = {}
    known: dict[str, Halved] = {}
    for log, source in files:
        if isinstance(source, Halved):
            known[source.name] = source
            logs.setdefault(source.name, {}).setdefault(log.sha256, log)
    for name, own in logs.items():
        if len(own) > 1:
            yield known[name], list(own.values())


def _left(log: LogFile, source: Halved) -> Iterator[tuple[str, _Open]]:
    """The halves of a file that find no other in it."""
    waiting: dict[str, _Open] = {}
    for record in records(log):
        for content in contents(record.value, source) if record.value is not None else ():
            key = None if isinstance(content, Unread) else source.key(content)
            old = waiting.pop(key, None) if key is not None else None
            if key is not None and (old is None or source.join(old.content, content) is None):
                waiting[key] = _Open(log.sha256, content, len(record.raw))
    yield from waiting.items()
