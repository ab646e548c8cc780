"""What a record becomes: rows of canonical tables, something else, or nothing that can be read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

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


class InputRow(NamedTuple):
    """The inputs of one decision, as logged.

    Attributes:
        decision_id: Decision that they led to.
        decision_ts: When it was decided.
        version: Version of the model, empty where the log does not say it.
        values: Input -> value: a text, a number, a truth value or None.
    """

    decision_id: str
    decision_ts: datetime
    version: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """What one record becomes: rows by canonical table, and the inputs of its decisions by model.

    Attributes:
        tables: Name of a canonical table to its rows. A row names canonical columns only; columns that are left out
            are null. `file_sha256`, `row_no` and `is_conflict` are filled in by ingestion; so is the `known_ts` of an
            outcome that does not say when it became known: it is when it was read.
        features: Model (empty where the log does not say it) to the inputs of its decisions.
    """

    tables: Mapping[str, Iterable[Row]] = field(default_factory=dict)
    features: Mapping[str, Iterable[InputRow]] = field(default_factory=dict)


class Part(NamedTuple):
    """Rows of one table that many records become, column by column.

    Attributes:
        table: Name of the canonical table.
        places: Which of the records each row is of, shape (rows,).
        columns: Canonical column -> its values, shape (rows,), each as `Rows` would hold it and within the limits of
            its column; times as microseconds since 1970. Columns that are left out are null.
    """

    table: str
    places: Sequence[int]
    columns: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Many:
    """What many records become at once.

    Attributes:
        left: Places of the records that are still to be read one by one.
        parts: Rows of others.
        ignored: Place -> what it is instead, of those that are something else.
    """

    left: Collection[int]
    parts: Sequence[Part] = ()
    ignored: Mapping[int, Ignored] = field(default_factory=dict)


class Columns(Protocol):
    """Values of objects that differ in these only; they share one form, which has a slot in place of each."""

    def __len__(self) -> int:
        """How many objects there are."""

    def filled(self, value: Any) -> Sequence[Any]:
        """A part of the form, as it is in each object; shape (objects,)."""


class Meaning(NamedTuple):
    """What objects of one form mean.

    Attributes:
        records: How many records each holds.
        read: What these become, all at once; those of one object follow one another.
    """

    records: int
    read: Callable[[Columns], Many]
