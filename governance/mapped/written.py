"""The values of the lines of a grammar, column by column: typed where they may be, else as they are written."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from governance.compiled.jit import WORD, Bytes, Spans, Words, words_of
from governance.compiled.lines import CODES, SEATS, SPANS, WHOLES
from governance.compiled.texts import texts as write_texts
from governance.compiled.tree import BARE, TEXT
from governance.mapped.grammar import Column, Grammar
from governance.mapped.scalars import odd_bare, odd_lists, replaced
from governance.mapped.scans import Mask, Wanted

APART = 16  # numbers behind each row of an array: rows that are powers of two apart share few places of a cache
_MOST_DIFFERENT = SEATS // 4  # texts of a dictionary
_SPARE = 1 << 12  # bytes beyond what the first lines let expect


class Typed:
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
        texts = modes.count(CODES)
        self._is_there = np.zeros((len(modes), lines), np.bool_)
        self._numbers = np.zeros((modes.count(WHOLES), lines), np.int64)
        self._codes = np.zeros((texts, lines), np.int32)
        self._known = np.empty((texts, _MOST_DIFFERENT + APART, 2), np.int32)
        self._counts = np.zeros(texts, np.int64)
        self._seats = np.full((texts, SEATS + APART), -1, np.int32)

    def arrays(self, filled: int) -> tuple[Any, ...]:
        """What `match` fills, behind so many lines."""
        known = (self._known, self._counts, self._seats)
        return self._modes, self._places, filled, self._is_there, self._numbers, self._codes, *known

    def covers(self, place: int, filled: int) -> bool:
        """Whether the values of a column behind so many lines are there."""
        if self._starting[place] == SPANS:
            return False
        if self._modes[place] == SPANS and place not in self._until:
            self._until[place] = filled
            self._varied.add(self._columns[place])
        return place not in self._until

    def column(self, place: int, count: int, data: Bytes) -> pa.Array | None:
        """A column of so many lines, or of those before one did not fit; None if it was not tried.

        Args:
            place: Which one.
            count: How many lines there are.
            data: The bytes of the stretch.
        """
        mode, row = self._starting[place], self._places[place]
        count = self._until.get(place, count)
        is_there = _bits(self._is_there[place, :count])
        if mode == WHOLES:
            return pa.Int64Array.from_buffers(pa.int64(), count, [is_there, pa.py_buffer(self._numbers[row, :count])])
        if mode == SPANS:
            return None
        codes = pa.Int32Array.from_buffers(pa.int32(), count, [is_there, pa.py_buffer(self._codes[row, :count])])
        spans = self._known[row, : self._counts[row]].tolist()
        texts = [data[begin:end].tobytes().decode() for begin, end in spans]
        return pa.DictionaryArray.from_arrays(codes, pa.array(texts, pa.string()))


def _mode(column: Column, grammar: Grammar, wanted: Wanted) -> int:
    """What is made of the values of a column while they are at hand."""
    name = ".".join(column.path)
    if column in grammar.varied:
        return SPANS
    if column.kind == BARE and name in wanted.wholes:
        return WHOLES
    return CODES if column.kind == TEXT and name in wanted.repeated else SPANS


def _bits(is_there: npt.NDArray[np.bool_]) -> pa.Buffer | None:
    """A mask as Arrow wants it; None where nothing is missing."""
    return None if is_there.all() else pa.py_buffer(np.packbits(is_there, bitorder="little"))


class Written:
    """The texts of one column of a stretch, from some line on.

    Args:
        data: The bytes of the stretch.
        words: The word at each of them.
        column: Which values.
        before: How many lines come before.
        lines: How many lines there are at most, those included.
    """

    def __init__(self, data: Bytes, words: Words, column: Column, before: int, lines: int) -> None:
        self._data, self._words, self._kind = data, words, column.kind
        self._before, self._count, self._lines = before, 0, lines - before
        self._edges = np.zeros(self._lines + 1, np.int32)
        self._is_there = np.zeros(self._lines, np.bool_)
        self._room = np.empty(0, np.uint8)
        self._end = 0
        self._odd: list[npt.NDArray[np.int64]] = []

    def add(self, first: Spans, last: Spans, size: int, *, is_odd: bool) -> None:
        """Adds the values of the next lines.

        Args:
            first: Where they begin.
            last: Where they end.
            size: How many bytes they have at most.
            is_odd: Whether some are not written as their text, if they are no texts themselves.
        """
        self._make_room(size, len(first))
        lines = slice(self._count, self._count + len(first))
        edges, words = self._edges[1:][lines], words_of(self._room)
        self._end = write_texts(self._data, self._words, first, last, self._kind, edges, self._end, self._room, words)
        np.greater_equal(first, 0, out=self._is_there[lines])
        if is_odd:
            self._odd.append(np.flatnonzero(self._is_there[lines] & (last < 0)) + self._count)
        self._count += len(first)

    def _make_room(self, size: int, lines: int) -> None:
        wanted = self._end + size + WORD
        if wanted <= len(self._room):
            return
        left = self._lines - self._count - lines
        room = np.empty(wanted + size * left // max(lines, 1) + _SPARE, np.uint8)
        room[: self._end] = self._room[: self._end]
        self._room = room

    def column(self, is_kept: Mask) -> pa.StringArray:
        """The texts; marks the lines with values that are none.

        Args:
            is_kept: Which lines are kept, those before included.
        """
        count = self._count
        edges, room = pa.py_buffer(self._edges[: count + 1]), pa.py_buffer(self._room)
        texts = pa.StringArray.from_buffers(count, edges, room, _bits(self._is_there[:count]))
        if self._odd:
            rows = np.concatenate(self._odd)
            odd = odd_bare(texts, rows) if self._kind == BARE else odd_lists(texts, rows)
            is_kept[odd.doubtful() + self._before] = False
            texts = replaced(texts, odd)
        return texts
