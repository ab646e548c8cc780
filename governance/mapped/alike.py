"""Lines of JSON that one program wrote -> their values, by compiled loops over the bytes.

A line is read here if it is one of a grammar, which holds its keys and marks, and if each value between them is one:
text that is UTF-8 and has no escape but those that JSON knows, a number, true, false, null, or a list that the strict
parser can read. So the strict parser would read just these values. All other lines are doubtful.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance.mapped import kernels
from governance.mapped.grammar import BARE, TEXT, Column, Grammar
from governance.mapped.scalars import odd_bare, odd_lists, replaced
from governance.mapped.scans import Lines, Mask, Path, Wanted, flat
from governance.records.record import MAX_RECORD_BYTES
from governance.records.stretches import Stretch

_CELLS = 1 << 17  # values that are looked at together: they stay in the processor's cache
_FEWEST, _MOST = 1 << 8, 1 << 12  # lines that are
_MOST_DIFFERENT = kernels.SEATS // 4  # texts of a dictionary
_APART = 16  # numbers behind each row of an array: rows that are powers of two apart share few places of a cache


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
        self._words = kernels.words_of(self._data)
        self._columns = grammar.columns
        self._is_wanted = [wanted.takes_all or ".".join(column.path) in wanted.names for column in self._columns]
        self._is_sure = np.zeros(len(lines), np.bool_)
        self._spans = _Spans(len(self._columns))
        self._typed = _Typed(grammar, wanted, len(lines))
        self._texts: dict[int, list[pa.Array]] = defaultdict(list)  # of each column, behind those of `_typed`
        self._is_met = np.zeros(len(self._columns), np.bool_)

    def read(self) -> Alike:
        """All of them."""
        table = self._grammar.table()
        literals = np.frombuffer(table.literals + bytes(kernels.WORD), np.uint8)
        tree = (kernels.words_of(literals), table.nodes, table.ways)
        filled, kept = 0, []
        for start in range(0, len(self._lines), self._spans.lines):
            span = slice(start, start + self._spans.lines)
            starts, ends, is_sure = self._lines.starts[span], self._lines.ends[span], self._is_sure[span]
            places = self._spans.cleared()
            typed = self._typed.arrays(filled)
            count = kernels.match(self._data, self._words, starts, ends, *tree, *places, is_sure, *typed)
            is_kept = (ends - starts)[is_sure] <= MAX_RECORD_BYTES
            self._take(count, filled, is_kept)
            is_sure[is_sure] = is_kept
            kept.append(is_kept)
            filled += count
        return Alike(self._table(filled, np.concatenate(kept)), self._names(), ~self._is_sure)

    def _take(self, count: int, filled: int, is_kept: Mask) -> None:
        """Takes what was found in some lines; marks those with values which are none."""
        sizes, marks = self._spans.sizes.tolist(), self._spans.marks.tolist()
        for place, (column, size, mark) in enumerate(zip(self._columns, sizes, marks, strict=True)):
            self._is_met[place] |= bool(size) or (bool(mark) and len(column.path) > 1)
            is_odd = bool(mark & kernels.IS_ODD) and column.kind != TEXT
            if self._typed.covers(place, filled) or not (self._is_wanted[place] or is_odd):
                continue
            first, last = self._spans.first[place, :count], self._spans.last[place, :count]
            texts = self._made(column, size, first, last)
            if is_odd:
                rows = np.flatnonzero((first >= 0) & (last < 0))
                odd = odd_bare(texts, rows) if column.kind == BARE else odd_lists(texts, rows)
                is_kept[odd.doubtful()] = False
                texts = replaced(texts, odd)
            if self._is_wanted[place]:
                self._texts[place].append(texts)

    def _made(self, column: Column, size: int, first: kernels.Spans, last: kernels.Spans) -> pa.StringArray:
        """The texts of one column."""
        edges = pa.allocate_buffer(4 * (len(first) + 1))
        made = pa.allocate_buffer(size + kernels.WORD)
        room = np.frombuffer(made, np.uint8)
        kernels.texts(
            self._data,
            self._words,
            first,
            last,
            column.kind,
            np.frombuffer(edges, np.int32),
            room,
            kernels.words_of(room),
        )
        return pa.StringArray.from_buffers(len(first), edges, made, _bits(first >= 0))

    def _table(self, count: int, is_kept: Mask) -> pa.Table:
        columns: dict[Path, list[pa.ChunkedArray]] = defaultdict(list)
        for place, column in enumerate(self._columns):
            if self._is_wanted[place]:
                columns[column.path].append(self._column(place, count))
        texts = {path: own[0] if len(own) == 1 else _together(own) for path, own in columns.items()}
        table = flat({}, texts)
        return table if is_kept.all() else table.filter(pa.array(is_kept))

    def _column(self, place: int, count: int) -> pa.ChunkedArray:
        typed = self._typed.column(place, count, self._data)
        texts = self._texts[place]
        parts = texts if typed is None else [typed.cast(pa.string()), *texts] if texts else [typed]
        return pa.chunked_array([pa.concat_arrays(parts)])  # as a whole: others need not put it together each time

    def _names(self) -> list[str]:
        met = [column.path for column, is_met in zip(self._columns, self._is_met.tolist(), strict=True) if is_met]
        return list(dict.fromkeys(path[0] for path in met))


class _Spans:
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
        self.first, self.last = np.empty((2, columns, self.lines + _APART), np.int32)
        self.sizes, self.marks = np.zeros(columns, np.int64), np.zeros(columns, np.uint8)

    def cleared(self) -> tuple[kernels.Spans, kernels.Spans, kernels.Places, kernels.Bytes]:
        """The arrays, of no values."""
        self.first.fill(-1)
        return self.first, self.last, self.sizes, self.marks


class _Typed:
    """The columns of a stretch that are made whole numbers, or numbers of texts in a dictionary.

    Args:
        grammar: What the lines have in common.
        wanted: Which columns may be.
        lines: How many lines there are.
    """

    def __init__(self, grammar: Grammar, wanted: Wanted, lines: int) -> None:
        self._columns, self._varied = grammar.columns, grammar.varied
        modes = [_mode(column, grammar, wanted) for column in grammar.columns]
        self._starting, self._modes = modes, np.array(modes, np.uint8)
        self._places = np.array([modes[:place].count(mode) for place, mode in enumerate(modes)], np.int32)
        self._until: dict[int, int] = {}  # column -> lines that were made before one did not fit
        texts = modes.count(kernels.CODES)
        self._is_there = np.zeros((len(modes), lines), np.bool_)
        self._numbers = np.zeros((modes.count(kernels.WHOLES), lines), np.int64)
        self._codes = np.zeros((texts, lines), np.int32)
        self._known = np.empty((texts, _MOST_DIFFERENT + _APART, 2), np.int32)
        self._counts = np.zeros(texts, np.int64)
        self._seats = np.full((texts, kernels.SEATS + _APART), -1, np.int32)

    def arrays(self, filled: int) -> tuple[object, ...]:
        """What `match` fills, behind so many lines."""
        known = (self._known, self._counts, self._seats)
        return self._modes, self._places, filled, self._is_there, self._numbers, self._codes, *known

    def covers(self, place: int, filled: int) -> bool:
        """Whether the values of a column behind so many lines are there."""
        if self._starting[place] == kernels.SPANS:
            return False
        if self._modes[place] == kernels.SPANS and place not in self._until:
            self._until[place] = filled
            self._varied.add(self._columns[place])
        return place not in self._until

    def column(self, place: int, count: int, data: kernels.Bytes) -> pa.Array | None:
        """A column of so many lines, or of those before one did not fit; None if it was not tried.

        Args:
            place: Which one.
            count: How many lines there are.
            data: The bytes of the stretch.
        """
        mode, row = self._starting[place], self._places[place]
        count = self._until.get(place, count)
        is_there = _bits(self._is_there[place, :count])
        if mode == kernels.WHOLES:
            return pa.Int64Array.from_buffers(pa.int64(), count, [is_there, pa.py_buffer(self._numbers[row, :count])])
        if mode == kernels.SPANS:
            return None
        codes = pa.Int32Array.from_buffers(pa.int32(), count, [is_there, pa.py_buffer(self._codes[row, :count])])
        spans = self._known[row, : self._counts[row]].tolist()
        texts = [data[begin:end].tobytes().decode() for begin, end in spans]
        return pa.DictionaryArray.from_arrays(codes, pa.array(texts, pa.string()))


def _mode(column: Column, grammar: Grammar, wanted: Wanted) -> int:
    """What is made of the values of a column while they are at hand."""
    name = ".".join(column.path)
    if column in grammar.varied:
        return kernels.SPANS
    if column.kind == BARE and name in wanted.wholes:
        return kernels.WHOLES
    return kernels.CODES if column.kind == TEXT and name in wanted.repeated else kernels.SPANS


def _together(columns: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    """One column of values that are written in several ways."""
    filled = [column for column in columns if column.null_count < len(column)] or columns[:1]
    return filled[0] if len(filled) == 1 else pc.coalesce(*[column.cast(pa.string()) for column in filled])


def _bits(is_there: npt.NDArray[np.bool_]) -> pa.Buffer | None:
    """A mask as Arrow wants it; None where nothing is missing."""
    return None if is_there.all() else pa.py_buffer(np.packbits(is_there, bitorder="little"))
