"""The objects in the lists of a long line: where they stand, and which of them are of a pattern."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from governance.formats.rows import Columns
from governance.patterns.tree import Patterns

Places = npt.NDArray[np.int64]

DEPTH = 6  # of `{"resourceSpans": [{"scopeSpans": [{"spans": [`
_MOST_LISTS = 1_000
_SMALLEST = 64  # bytes of an object; chosen here: a line of smaller ones holds no spans
_SPARE = 8  # bytes that mean nothing behind the last one


class Objects:
    """The objects of one line.

    Args:
        raw: The line.
        first: First byte of each object, shape (objects,).
        last: The byte behind it.
        lists: Which list it stands in.
        edges: First byte within each list and the one behind the last, shape (lists, 2).

    Attributes:
        patterns: Number of the pattern of each object, -1 of none.
    """

    def __init__(self, raw: bytes, first: Places, last: Places, lists: Places, edges: Places) -> None:
        self._line = raw
        self._data = np.frombuffer(raw + bytes(_SPARE), np.uint8)
        self._edges_of = (first, last)
        self.lists, self.edges = lists, edges
        self.patterns = np.full(len(first), -1, np.int32)
        self._first = self._last = np.empty((0, len(first)), np.int32)

    @classmethod
    def found(cls, raw: bytes, key: bytes, fewest: int) -> Objects | None:
        """The objects of a line; None if nobody can say which they are, or there are too few.

        Args:
            raw: The line.
            key: Under which the lists stand.
            fewest: How many are enough.
        """
        if raw.count(b"{") < fewest:  # which most lines tell by themselves
            return None
        from governance.compiled.jit import words_of  # noqa: PLC0415 - takes a second
        from governance.compiled.members import members  # noqa: PLC0415

        data, name = (np.frombuffer(each + bytes(_SPARE), np.uint8) for each in (raw, key))
        first, last, lists = np.empty((3, len(raw) // _SMALLEST + 1), np.int64)
        edges = np.empty((_MOST_LISTS, 2), np.int64)
        where = (words_of(data), len(raw), words_of(name), len(key), DEPTH)
        count, opened = members(data, *where, first, last, lists, edges)
        return None if count < fewest else cls(raw, first[:count], last[:count], lists[:count], edges[:opened])

    def __len__(self) -> int:
        return len(self.patterns)

    def raw(self, place: int) -> bytes:
        """The bytes of one object."""
        return self._line[int(self._edges_of[0][place]) : int(self._edges_of[1][place])]

    def frame(self) -> bytes:
        """The line without the objects: its lists are empty."""
        starts, ends = [0, *self.edges[:, 1].tolist()], [*self.edges[:, 0].tolist(), len(self._line)]
        return b"".join(self._line[start:end] for start, end in zip(starts, ends, strict=True))

    def unlike(self, tree: Patterns) -> Places:
        """Finds the pattern of each object; places of those that have none."""
        if tree.templates:
            from governance.compiled.chains import follow  # noqa: PLC0415 - as in `found`
            from governance.compiled.jit import words_of  # noqa: PLC0415

            table = tree.table()
            literals = words_of(np.frombuffer(table.literals + bytes(_SPARE), np.uint8))
            self._first, self._last = np.empty((2, tree.slots, len(self)), np.int32)
            known = (*self._edges_of, literals, table.nodes, table.ways)
            follow(self._data, words_of(self._data), *known, self._first, self._last, self.patterns)
        return np.flatnonzero(self.patterns < 0)

    def columns(self, places: Places, slots: int) -> Columns:
        """The values of some objects of one pattern.

        Args:
            places: Which ones.
            slots: How many values each has.
        """
        from governance.compiled.jit import words_of  # noqa: PLC0415 - as in `found`
        from governance.patterns.columns import SlotColumns  # noqa: PLC0415

        first, last = (each[:slots, places] for each in (self._first, self._last))
        return SlotColumns(self._data, words_of(self._data), first, last)
