"""Records of one file while their halves are brought together: in the file, with other files, and with the store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from governance import batches
from governance.batches import LoneHalf
from governance.formats.conversions import canonical_json, sha256_of
from governance.halves import Halves, Held, Stored, Waiting
from governance.records import Record
from governance.sources import Halved, Source


class Part(NamedTuple):
    """One record of a line.

    Attributes:
        line: The line.
        item: Which of its records, from 1.
        number: Its number in the file, from 1.
    """

    line: Record
    item: int
    number: int


class Item(NamedTuple):
    """A record that a source has split off.

    Attributes:
        parts: What it was read from; two where it was joined.
        content: What it says.
        is_told: Whether another file has its rows: it is the later half of what was joined there.
        completes: The stored half that it completes.
    """

    parts: tuple[Part, ...]
    content: Any
    is_told: bool = False
    completes: Waiting | None = None

    @property
    def number(self) -> int:
        """Its number in the file, from 1."""
        return self.parts[0].number

    def without_content(self) -> Item:
        """Where it stands and its bytes alone, which take a tenth of what was parsed."""
        parts = tuple(part._replace(line=part.line._replace(value=None)) for part in self.parts)
        return self._replace(parts=parts, content=None)


class Settled(NamedTuple):
    """What has become of halves that did not find each other at once.

    Attributes:
        items: To be read, each half with its other half if there is one.
        duplicates: How many are in the store already, beside these.
        lone: Those that no file of the run has the other half of.
    """

    items: list[Item]
    duplicates: int
    lone: list[LoneHalf]


class Pairing:
    """The halves of one file.

    Args:
        source: The format.
        others: Halves of its records that lie in other files of the run.
        held: Halves of the format that are in the store.
    """

    def __init__(self, source: Source, others: Halves, held: Held) -> None:
        self._source = source
        self._others = others
        self._held = held
        self._waiting: dict[str, Item] = {}
        self._met: list[tuple[str, tuple[Item, ...]]] = []  # by key; the store may know them

    @property
    def is_waiting(self) -> bool:
        """Whether there are halves that have not found their other half."""
        return bool(self._waiting)

    def offer(self, new: Item) -> Item | None:
        """A record that can be read: the one that is offered, or with it the half before; None where it has to wait."""
        if not isinstance(self._source, Halved) or (key := self._source.key(new.content)) is None:
            return new
        old = self._waiting.pop(key, None)
        joined = None if old is None else self._source.join(old.content, new.content)
        if old is None or joined is None:
            self._waiting[key] = new
            if old is not None:
                self._met.append((key, (old,)))
        elif self._held.may_hold(key):
            self._met.append((key, (old, new)))
        else:
            return Item(old.parts + new.parts, joined)
        return None

    def settle(self, *, is_end: bool) -> Settled:
        """What becomes of the halves that wait: all at the end of the file, else those that have waited long.

        Args:
            is_end: Whether the file is read to its end.
        """
        found = Settled([], 0, [])
        if not isinstance(self._source, Halved):
            return found
        found.items.extend(self._told(self._source, 0 if is_end else batches.BATCH_RECORDS))
        met, self._met = self._met, []
        known = dict(self._held.find(key for key, _ in met if self._held.may_hold(key)))
        duplicates = 0
        for key, items in met:
            stored = known.get(key, Stored(frozenset(), None))
            digests = [_digest(item) for item in items]
            new = [item for item, digest in zip(items, digests, strict=True) if digest not in stored.digests]
            duplicates += len(items) - len(new)
            if len(new) > 1:
                joined = self._source.join(new[0].content, new[1].content)
                found.items.append(Item(new[0].parts + new[1].parts, joined))
            elif new:
                read, lone = _alone(self._source, key, new[0], stored.waiting)
                found.items.append(read)
                found.lone.append(lone)
                if read.completes:
                    known[key] = Stored(stored.digests | {lone.sha256}, None)
        return found._replace(duplicates=duplicates)

    def _told(self, source: Halved, most: int) -> Iterator[Item]:
        """Of the halves that wait, the oldest until no more than `most` are left: those that another file completes."""
        while len(self._waiting) > most:
            key = next(iter(self._waiting))
            item = self._waiting.pop(key)
            other = self._others.get(key)
            if other is None:
                self._met.append((key, (item,)))
            elif other.comes_later:
                yield item._replace(content=source.join(item.content, other.content))
            else:
                yield item._replace(content=source.join(other.content, item.content), is_told=True)


def _alone(source: Halved, key: str, item: Item, waiting: Waiting | None) -> tuple[Item, LoneHalf]:
    """A half with the one that waits for it in the store, else as what it is and what is kept of it."""
    joined = None if waiting is None else source.join(source.recalled(waiting.kept), item.content)
    if joined is not None:
        return item._replace(content=joined, completes=waiting), LoneHalf(item.number, key, _digest(item), None)
    return item, LoneHalf(item.number, key, _digest(item), source.kept(item.content))


def _digest(item: Item) -> str:
    """Of what a half says, however its file writes it."""
    return sha256_of(canonical_json(item.content))
