"""A run while it is read: how many records its lines are, and what number each of these has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from governance.formats.rows import Many, Part
from governance.patterns.runs import Alike, Run


class RunReading:
    """Reads the lines of a run that are alike.

    Args:
        run: The run.

    Attributes:
        left: Places of the lines that must be read one by one, ascending.
    """

    def __init__(self, run: Run) -> None:
        self._counts = np.zeros(len(run.sizes), np.int64)
        self._many = [(alike, _of_whole_lines(alike)) for alike in run.alike]
        left = set(run.left)
        for alike, many in self._many:
            lines = alike.places[np.fromiter(many.left, np.int64) // alike.meaning.records]
            self._counts[alike.places] = alike.meaning.records
            self._counts[lines] = 0
            left.update(lines.tolist())
        self.left = sorted(left)
        self._before = np.cumsum(self._counts) - self._counts
        self._added = 0

    @property
    def records(self) -> int:
        """How many records the lines are, of the others those that were added."""
        return int(self._counts.sum())

    def before(self, place: int) -> int:
        """How many records come before a line of `left`, if those of the lines before it were added."""
        return int(self._before[place]) + self._added

    def add(self, place: int, records: int) -> None:
        """Says how many records a line is that was read alone."""
        self._counts[place] = records
        self._added += records

    def numbered(self, before: int) -> Iterator[tuple[Many, Sequence[int]]]:
        """What was read at once, with the number of each record in the file.

        Args:
            before: How many records come before.
        """
        firsts = np.cumsum(self._counts) - self._counts + before + 1
        for alike, many in self._many:
            numbers = firsts[alike.places][:, None] + np.arange(alike.meaning.records)
            yield many, numbers.ravel().tolist()


def _of_whole_lines(alike: Alike) -> Many:
    """What lines become of which all records can be read at once; all records of the others are left."""
    many, records = alike.meaning.read(alike.columns), alike.meaning.records
    if records == 1 or not many.left:
        return many
    lines = {place // records for place in many.left}
    parts = [_without(part, lines, records) for part in many.parts]
    ignored = {place: what for place, what in many.ignored.items() if place // records not in lines}
    return Many([line * records + place for line in lines for place in range(records)], parts, ignored)


def _without(part: Part, lines: set[int], records: int) -> Part:
    kept = [row for row, place in enumerate(part.places) if place // records not in lines]
    columns = {name: [values[row] for row in kept] for name, values in part.columns.items()}
    return Part(part.table, [part.places[row] for row in kept], columns)
