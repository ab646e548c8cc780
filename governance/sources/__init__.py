"""Log formats: one file each, one `SOURCE` in it; the file's name is the source's name.

A source turns the *records* of a file (rows, array elements, spans) into rows of the canonical tables. It reads no
file and writes none: `governance.records` gives it the records, `governance.ingestion` takes what it makes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

Row = dict[str, Any]


class UnreadableError(Exception):
    """A record cannot be read: it goes to quarantine with its bytes.

    Args:
        reason: One word of the closed list in `REASONS`.
        detail: What exactly, naming the field.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


REASONS = (
    "bad_json",
    "bad_utf8",
    "bad_csv",
    "duplicate_key",
    "too_deep",
    "too_long",
    "not_an_object",
    "missing_value",
    "bad_time",
    "type_mismatch",
    "out_of_range",
    "unmapped_value",
    "truncated",
)


@dataclass(frozen=True, slots=True)
class Ignored:
    """A record that the format defines as something else, such as a span that is no request.

    Attributes:
        reason: Short text by which such records are counted.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Rows:
    """What one record becomes: rows by canonical table.

    Attributes:
        tables: Name of a canonical table to its rows. A row names canonical columns only; columns that are left out
            are null. `file_sha256`, `row_no` and `is_conflict` are filled in by ingestion.
    """

    tables: Mapping[str, Iterable[Row]] = field(default_factory=dict)


class Source(ABC):
    """A log format whose records are JSON objects.

    Attributes:
        name: As users type it; equal to the file's name with hyphens.
        title: The format in a few words.
        fills: Canonical columns that it can fill (`table.column`), for `governance sources`.
        verified: What real records it was tested on, or that there were none.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    fills: ClassVar[tuple[str, ...]]
    verified: ClassVar[str]

    @abstractmethod
    def recognises(self, value: Mapping[str, Any]) -> bool:
        """Whether the first object of a file (a line, an array element or the whole document) is of this format."""

    def split(self, value: Mapping[str, Any]) -> Iterable[Any]:
        """The records in one object of the file; most formats have one."""
        return (value,)

    @abstractmethod
    def rows(self, record: Any) -> Rows | Ignored:
        """The canonical rows of one record.

        Raises:
            UnreadableError: The record cannot be read.
        """
