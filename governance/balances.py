"""What became of records: the counts of each file, which account for all of them, and their sums."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from governance.proof.entries import Entry

Report = TypeVar("Report")

COUNTS = ("records", "stored", "duplicates", "conflicts", "quarantined", "ignored")


@dataclass(slots=True)
class FileReport:
    """What became of the records of one file; records = stored + duplicates + quarantined + ignored.

    Of a file that grew, these are the records from `from_byte` on.
    """

    path: str
    source: str
    from_byte: int = 0
    records: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    quarantined: int = 0
    ignored: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    segments: int = 0
    first: str | None = None
    last: str | None = None

    def counts(self) -> dict[str, int]:
        """The six counts."""
        return {name: getattr(self, name) for name in COUNTS}

    def add(self, counts: dict[str, int], reasons: dict[str, int]) -> None:
        """Adds what became of one batch."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + counts[name])
        self.reasons.update(reasons)

    def add_again(self, entry: Entry) -> None:
        """Adds what was committed before: what was stored then is a duplicate now."""
        counts: dict[str, int] = entry.facts["counts"]
        duplicates = counts["stored"] + counts["duplicates"]
        self.add(counts | {"stored": 0, "conflicts": 0, "duplicates": duplicates}, entry.facts["reasons"])
        self.widen(entry.facts.get("first"), entry.facts.get("last"))

    def widen(self, first: str | None, last: str | None) -> None:
        """Widens the stretch of time between the first and the last row."""
        if first is not None and last is not None:
            self.first, self.last = min(self.first or first, first), max(self.last or last, last)


@dataclass(frozen=True)  # slots and a frozen generic do not go together in Python 3.11
class Outcome(Generic[Report]):
    """What became of all files of a run, and the ledger afterwards."""

    files: tuple[Report, ...]
    ledger_size: int
    ledger_root: str

    def total(self, count: str) -> int:
        """The sum of one count over the files."""
        return sum(getattr(report, count) for report in self.files)
