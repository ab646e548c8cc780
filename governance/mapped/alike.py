"""Lines of JSON that one program wrote -> their texts, by compiled loops over the bytes.

A line is read here if it is one of a grammar, which holds its keys and marks, and if each value between them is one:
text that is UTF-8 and has no escape but those that JSON knows, a number, true, false, null, or a list that the strict
parser can read. So the strict parser would read just these values. All other lines are doubtful.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.mapped import kernels
from governance.mapped.grammar import BARE, LIST, TEXT, Grammar
from governance.mapped.scalars import Odd, odd_bare, odd_lists, replaced
from governance.mapped.scans import Lines, Mask, Path, Wanted, flat
from governance.records.record import MAX_RECORD_BYTES
from governance.records.stretches import Stretch

_CELLS = 1 << 18  # values that are looked at together: where they stand stays in the processor's cache
_FEWEST, _MOST = 1 << 8, 1 << 12  # lines that are
_MOST_DIFFERENT, _SEATS = 1 << 12, 1 << 14  # texts of a dictionary, and the places of its hash table


class Alike(NamedTuple):
    """What was read of a stretch.

    Attributes:
        table: The texts of the lines without doubt, shape (lines without doubt, wanted values).
        names: Keys of the lines themselves that have a value somewhere.
        doubts: The other lines, shape (lines,).
    """

    table: pa.Table
    names: list[str]
    doubts: Mask


def alike(stretch: Stretch, lines: Lines, grammar: Grammar, wanted: Wanted) -> Alike:
    """The texts of the lines of a grammar.

    Args:
        stretch: The bytes.
        lines: Where each line stands in them, at least one.
        grammar: What they have in common.
        wanted: Which values are wanted; the others are only looked at.
    """
    reader = _Reader(stretch, lines, grammar, wanted)
    parts = list(reader.parts())
    columns: dict[Path, list[pa.ChunkedArray]] = defaultdict(list)
    for place in reader.wanted:
        columns[grammar.columns[place].path].append(reader.joined(place, [part.columns[place] for part in parts]))
    texts = {path: own[0] if len(own) == 1 else pc.coalesce(*[column.cast(pa.string()) for column in own]) for path, own in columns.items()}
    return Alike(flat({}, texts), reader.names(), ~np.concatenate([part.is_sure for part in parts]))


class _Part(NamedTuple):
    """What was read of some lines: which are sure, shape (lines,), and column -> the texts of those."""

    is_sure: Mask
    columns: dict[int, pa.Array]


class _Reader:
    """Reads the lines of one stretch, some at a time.

    Attributes:
        wanted: Places of the columns that are wanted.
    """

    def __init__(self, stretch: Stretch, lines: Lines, grammar: Grammar, wanted: Wanted) -> None:
        table = grammar.table()
        self._data, self._lines, self._columns = stretch.padded, lines, grammar.columns
        self._words = kernels.words_of(self._data)
        literals = np.frombuffer(table.literals + bytes(kernels.WORD), np.uint8)
        self._tree = (kernels.words_of(literals), table.nodes, table.ways)
        count = len(self._columns)
        self._rows = min(max(_CELLS // count, _FEWEST), _MOST)
        self._first, self._last = np.empty((2, count, self._rows), np.int32)
        self._sizes, self._marks = np.zeros(count, np.int64), np.zeros(count, np.uint8)
        self._is_met = np.zeros(count, np.bool_)
        self._dictionaries = {
            place: _Dictionary(self._data, self._words)
            for place, column in enumerate(self._columns)
            if column.kind == TEXT and column not in grammar.varied and ".".join(column.path) in wanted.repeated
        }
        self._wholes = {
            place
            for place, column in enumerate(self._columns)
            if column.kind == BARE and ".".join(column.path) in wanted.wholes
        }
        self._varied = grammar.varied
        self.wanted = [
            place
            for place, column in enumerate(self._columns)
            if wanted.takes_all or ".".join(column.path) in wanted.names
        ]

    def names(self) -> list[str]:
        """Keys of the lines themselves that have a value somewhere."""
        met = [column.path for column, is_met in zip(self._columns, self._is_met.tolist(), strict=True) if is_met]
        return list(dict.fromkeys(path[0] for path in met))

    def joined(self, place: int, parts: Sequence[pa.Array]) -> pa.ChunkedArray:
        """One column: texts, a dictionary of texts or whole numbers."""
        if place in self._dictionaries:
            texts = self._dictionaries[place].texts()
            parts = [
                pa.DictionaryArray.from_arrays(part, texts) if part.type == pa.int32() else part for part in parts
            ]
        if len({part.type for part in parts}) > 1:
            parts = [part.cast(pa.string()) for part in parts]
        return pa.chunked_array(parts)

    def parts(self) -> Iterator[_Part]:
        """What was read, in order."""
        for start in range(0, len(self._lines), self._rows):
            yield self._part(slice(start, start + self._rows))

    def _part(self, span: slice) -> _Part:
        starts, ends = self._lines.starts[span], self._lines.ends[span]
        is_sure = np.zeros(len(starts), np.bool_)
        self._first.fill(-1)
        places = (self._first, self._last, self._sizes, self._marks)
        count = kernels.match(self._data, self._words, starts, ends, *self._tree, *places, is_sure)
        self._is_met |= [
            bool(size) or (bool(mark) and len(column.path) > 1)
            for column, size, mark in zip(self._columns, self._sizes.tolist(), self._marks.tolist(), strict=True)
        ]
        rows = np.flatnonzero(is_sure)
        is_kept = (ends - starts)[rows] <= MAX_RECORD_BYTES
        columns = {}
        for place in range(len(self._columns)):
            column = self._column(place, count, is_kept)
            if column is not None:
                columns[place] = column
        is_sure[rows[~is_kept]] = False
        if not is_kept.all():
            columns = {place: column.filter(pa.array(is_kept)) for place, column in columns.items()}
        return _Part(is_sure, columns)

    def _column(self, place: int, count: int, is_kept: Mask) -> pa.Array | None:
        """The texts of one column, None if they are not wanted; marks the rows that have values which are none."""
        kind, is_wanted = self._columns[place].kind, place in self.wanted
        is_odd = bool(self._marks[place] & kernels.IS_ODD) and kind != TEXT
        if not is_wanted and not is_odd:
            return None
        first, last = self._first[place, :count], self._last[place, :count]
        is_there = None
        if count and first.min() < 0:
            is_there = pa.py_buffer(np.packbits(first >= 0, bitorder="little"))
        if place in self._wholes and not self._marks[place] & (kernels.IS_ODD | kernels.IS_NOT_WHOLE):
            return self._numbers(first, last, is_there)
        if place in self._dictionaries and self._columns[place] not in self._varied:
            is_odd = bool(self._marks[place] & kernels.IS_ODD)
            codes = None if is_odd else self._dictionaries[place].codes(first, last, is_there)
            if codes is not None:
                return codes
            self._varied.add(self._columns[place])
        texts = self._texts(place, first, last, is_there)
        if is_odd:
            rows = np.flatnonzero((first >= 0) & (last < 0))
            odd = odd_bare(texts, rows) if kind == BARE else odd_lists(texts, rows)
            is_kept[odd.doubtful()] = False
            texts = replaced(texts, odd)
        return texts if is_wanted else None

    def _numbers(self, first: kernels.Spans, last: kernels.Spans, is_there: pa.Buffer | None) -> pa.Int64Array:
        made = pa.allocate_buffer(8 * len(first))
        kernels.wholes(self._data, first, last, np.frombuffer(made, np.int64))
        return pa.Int64Array.from_buffers(pa.int64(), len(first), [is_there, made])

    def _texts(
        self, place: int, first: kernels.Spans, last: kernels.Spans, is_there: pa.Buffer | None
    ) -> pa.StringArray:
        edges = pa.allocate_buffer(4 * (len(first) + 1))
        made = pa.allocate_buffer(int(self._sizes[place]) + kernels.WORD)
        room = np.frombuffer(made, np.uint8)
        kind = self._columns[place].kind
        kernels.texts(
            self._data, self._words, first, last, kind, np.frombuffer(edges, np.int32), room, kernels.words_of(room)
        )
        return pa.StringArray.from_buffers(len(first), edges, made, is_there)


class _Dictionary:
    """The different texts of one column of a stretch, by their numbers.

    Args:
        data: The bytes of the stretch.
        words: The word at each of them.
    """

    def __init__(self, data: kernels.Bytes, words: kernels.Words) -> None:
        self._data, self._words = data, words
        self._known = np.empty((_MOST_DIFFERENT, 2), np.int32)
        self._seats = np.full(_SEATS, -1, np.int32)
        self._count = 0

    def codes(self, first: kernels.Spans, last: kernels.Spans, is_there: pa.Buffer | None) -> pa.Int32Array | None:
        """The number of the text in each row; None if there are too many different ones."""
        made = pa.allocate_buffer(4 * len(first))
        codes = np.frombuffer(made, np.int32)
        count = kernels.codes(self._words, first, last, self._known, self._count, self._seats, codes)
        if count < 0:
            return None
        self._count = count
        return pa.Int32Array.from_buffers(pa.int32(), len(first), [is_there, made])

    def texts(self) -> pa.StringArray:
        """The texts, in order of their numbers."""
        spans = self._known[: self._count].tolist()
        return pa.array([self._data[begin:end].tobytes().decode() for begin, end in spans], pa.string())
