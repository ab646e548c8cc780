"""What tables are made of: columns with their types, and the columns that every table has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

TEXT = "VARCHAR"
TEXTS = "VARCHAR[]"
TIME = "TIMESTAMPTZ"
WHOLE = "BIGINT"
REAL = "DOUBLE"
FLAG = "BOOLEAN"
MONEY = "DECIMAL(18,12)"
TAGS = "MAP(VARCHAR, VARCHAR)"
BYTES = "BLOB"


class Column(NamedTuple):
    """One canonical column."""

    name: str
    type: str
    meaning: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One canonical table.

    Attributes:
        name: Folder in the store and name of the view.
        meaning: What one row is.
        identity: Column whose value is the same when the same thing is delivered twice.
        time: Column that says in which day folder a row lies and by which the rows are sorted.
        columns: The fixed columns.
        wide: Whether columns of other names may follow.
    """

    name: str
    meaning: str
    identity: str
    time: str
    columns: tuple[Column, ...]
    wide: bool = False

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fixed columns, in order."""
        return tuple(column.name for column in self.columns)


def needed(name: str, kind: str, meaning: str) -> Column:
    """A column that is never null."""
    return Column(name, kind, meaning, required=True)


PROVENANCE = (
    needed("file_sha256", TEXT, "digest of the file that the row was read from"),
    needed("row_no", WHOLE, "number of the record in that file, from 1"),
)
CONFLICT = needed("is_conflict", FLAG, "the identity was stored before with other content; kept, not counted")
