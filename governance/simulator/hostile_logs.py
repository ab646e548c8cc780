"""Writes logs of which a share is hostile, with what has to become of every record of them."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from governance.simulator.hostility import (
    BAD_CSV,
    BAD_JSON,
    BAD_NESTED,
    BAD_VALUES,
    BOM,
    ODD_CSV,
    ODD_JSON,
    ODD_TEXTS,
    OWN_BAD_VALUES,
)

START = datetime(2026, 7, 1, tzinfo=UTC)
ESCAPED = 0.5  # share of the JSON records that are written in ASCII
QUIET = 300  # good records at the start: they settle the types of inputs, and are what comes again later
MAX_BYTES = 32 << 20  # of one record; of a longer one, so many are kept
MAPPING = """\
source: mapped
columns:
  request_id: id
  start_ts: at
  model: {constant: credit}
  input_tokens: tokens
  cost_reported: cost
  user_id: note
  decision: decision
  score: score
features: [amount]
"""

Fields = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """What the records of a hostile log are.

    Attributes:
        suffix: .jsonl or .csv.
        is_mapped: Whether MAPPING reads them; else they are recognised.
        make: Number, dice -> a good record; its first field is its id.
        text: Its field that holds any text.
        stored: SQL that gives the id and what else is compared of each stored request.
        expected: Record -> the same.
        bad: Why a record cannot be read, and the fields that make it so.
        ignored: Line -> reason, of records that the format defines as something else.
    """

    suffix: str
    is_mapped: bool
    make: Callable[[int, random.Random], Fields]
    text: str
    stored: str
    expected: Callable[[Fields], tuple[Any, ...]]
    bad: tuple[tuple[str, Fields], ...]
    ignored: Mapping[bytes, str] = field(default_factory=dict)


class Place(NamedTuple):
    """Where a record lies that has to be in quarantine, and why."""

    line: int
    offset: int
    length: int
    reason: str


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


def _moment(number: int) -> str:
    return (START + timedelta(seconds=number * 7 % (90 * 86_400))).isoformat().replace("+00:00", "Z")


def _mapped(number: int, dice: random.Random) -> Fields:
    return {
        "id": f"r{number}",
        "at": _moment(number),
        "tokens": dice.randrange(5_000),
        "cost": dice.randrange(1_000) / 100_000,
        "decision": dice.choice(("yes", "no")),
        "score": round(dice.random(), 6),
        "amount": dice.randrange(100_000),
        "note": f"note {number}",
    }


def _opa(number: int, dice: random.Random) -> Fields:
    return {
        "decision_id": f"d{number}",
        "timestamp": _moment(number),
        "labels": {"id": "gateway", "version": "1.4.2"},
        "path": f"credit/rule{number % 97}",
        "input": {"amount": dice.randrange(100_000), "texts": ["a", {"b": None}]},
        "result": dice.random() < 0.5,  # noqa: PLR2004 - evens
    }


def _spend(number: int, dice: random.Random) -> Fields:
    return {
        "request_id": f"chatcmpl-{number}",
        "call_type": "acompletion",
        "startTime": _moment(number),
        "spend": dice.randrange(1_000) / 100_000,
        "prompt_tokens": dice.randrange(5_000),
        "model": "gpt-4o-mini",
        "user": f"user {number}",
    }


def _plain(text: str) -> str:
    return text.replace("\0", "")


_MAPPED_SQL = (
    "SELECT r.request_id, r.input_tokens, CAST(r.cost_reported AS DOUBLE), r.user_id, d.score "
    "FROM requests r JOIN decisions d USING (request_uid)"
)


def _mapped_values(record: Fields) -> tuple[Any, ...]:
    score = None if str(record["score"]) in {"nan", "Infinity"} else record["score"]
    return (str(record["id"]), record["tokens"], record["cost"], _plain(record["note"]), score)


_mapped_layout = partial(Layout, is_mapped=True, make=_mapped, text="note", stored=_MAPPED_SQL, expected=_mapped_values)
LAYOUTS: dict[str, Layout] = {
    "mapped-json": _mapped_layout(".jsonl", bad=(*BAD_VALUES, *BAD_NESTED)),
    "mapped-csv": _mapped_layout(".csv", bad=BAD_VALUES),
    "opa": Layout(
        ".jsonl",
        is_mapped=False,
        make=_opa,
        text="path",
        stored="SELECT r.request_id, d.rule_id, d.decision FROM requests r JOIN decisions d USING (request_uid)",
        expected=lambda record: (record["decision_id"], _plain(record["path"]), str(record["result"]).lower()),
        bad=OWN_BAD_VALUES["opa"],
        ignored={b'{"level": "info", "msg": "Received request.", "time": "2026-07-01T00:00:00Z"}': "server log line"},
    ),
    "litellm-spend": Layout(
        ".csv",
        is_mapped=False,
        make=_spend,
        text="user",
        stored="SELECT request_id, input_tokens, CAST(cost_reported AS DOUBLE), user_id FROM requests",
        expected=lambda record: (
            record["request_id"],
            record["prompt_tokens"],
            record["spend"],
            _plain(record["user"]),
        ),
        bad=OWN_BAD_VALUES["litellm-spend"],
    ),
}


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
        self.truth.counts["quarantined"] += 1
        self.truth.quarantine.append(Place(self._line, self._offset, length or whole, reason))
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
