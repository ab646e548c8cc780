"""Lines of JSON that are written alike -> their texts, by the places of the quotes.

What makes a line one of these, each for itself:
1. It has as many quotes as the template, but for those behind a backslash and in lists, as many lists, and is no longer
   than a record may be.
2. The bytes before, between and behind its values are those of the template, and lie side by side with the values, of
   which the lists are these lists.
3. It holds no control character but its line end, and is UTF-8.
4. A value in quotes has only escapes that JSON knows; a list is one for the strict parser; any other value is a number,
   true, false or null.

So it is the template with whole values put in, and the texts are what the strict parser makes of them. A line that
fails one of these is doubtful.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance.mapped.scalars import odd_bare, odd_lists, odd_quoted, replaced
from governance.mapped.scans import Lines, Mask, Node, Places, Scan, Wanted
from governance.mapped.templates import Template
from governance.records.record import MAX_RECORD_BYTES
from governance.records.stretches import Stretch

Bytes = npt.NDArray[np.uint8]

_AT_ONCE = 1 << 21  # bytes that are looked at together: they stay in the processor's cache
_THREADS = min(2, os.cpu_count() or 1)  # chosen here: more wait for one another
_NONE = np.empty(0, np.int64)
_QUOTE, _BACKSLASH, _NEWLINE, _SPACE, _HIGH = 0x22, 0x5C, 0x0A, 0x20, 0x80
_OPENING, _CLOSING = b"[]"


class Alike(NamedTuple):
    """What was read of a stretch.

    Attributes:
        scan: The texts of the lines without doubt, shape (lines without doubt,).
        doubts: The other lines, shape (lines,).
    """

    scan: Scan
    doubts: Mask


def alike(stretch: Stretch, lines: Lines, template: Template, wanted: Wanted) -> Alike:
    """The texts of the lines that a template fits.

    Args:
        stretch: The bytes.
        lines: Where each line stands in them, at least one.
        template: What they have in common.
        wanted: Which values are wanted; the others are only looked at.
    """
    slots = [
        place for place, slot in enumerate(template.slots) if wanted.takes_all or ".".join(slot.path) in wanted.names
    ]

    def read(span: tuple[int, int]) -> _Texts:
        return _Part(stretch, lines, *span, template).texts(slots)

    with ThreadPoolExecutor(_THREADS) as pool:
        parts = list(pool.map(read, _spans(lines)))
    doubts = ~np.concatenate([part.is_sure for part in parts])
    scan = Scan(len(lines) - int(np.count_nonzero(doubts)))
    for place in slots:
        column = pa.chunked_array([part.columns[place] for part in parts], pa.string())
        scan.texts[template.slots[place].path] = column
    is_there = np.ones(scan.rows, np.bool_)
    scan.nodes |= {path: Node(is_there, members) for path, members in template.nodes.items()}
    return Alike(scan, doubts)


def _spans(lines: Lines) -> Iterator[tuple[int, int]]:
    """First line, and the one behind the last, of parts of about as many bytes."""
    first = 0
    while first < len(lines):
        last = max(int(np.searchsorted(lines.ends, lines.starts[first] + _AT_ONCE)), first + 1)
        yield first, last
        first = last


class _Texts(NamedTuple):
    """What was read of some lines: which are sure, shape (lines,), and slot -> the texts of those."""

    is_sure: Mask
    columns: dict[int, pa.Array]


class _Part:
    """Some lines of a stretch. The steps are those above; each keeps the lines that pass it."""

    def __init__(self, stretch: Stretch, lines: Lines, first: int, last: int, template: Template) -> None:
        start, end = int(lines.starts[first]), int(lines.ends[last - 1])
        self._data: Bytes = stretch.data[start:end]
        self._starts, self._ends = lines.starts[first:last] - start, lines.ends[first:last] - start
        self._template = template
        self._rows = np.arange(last - first)  # places of the lines that are kept
        self._edges = np.empty((0, 0), np.int32)  # where each line and value begins and ends
        self._is_candidate = (self._ends - self._starts) <= MAX_RECORD_BYTES
        self._lists = np.zeros((last - first, 2 * len(template.lists)), np.int64)  # where each list begins and ends

    def texts(self, wanted: Sequence[int]) -> _Texts:
        """The texts of some slots."""
        escapes = _places(self._data, _BACKSLASH) if (self._data == _BACKSLASH).any() else _NONE
        quotes = _unescaped(_places(self._data, _QUOTE), escapes, self._data)
        self._keep_fitting(self._counted(self._outside(quotes) if self._template.lists else quotes))
        self._keep_pure()
        columns = self._values(wanted, self._escaped(escapes))
        is_sure = np.zeros(len(self._ends), np.bool_)
        is_sure[self._rows] = True
        return _Texts(is_sure, columns)

    def _keep(self, is_kept: Mask) -> None:
        if not is_kept.all():
            self._rows, self._edges = self._rows[is_kept], self._edges[is_kept]

    def _outside(self, quotes: Places) -> Places:
        """The quotes outside of lists; finds the lists, of lines that have as many as the template."""
        at, lines = self._brackets(quotes)
        signs = np.where(self._data[at] == _OPENING, 1, -1)
        depths = np.cumsum(signs)
        first = np.searchsorted(lines, np.arange(len(self._ends)))
        depths -= np.concatenate((np.zeros(1, np.int64), depths))[first][lines]  # those of the lines before
        opening, closing = (depths == 1) & (signs == 1), (depths == 0) & (signs == -1)
        wanted = len(self._template.lists)
        for is_edge in (opening, closing):
            self._is_candidate &= np.bincount(lines[is_edge], minlength=len(self._ends)) == wanted
        is_own = self._is_candidate[lines]
        starts, ends = at[opening & is_own], at[closing & is_own] + 1
        self._lists[self._is_candidate] = np.stack((starts, ends), axis=1).reshape(-1, 2 * wanted)
        steps = np.zeros(len(quotes) + 1, np.int64)
        np.add.at(steps, np.searchsorted(quotes, starts), 1)
        np.add.at(steps, np.searchsorted(quotes, ends), -1)
        found: Places = quotes[np.cumsum(steps[:-1]) == 0]
        return found

    def _brackets(self, quotes: Places) -> tuple[Places, Places]:
        """Where the brackets of lists stand that are in no text, and in which lines."""
        at = np.flatnonzero((self._data == _OPENING) | (self._data == _CLOSING))
        lines = np.searchsorted(self._ends, at, side="right")
        before = np.searchsorted(quotes, at) - np.searchsorted(quotes, self._starts)[lines]
        is_outside = before % 2 == 0
        return at[is_outside], lines[is_outside]

    def _counted(self, quotes: Places) -> Places:
        """Step 1: the quotes of the lines that have as many, shape (lines, quotes)."""
        wanted, rows = self._template.quotes, len(self._rows)
        if len(quotes) == rows * wanted and self._is_candidate.all():
            own = quotes.reshape(rows, wanted)
            if ((own[:, 0] >= self._starts) & (own[:, -1] < self._ends)).all():
                return own
        first, last = np.searchsorted(quotes, self._starts), np.searchsorted(quotes, self._ends)
        is_counted = (last - first == wanted) & self._is_candidate
        self._rows = self._rows[is_counted]
        is_own = np.ones(len(quotes), np.bool_)
        for start, end in zip(first[~is_counted].tolist(), last[~is_counted].tolist(), strict=True):
            is_own[start:end] = False
        return quotes[is_own].reshape(-1, wanted)

    def _keep_fitting(self, quotes: Places) -> None:
        """Step 2; finds where the values are."""
        grid, ends = self._template.grid, self._ends[self._rows]
        at = np.concatenate((quotes, ends[:, None]), axis=1)
        self._edges = np.empty((len(ends), grid.width), np.int32)
        self._edges[:, 0], self._edges[:, -1] = self._starts[self._rows], ends
        self._edges[:, 1:-1:2] = at[:, grid.first] + grid.after
        self._edges[:, 2:-1:2] = at[:, grid.last] - grid.before
        self._keep(np.all(self._edges[:, 1:] >= self._edges[:, :-1], axis=1))
        cells = self._cells()
        are_same = pc.equal(cells, grid.expected(len(self._edges)))  # null for values, and what is between lines
        if not pc.all(are_same, min_count=0).as_py():
            told = pc.fill_null(are_same, fill_value=True).to_numpy(zero_copy_only=False)
            self._keep(told.reshape(self._edges.shape).all(axis=1))
        if self._template.lists:
            own = [edge for place in self._template.lists for edge in (2 * place + 1, 2 * place + 2)]
            self._keep(np.all(self._edges[:, own] == self._lists[self._rows], axis=1))

    def _cells(self) -> pa.StringArray:
        """What is before each value, and the value, in turn; then what is behind the last one, and the line."""
        edges = np.append(self._edges.ravel(), np.int32(len(self._data)))
        return pa.StringArray.from_buffers(len(edges) - 1, pa.py_buffer(edges), pa.py_buffer(self._data))

    def _keep_pure(self) -> None:
        """Step 3."""
        data, tail = self._data, self._template.literals[-1]
        own = len(tail) - len(tail.rstrip(b"\r\n"))
        have_ends = len(self._rows) == len(self._ends) or (own == 1 and bool((data[self._ends - 1] == _NEWLINE).all()))
        if not have_ends or int(np.count_nonzero(data < _SPACE)) != own * len(self._ends):
            at = np.flatnonzero(data < _SPACE)
            lines = np.searchsorted(self._ends, at, side="right")
            inside = (at >= self._starts[lines]) & (at < self._ends[lines] - own)
            is_odd = np.zeros(len(self._ends), np.bool_)
            is_odd[lines[inside]] = True
            self._keep(~is_odd[self._rows])
        if len(data) and data.max() >= _HIGH and not _is_utf8(data):
            spans = zip(self._starts[self._rows].tolist(), self._ends[self._rows].tolist(), strict=True)
            self._keep(np.array([_is_utf8(data[start:end]) for start, end in spans], np.bool_))

    def _values(self, wanted: Sequence[int], escaped: dict[int, Places]) -> dict[int, pa.Array]:
        """Step 4: the texts of some slots; leaves the lines out that have values which are none."""
        slots = self._template.slots
        is_sure = np.ones(len(self._rows), np.bool_)
        bare = [place for place, slot in enumerate(slots) if not slot.is_text and not slot.is_list]
        cells = self._cells()
        columns = self._taken(bare, cells)
        odd = odd_bare(columns)
        is_sure[odd.doubtful() % max(len(is_sure), 1)] = False
        found = _by_slot(bare, replaced(columns, odd), len(is_sure))
        texts = [place for place in wanted if slots[place].is_text]
        found |= _by_slot(texts, self._taken(texts, cells), len(is_sure))
        for place in self._template.lists:
            odd = odd_lists(self._taken([place], cells))
            is_sure[odd.doubtful()] = False
            found[place] = pa.array([told.text for told in odd.told], pa.string())
        for place, rows in escaped.items():
            column = found.get(place)
            odd = odd_quoted(self._taken([place], cells) if column is None else column, rows)
            is_sure[odd.doubtful()] = False
            if column is not None:
                found[place] = replaced(column, odd)
        self._keep(is_sure)
        kept = None if is_sure.all() else pa.array(is_sure)
        return {place: found[place] if kept is None else found[place].filter(kept) for place in wanted}

    def _taken(self, places: Sequence[int], cells: pa.StringArray) -> pa.StringArray:
        """What stands in some slots, those of one slot together."""
        rows = np.arange(len(self._rows), dtype=np.int32) * np.int32(self._edges.shape[1])
        return cells.take(pa.array((2 * np.array(places, np.int32)[:, None] + 1 + rows).ravel()))

    def _escaped(self, escapes: Places) -> dict[int, Places]:
        """Slot -> lines in whose value there is a backslash, if it is a text; other values are none then."""
        if not len(escapes):
            return {}
        slots = self._template.slots
        found = np.unique(np.searchsorted(self._edges.ravel(), escapes, side="right") - 1)
        rows, places = np.divmod(found[found >= 0], self._edges.shape[1])
        return {
            place: rows[places == 2 * place + 1]
            for place in np.unique(places[places % 2 == 1] // 2).tolist()
            if place < len(slots) and slots[place].is_text
        }


def _by_slot(places: Sequence[int], values: pa.StringArray, rows: int) -> dict[int, pa.StringArray]:
    return {place: values.slice(nth * rows, rows) for nth, place in enumerate(places)}


def _places(data: Bytes, byte: int) -> Places:
    """Where a byte stands."""
    return np.flatnonzero(data == byte)


def _unescaped(quotes: Places, escapes: Places, data: Bytes) -> Places:
    """The quotes that no backslash takes away; of several backslashes each second one stands for itself.

    Args:
        quotes: Where quotes stand.
        escapes: Where backslashes stand.
        data: The bytes.
    """
    if not len(escapes):
        return quotes
    begins = np.diff(escapes, prepend=-2) != 1  # a run of them
    run = np.maximum.accumulate(np.where(begins, np.arange(len(escapes)), 0))
    escaping = escapes[(np.arange(len(escapes)) - run) % 2 == 0]
    escaped = escaping[data[np.minimum(escaping + 1, len(data) - 1)] == _QUOTE] + 1
    return np.setdiff1d(quotes, escaped, assume_unique=True)


def _is_utf8(data: Bytes) -> bool:
    try:
        str(data.data, "utf-8")
    except UnicodeDecodeError:
        return False
    return True
