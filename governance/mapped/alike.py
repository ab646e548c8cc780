"""Lines of JSON that one program wrote -> their values, by compiled loops over the bytes.

A line is read here if it is one of a grammar, which holds its keys and marks, and if each value between them is one:
text that is UTF-8 and has no escape but those that JSON knows, a number, true, false, null, or a list that the strict
parser can read. So the strict parser would read just these values. All other lines are doubtful.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.compiled.jit import WORD, words_of
from governance.compiled.lines import match
from governance.compiled.tree import TEXT
from governance.compiled.values import IS_ODD
from governance.mapped.grammar import Grammar
from governance.mapped.scans import Lines, Mask, Path, Wanted, flat
from governance.mapped.written import APART, Typed, Written
from governance.records.record import MAX_RECORD_BYTES
from governance.records.stretches import Stretch

_CELLS = 1 << 17  # values that are looked at together: they stay in the processor's cache
_FEWEST, _MOST = 1 << 8, 1 << 12  # lines that are


class Alike(NamedTuple):
    """What was read of a stretch.

    Attributes:
        table: The values of the lines without doubt, shape (lines without doubt, wanted values): texts, or as `Wanted`
            allows whole numbers and dictionaries of texts.
        names: Keys of the lines themselves that have a value somewhere.
        doubts: The other lines, shape (lines,).
    """

    table: pa.Table
    names: list[str]
    doubts: Mask


def alike(stretch: Stretch, lines: Lines, grammar: Grammar, wanted: Wanted) -> Alike:
    """The values of the lines of a grammar.

    Args:
        stretch: The bytes.
        lines: Where each line stands in them, at least one.
        grammar: What they have in common; learns which columns have many different texts.
        wanted: Which values are wanted; the others are only looked at.
    """
    return _Reader(stretch, lines, grammar, wanted).read()


class _Reader:
    """Reads the lines of one stretch, some at a time."""

    def __init__(self, stretch: Stretch, lines: Lines, grammar: Grammar, wanted: Wanted) -> None:
        self._data, self._lines, self._grammar = stretch.padded, lines, grammar
        self._words = words_of(self._data)
        self._columns = grammar.columns
        self._is_wanted = [wanted.takes_all or ".".join(column.path) in wanted.names for column in self._columns]
        self._is_sure = np.zeros(len(lines), np.bool_)
        self._found = _Found(len(self._columns))
        self._typed = Typed(grammar, wanted, len(lines))
        self._written: dict[int, Written] = {}  # column -> what of it is not in `_typed`
        self._is_met = np.zeros(len(self._columns), np.bool_)

    def read(self) -> Alike:
        """All of them."""
        table = self._grammar.table()
        literals = np.frombuffer(table.literals + bytes(WORD), np.uint8)
        tree = (words_of(literals), table.nodes, table.ways)
        filled = 0
        for start in range(0, len(self._lines), self._found.lines):
            span = slice(start, start + self._found.lines)
            lines = self._lines.starts[span], self._lines.ends[span], *tree
            arrays = *self._found.cleared(), self._is_sure[span], *self._typed.arrays(filled)
            count = match(self._data, self._words, *lines, *arrays)
            self._take(count, filled)
            filled += count
        is_kept = (self._lines.ends - self._lines.starts)[self._is_sure] <= MAX_RECORD_BYTES
        texts = {place: written.column(is_kept) for place, written in self._written.items()}
        self._is_sure[self._is_sure] = is_kept
        rows = self._table(filled, texts)
        if rows.num_columns and not is_kept.all():
            rows = rows.filter(pa.array(is_kept))
        return Alike(rows, self._names(), ~self._is_sure)

    def _take(self, count: int, filled: int) -> None:
        """Takes what was found in some lines behind others."""
        sizes, marks = self._found.sizes.tolist(), self._found.marks.tolist()
        for place, (column, size, mark) in enumerate(zip(self._columns, sizes, marks, strict=True)):
            self._is_met[place] |= bool(size) or (bool(mark) and len(column.path) > 1)
            is_odd = bool(mark & IS_ODD) and column.kind != TEXT
            if self._typed.covers(place, filled) or not (self._is_wanted[place] or is_odd or place in self._written):
                continue
            if place not in self._written:
                self._written[place] = Written(self._data, self._words, column, filled, len(self._lines))
            first, last = self._found.first[place, :count], self._found.last[place, :count]
            self._written[place].add(first, last, size, is_odd=is_odd)

    def _table(self, count: int, texts: dict[int, pa.StringArray]) -> pa.Table:
        columns: dict[Path, list[pa.ChunkedArray]] = defaultdict(list)
        for place, column in enumerate(self._columns):
            if self._is_wanted[place]:
                parts = self._typed.column(place, count, self._data), texts.get(place)
                columns[column.path].append(_joined([part for part in parts if part is not None]))
        return flat({}, {path: own[0] if len(own) == 1 else _together(own) for path, own in columns.items()})

    def _names(self) -> list[str]:
        met = [column.path for column, is_met in zip(self._columns, self._is_met.tolist(), strict=True) if is_met]
        return list(dict.fromkeys(path[0] for path in met))


def _joined(parts: list[pa.Array]) -> pa.ChunkedArray:
    """One column of what stands first, and as texts of what follows."""
    return pa.chunked_array(
        parts if len(parts) == 1 else [pa.concat_arrays([part.cast(pa.string()) for part in parts])]
    )


def _together(columns: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    """One column of values that are written in several ways."""
    filled = [column for column in columns if column.null_count < len(column)] or columns[:1]
    return filled[0] if len(filled) == 1 else pc.coalesce(*[column.cast(pa.string()) for column in filled])


class _Found:
    """Where the values of some lines stand; the same memory each time.

    Args:
        columns: How many columns there are.

    Attributes:
        lines: How many lines there is room for.
        first: First byte of each value, -1 where there is none; shape (columns, lines).
        last: The byte behind it, or ~ that.
        sizes: Bytes of all values of a column, shape (columns,).
        marks: What they are.
    """

    def __init__(self, columns: int) -> None:
        self.lines = min(max(_CELLS // columns, _FEWEST), _MOST)
        self.first, self.last = np.empty((2, columns, self.lines + APART), np.int32)
        self.sizes, self.marks = np.zeros(columns, np.int64), np.zeros(columns, np.uint8)

    def cleared(self) -> tuple[Any, ...]:
        """The arrays, of no values."""
        self.first.fill(-1)
        return self.first, self.last, self.sizes, self.marks
