"""Log formats: one file each, one `SOURCE` in it; the file's name is the source's name.

A source turns the *records* of a file (rows, array elements, spans) into rows of the canonical tables. It reads no
file and writes none: `governance.records` gives it the records, `governance.ingestion` takes what it makes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from governance.formats.rows import REASONS, Ignored, InputRow, Many, Meaning, Part, Row, Rows, UnreadableError

__all__ = [
    "REASONS",
    "Halved",
    "Ignored",
    "InputRow",
    "Many",
    "Meaning",
    "Part",
    "Row",
    "Rows",
    "Source",
    "UnreadableError",
]


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

    def within(self, name: str) -> Source:  # noqa: ARG002 - the records of most formats say all
        """The source for the records of one file, of a format in which the file's path says something about them.

        Args:
            name: The file's name, as the user wrote it.
        """
        return self

    @abstractmethod
    def rows(self, record: Any) -> Rows | Ignored:
        """The canonical rows of one record.

        Raises:
            UnreadableError: The record cannot be read.
        """

    def many(self, records: Sequence[Any]) -> Many:
        """What of many records can be read at once, with the same result as `rows` has for each; here none."""
        return Many(left=range(len(records)))

    @property
    def has_meanings(self) -> bool:
        """Whether there are objects whose `meaning` the format can tell."""
        return type(self).meaning is not Source.meaning

    def meaning(self, form: Mapping[str, Any]) -> Meaning | None:  # noqa: ARG002 - most formats look at each object
        """What the objects of a file mean that differ in some values only; None where each is to be read.

        Args:
            form: One of them, with slots in place of those values. It need not be of this format.
        """
        return None


class Halved(Source):
    """A format that tells one thing in two records, such as a call and its answer."""

    @abstractmethod
    def key(self, record: Any) -> str | None:
        """What a record shares with its other half; None for one that is no half."""

    @abstractmethod
    def join(self, first: Any, second: Any) -> Any | None:
        """Two records of one key as one, or None where they are not the halves of one thing.

        Args:
            first: The record that came first, or what was kept of it.
            second: The record that came later.
        """

    @abstractmethod
    def kept(self, record: Any) -> str | None:
        """What is kept of a half that found no other, for `join` and `rows`: JSON without bodies, which lie elsewhere.

        None where it could not be read together with another.
        """

    @abstractmethod
    def recalled(self, kept: str) -> Any:
        """The half that was kept, for `join`."""
