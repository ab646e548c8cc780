"""Where the rows of CSV end: behind the line ends outside quotes, of which the parity is told for 64 bytes at once.

A row whose quoting is odd (a quote in a cell without quotes, text behind a closing quote, a quote that nothing closes),
with the character NUL or a carriage return where no line ends, is read by the strict parser, which also says where the
next one begins.

Source of the parity by shifts: Langdale & Lemire (2019), "Parsing gigabytes of JSON per second", section 3.1.1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from governance.mapped.scans import Lines, Places
from governance.records import CsvLayout, Record, first_row
from governance.records.stretches import Stretch

Bits = npt.NDArray[np.uint64]  # one for each byte, the first the lowest

MAX_ODD = 0.3  # share of rows; beyond it the strict parser alone is quicker
_FEW = 1_000  # odd rows that are not yet a share
_BLOCK = 1 << 17  # bytes that are looked at together: they stay in the processor's cache
_LEAST = 1 << 12  # the same behind a row that turned the parity: there may be more of them
_QUOTE, _NEWLINE, _RETURN, _NUL = 0x22, 0x0A, 0x0D, 0x00
_WHITE = tuple(b" \t\n\r\v\f")
_SHIFTS = (1, 2, 4, 8, 16, 32)
_ONE, _LAST = np.uint64(1), np.uint64(63)


class Rows(NamedTuple):
    """The rows of a stretch that are not blank.

    Attributes:
        lines: Where each row begins and ends.
        odd: Place of a row that the strict parser has read -> what it read.
    """

    lines: Lines
    odd: dict[int, Record]


def quoted_rows(stretch: Stretch, layout: CsvLayout, head: int) -> Rows | None:
    """The whole rows of a stretch, which keeps no others; None where the strict parser alone must go on.

    Args:
        stretch: The lines.
        layout: What the header says.
        head: How many of the lines are the header.
    """
    walk = _Walk(stretch, layout, head)
    if not walk.finish():
        return None
    after = np.concatenate(walk.after)
    first = np.concatenate((np.array([head], np.int64), after[:-1]))
    starts, ends = walk.edges[first], walk.edges[after]
    stretch.keep(int(after[-1]))
    read = {int(np.searchsorted(first, line)): record for line, record in walk.odd.items()}
    blank = [place for place in _blank(stretch, layout, starts, ends) if place not in read]
    blank += [place for place, record in read.items() if record is None]
    kept = np.delete(first, blank)
    lines = Lines(stretch, np.delete(starts, blank), np.delete(ends, blank), kept + stretch.number + 1)
    odd = {line: record for line, record in walk.odd.items() if record is not None}
    places = np.searchsorted(kept, np.fromiter(odd, np.int64, len(odd)))
    return Rows(lines, dict(zip(places.tolist(), odd.values(), strict=True)))


def _blank(stretch: Stretch, layout: CsvLayout, starts: Places, ends: Places) -> list[int]:
    """Places of rows that hold no cell, or fewer than they should and only white space."""
    found = []
    for place in np.flatnonzero(np.isin(stretch.data[starts], _WHITE)).tolist():
        raw = stretch.line(int(starts[place]), int(ends[place]))
        if not raw.strip() and (not raw.strip(b"\r\n") or raw.count(layout.delimiter.encode()) + 1 < len(layout.names)):
            found.append(place)
    return found


class _Walk:
    """Goes over the lines of a stretch.

    Attributes:
        edges: Where each line begins, and the last one ends, shape (lines + 1,).
        after: How many lines end with each row, in parts.
        odd: Line with which a row begins that the strict parser has read -> what it read, None for a blank one.
    """

    def __init__(self, stretch: Stretch, layout: CsvLayout, head: int) -> None:
        self._stretch = stretch
        self._layout = layout
        self._delimiter = ord(layout.delimiter)
        self._line = head
        self._rows = 0
        self._is_stuck = False
        self.edges = np.concatenate((np.zeros(1, np.int64), stretch.ends))
        self.after: list[Places] = []
        self.odd: dict[int, Record | None] = {}

    def finish(self) -> bool:
        """Goes on to the last row that is whole; whether there is one, and not too many were odd."""
        size = self._stretch.size
        at, window, inside = int(self.edges[self._line]), _LEAST, False
        while at < size and not self._is_stuck:
            stop = min(at + window, size)
            after, odd, inside = self._look(at, stop, inside=inside)
            at, window = stop, min(4 * window, _BLOCK)
            goes_on = self._take(after, odd)
            if goes_on and at == size and self._line < len(self.edges) - 1:
                goes_on = self._read_odd() is None
            if not goes_on:
                at, window, inside = int(self.edges[self._line]), _LEAST, False
            if len(self.odd) > max(_FEW, MAX_ODD * self._rows):
                return False
        return self._rows > 0

    def _take(self, after: Places, odd: Places) -> bool:
        """Takes rows in; whether the parity by which they were told still holds behind the odd ones."""
        while len(odd):
            before = int(np.searchsorted(self.edges[after], odd[0], side="right"))
            self._add(after[:before])
            end = self._read_odd()
            place = len(after) if end is None else int(np.searchsorted(after, end))
            if place == len(after) or after[place] != end:
                return False
            after = after[place + 1 :]
            odd = odd[np.searchsorted(odd, self.edges[end]) :]
        self._add(after)
        return True

    def _add(self, after: Places) -> None:
        if len(after):
            self.after.append(after)
            self._line = int(after[-1])
            self._rows += len(after)

    def _read_odd(self) -> int | None:
        """Reads the next row strictly; how many lines end with it, None if that is not to be told here."""
        line = self._line
        row = first_row(self._stretch.lines_from(line), self._layout)
        end = line + row.lines
        if (row.needs_more and not self._stretch.is_end) or end >= len(self.edges):
            self._is_stuck = True
            return None
        self.odd[line] = row.record
        self._add(np.array([end], np.int64))
        return end

    def _look(self, start: int, stop: int, *, inside: bool) -> _Look:
        """What some bytes hold, of which the first is, or is not, inside quotes."""
        data = self._stretch.data[start : stop + 1]
        low, high = np.searchsorted(self.edges, (start, stop), side="right").tolist()
        after = np.arange(low, high)
        part = data[: stop - start]
        quotes = part == _QUOTE
        if not inside and not (quotes.any() or (part == _RETURN).any() or (part == _NUL).any()):
            return _Look(after, np.empty(0, np.int64), is_inside=False)
        ends_cell = (part == self._delimiter) | (part == _NEWLINE) | quotes
        before = start == 0 or int(self._stretch.data[start - 1]) in (self._delimiter, _NEWLINE, _QUOTE)
        behind = len(data) == len(part) or int(data[-1]) in (self._delimiter, _NEWLINE, _QUOTE, _RETURN)
        line_behind = len(data) > len(part) and int(data[-1]) == _NEWLINE
        quote, returns = _bits(quotes), _bits(part == _RETURN)
        within = _parity(quote, inside=inside)
        opened = quote & within & ~_moved_up(_bits(ends_cell), first=before)
        closed = quote & ~within & ~_moved_down(_bits(ends_cell) | returns, len(part), last=behind)
        alone = returns & ~within & ~_moved_down(_bits(part == _NEWLINE), len(part), last=line_behind)
        odd = _places(opened | closed | alone | _bits(part == _NUL))
        at = self.edges[after] - 1 - start
        outside = (within[at >> 6] >> (at & 63).astype(np.uint64)) & _ONE == 0
        last = len(part) - 1
        return _Look(after[outside], odd + start, is_inside=bool((within[last >> 6] >> np.uint64(last & 63)) & _ONE))


class _Look(NamedTuple):
    """What some bytes hold.

    Attributes:
        after: How many lines end with each row that ends in them.
        odd: Where they are odd.
        is_inside: Whether what follows is inside quotes.
    """

    after: Places
    odd: Places
    is_inside: bool


def _bits(mask: npt.NDArray[np.bool_]) -> Bits:
    packed = np.zeros((len(mask) + 63) // 64 * 8, np.uint8)
    packed[: (len(mask) + 7) // 8] = np.packbits(mask, bitorder="little")
    return packed.view("<u8")


def _places(bits: Bits) -> Places:
    if not bits.any():
        return np.empty(0, np.int64)
    return np.flatnonzero(np.unpackbits(bits.view(np.uint8), bitorder="little"))


def _parity(bits: Bits, *, inside: bool) -> Bits:
    """For each byte whether the quotes up to it, itself among them, are odd in number."""
    found = bits.copy()
    for shift in _SHIFTS:
        found ^= found << np.uint64(shift)
    before = np.bitwise_xor.accumulate(np.concatenate((np.array([inside], np.uint64), found[:-1] >> _LAST)))
    found ^= np.uint64(0) - before
    return found


def _moved_up(bits: Bits, *, first: bool) -> Bits:
    """For each byte what holds of the one before it."""
    found = bits << _ONE
    found[1:] |= bits[:-1] >> _LAST
    found[0] |= np.uint64(first)
    return found


def _moved_down(bits: Bits, count: int, *, last: bool) -> Bits:
    """For each of so many bytes what holds of the one behind it."""
    found = bits >> _ONE
    found[:-1] |= bits[1:] << _LAST
    found[(count - 1) >> 6] |= np.uint64(last) << np.uint64((count - 1) & 63)
    return found
