"""Writes logs of which a share is hostile, with what has to become of every record of them."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from governance.simulator.hostile_records import Fields, Layout
from governance.simulator.hostility import BAD_CSV, BAD_JSON, BOM, ODD_CSV, ODD_JSON, ODD_TEXTS

ESCAPED = 0.5  # share of the JSON records that are written in ASCII
QUIET = 300  # good records at the start: they settle the types of inputs, and are what comes again later
MAX_BYTES = 32 << 20  # of one record; of a longer one, so many are kept


class Place(NamedTuple):
    """Where a record lies that has to be in quarantine, and why."""

    line: int
    offset: int
    length: int
    reason: str
    row_no: int


@dataclass
class Truth:
    """What has to become of a hostile log.

    Attributes:
        counts: As ingestion counts.
        ignored: Reason -> ignored records.
        quarantine: Every record that cannot be read.
        stored: What `Layout.stored` gives.
    """

    counts: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    quarantine: list[Place] = field(default_factory=list)
    stored: set[tuple[Any, ...]] = field(default_factory=set)

    @property
    def reasons(self) -> Counter[str]:
        """Reason -> records that are quarantined or ignored."""
        return Counter(place.reason for place in self.quarantine) + self.ignored


class HostileLog:
    """Writes one hostile log.

    Args:
        layout: What its records are.
        file: Where to.
        seed: Of the dice.
    """

    def __init__(self, layout: Layout, file: IO[bytes], seed: int) -> None:
        self.truth = Truth()
        self._layout = layout
        self._file = file
        self._dice = random.Random(seed)  # noqa: S311 - repeatable traffic, no secret
        self._is_json = layout.suffix == ".jsonl"
        self._early: list[Fields] = []
        self._tricks = self._deck()
        header = b"" if self._is_json else ",".join(layout.make(0, self._dice)).encode() + b"\r\n"
        self._line = 1 if self._is_json else 2
        self._offset = file.write(BOM + header)

    def write(self, records: int, *, share: float, too_long: bool) -> None:
        """Writes records, a share of them hostile; the last one, and the first JSON line, are cut short."""
        if self._is_json:
            self._rejected(b'w": 1.5}', "bad_json")
        for number in range(records):
            record = self._layout.make(number, self._dice)
            if number < QUIET or self._dice.random() >= share:
                self._stored(record, self._spelt(record))
                self._early += [record] if number < QUIET else []
            else:
                next(self._tricks)(record)
        if too_long:
            record = self._layout.make(records, self._dice)
            long = self._spelt(record | {self._layout.text: "x" * MAX_BYTES})
            self._rejected(long, "too_long", MAX_BYTES)
        self._rejected(self._spelt(self._layout.make(records + 1, self._dice))[:-30], "truncated", end=b"")

    def _deck(self) -> Iterator[Callable[[Fields], None]]:
        """Every trick in turn, shuffled anew each time, so that a short log has all of them."""
        spellings, odd = (BAD_JSON, ODD_JSON) if self._is_json else (BAD_CSV, ODD_CSV)
        deck: list[Callable[[Fields], None]] = [
            partial(self._misspelt, reason, spell) for reason, spell in spellings.values()
        ]
        deck += [partial(self._wrong, reason, fields) for reason, fields in self._layout.bad]
        deck += [partial(self._respelt, spell) for spell in odd.values()]
        deck += [partial(self._odd, text) for text in ODD_TEXTS]
        deck += [partial(self._ignored, line, reason) for line, reason in self._layout.ignored.items()]
        deck += [self._again, self._again, self._otherwise, self._blank]
        while True:
            self._dice.shuffle(deck)
            yield from deck

    def _misspelt(self, reason: str, spell: Callable[[bytes], bytes], record: Fields) -> None:
        self._rejected(spell(self._spelt(record)), reason)

    def _wrong(self, reason: str, fields: Fields, record: Fields) -> None:
        self._rejected(self._spelt(record | fields), reason)

    def _respelt(self, spell: Callable[[bytes], bytes], record: Fields) -> None:
        self._stored(record, spell(self._spelt(record)))

    def _odd(self, text: str, record: Fields) -> None:
        odd = record | {self._layout.text: text}
        self._stored(odd, self._spelt(odd))

    def _ignored(self, line: bytes, reason: str, _: Fields) -> None:
        self.truth.counts["ignored"] += 1
        self.truth.ignored[reason] += 1
        self._put(line)

    def _again(self, _: Fields) -> None:
        """An early record, its fields in another order where that says nothing."""
        record = self._dice.choice(self._early)
        self.truth.counts["duplicates"] += 1
        self._put(self._spelt(dict(reversed(record.items())) if self._is_json else record))

    def _otherwise(self, record: Fields) -> None:
        """Under the id of an early record, something else."""
        early = self._dice.choice(self._early)
        identity = next(iter(early))
        self.truth.counts.update(stored=1, conflicts=1)
        self._put(self._spelt(record | {identity: early[identity]}))

    def _blank(self, _: Fields) -> None:
        """A line that is no record."""
        self.truth.counts["records"] -= 1
        self._put(b" \t ")

    def _stored(self, record: Fields, content: bytes) -> None:
        self.truth.counts["stored"] += 1
        self.truth.stored.add(self._layout.expected(record))
        self._put(content)

    def _rejected(self, content: bytes, reason: str, length: int | None = None, end: bytes = b"\n") -> None:
        """A row of CSV may go on over lines, so its bytes have their line end; those of a JSON line do not."""
        whole = len(content) + (0 if self._is_json else len(end))
        row_no = self.truth.counts["records"] + 1
        self.truth.counts["quarantined"] += 1
        self.truth.quarantine.append(Place(self._line, self._offset, length or whole, reason, row_no))
        self._put(content, end)

    def _put(self, content: bytes, end: bytes | None = None) -> None:
        line = content + (self._dice.choice((b"\n", b"\r\n")) if end is None else end)
        self.truth.counts["records"] += 1
        self._line += line.count(b"\n")
        self._offset += self._file.write(line)

    def _spelt(self, record: Fields) -> bytes:
        if self._is_json:
            return json.dumps(record, ensure_ascii=self._dice.random() < ESCAPED).encode()
        row = io.StringIO()
        csv.writer(row, lineterminator="").writerow(record.values())
        return row.getvalue().encode()


def write_hostile_log(
    path: Path, layout: Layout, records: int, *, seed: int, share: float = 0.2, too_long: bool = False
) -> Truth:
    """What has to become of the log that this writes.

    Args:
        path: Where to.
        layout: What its records are.
        records: How many, about.
        seed: Of the dice; the same log is written for the same seed.
        share: Of the records, that are hostile.
        too_long: Whether one is longer than any record may be.
    """
    with path.open("wb") as file:
        log = HostileLog(layout, file, seed)
        log.write(records, share=share, too_long=too_long)
    return log.truth
