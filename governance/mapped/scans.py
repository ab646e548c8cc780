"""Stretches of JSON Lines, read by the engine; which of the lines may not be exact is told by counts of a few bytes.

The engine reads ten times faster than a parser in Python, but is lenient: it takes the first of two equal keys, allows
a comma before a bracket, and turns what it cannot read into nulls. A line of one flat object holds `":` once for each
key, apart from texts with quotes in them; a line that holds more, or fewer, is left to the strict parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance.engines.duckdb import Engine, EngineError, literal
from governance.records.stretches import Stretch, count, positions

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

MAX_NAMES = 500  # keys; a log with more writes data as keys
MAX_NESTED = 60  # brackets in one line, below the depth at which the strict parser refuses
_NEWLINE = 0x0A
_BLANK = (0x20, 0x09, 0x0D)
_WHITE = tuple(b" \t\n\r\v\f")
_BOM = b"\xef\xbb\xbf"
_SPACED_COLON = re.compile(rb'"[ \t\r]+:')
_CACHED = 1 << 17
_KEY = 0x3A22  # the two bytes `":`
_SPACED = (0x2022, 0x0922)  # a quote and a blank
_NUL = b"u0000"  # after a backslash


class Lines:
    """Where the records of a stretch begin and end, each a line or more.

    Args:
        stretch: Holds them.
        starts: First byte of each, shape (records,).
        ends: The byte behind each.
        numbers: Number of the first line of each in the file.
    """

    def __init__(self, stretch: Stretch, starts: Places, ends: Places, numbers: Places) -> None:
        self._stretch = stretch
        self.starts, self.ends, self.numbers = starts, ends, numbers
        self.offset = stretch.offset

    @classmethod
    def filled(cls, stretch: Stretch) -> Lines:
        """The lines that are not blank."""
        ends = stretch.ends
        starts = np.concatenate((ends[:1] * 0, ends[:-1]))
        if stretch.number == 0 and len(ends) and stretch.line(0, len(_BOM)) == _BOM:
            starts[0] = len(_BOM)
        blank = [
            place
            for place in np.flatnonzero(np.isin(stretch.data[starts], _WHITE))
            if not stretch.line(int(starts[place]), int(ends[place])).strip()
        ]
        numbers = np.arange(1, len(ends) + 1) + stretch.number
        return cls(stretch, np.delete(starts, blank), np.delete(ends, blank), np.delete(numbers, blank))

    def __len__(self) -> int:
        return len(self.ends)

    def raw(self, place: int) -> bytes:
        """The bytes of one line, with its end."""
        return self._stretch.line(int(self.starts[place]), int(self.ends[place]))

    def of(self, found: Places) -> Places:
        """The place of the line in which each byte lies."""
        return np.searchsorted(self.ends, found, side="right")


def scanned(stretch: Stretch, names: Sequence[str], engine: Engine) -> pa.Table | None:
    """The texts of some keys of each line; None where the engine cannot read the lines by these keys.

    Returns:
        A column of texts for each name, in their order, named `p0`, `p1`, ...; one row for each line.
    """
    if not names or len(names) > MAX_NAMES or len({name.lower() for name in names}) < len(names):
        return None  # names of columns ignore case
    if any(not name or "\0" in name for name in names):
        return None
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    options = f"format = 'newline_delimited', ignore_errors = true, columns = {{{columns}}}"
    try:
        with stretch.sealed() as path:
            table = engine.arrow(f"SELECT * FROM read_json({literal(path)}, {options})")
    except EngineError:
        return None
    return table.rename_columns([f"p{place}" for place in range(len(names))])


def doubtful(stretch: Stretch, lines: Lines, table: pa.Table) -> Mask | None:
    """Which rows may not be what the strict parser would read, shape (lines,); None if there are none.

    Args:
        stretch: The bytes.
        lines: Where each row stands in them.
        table: What the engine read.
    """
    data = stretch.data
    found = _endings(data, lines) | _shapes(data, lines, table) | _nuls(data, lines)
    keys, spaced = _pairs(data)
    if spaced:
        places = [match.start() for match in _SPACED_COLON.finditer(data.data)]
        found[lines.of(np.array(places, np.int64))] = True
    if keys != sum(len(column) - column.null_count for column in table.columns):
        found |= _miscounted(data, lines, table)
    return found if found.any() else None


def _endings(data: npt.NDArray[np.uint8], lines: Lines) -> Mask:
    """Lines that do not end with a bracket, or with a comma before it."""
    at = lines.ends - 1
    at = _before_blanks(data, np.where(data[at] == _NEWLINE, at - 1, at))
    wrong = data[np.maximum(at, 0)] != ord("}")
    before = _before_blanks(data, at - 1)
    found: Mask = wrong | (data[np.maximum(before, 0)] == ord(","))
    return found


def _before_blanks(data: npt.NDArray[np.uint8], at: Places) -> Places:
    """The places, each moved back to the next byte that is not blank."""
    while True:
        is_blank = np.isin(data[np.maximum(at, 0)], _BLANK) & (at > 0)
        if not is_blank.any():
            return at
        at = np.where(is_blank, at - 1, at)


def _shapes(data: npt.NDArray[np.uint8], lines: Lines, table: pa.Table) -> Mask:
    """Lines that hold no object, an object in another, many lists, or nothing that was read."""
    found = np.zeros(len(lines), np.bool_)
    if count(data, ord("{")) != len(lines):
        found |= times(lines, positions(data, ord("{"))) != 1
    if count(data, ord("[")):
        found |= times(lines, positions(data, ord("["))) > MAX_NESTED
        closing = positions(data, ord("]"))
        ends_open = data[_before_blanks(data, closing - 1)] == ord(",")
        found[lines.of(closing[ends_open])] = True
    if all(column.null_count for column in table.columns):
        found |= _present(table) == 0
    return found


def _nuls(data: npt.NDArray[np.uint8], lines: Lines) -> Mask:
    """Lines with the escape of the character NUL, which no text may hold."""
    found = np.zeros(len(lines), np.bool_)
    if count(data, ord("\\")):
        at = positions(data[: len(data) - len(_NUL)], ord("\\"))
        for place, letter in enumerate(_NUL, 1):
            at = at[data[at + place] == letter]
        found[lines.of(at)] = True
    return found


def times(lines: Lines, found: Places) -> Places:
    """How many of the places, which ascend, lie in each line."""
    return np.searchsorted(found, lines.ends) - np.searchsorted(found, lines.starts)


def _present(table: pa.Table) -> Places:
    """How many values each row has."""
    total = np.zeros(table.num_rows, np.int64)
    for column in table.columns:
        total += column.is_valid().to_numpy()
    return total


def _pairs(data: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """How often a quote is followed by a colon, and by a blank."""
    colons = blanks = 0
    for _, part in _words(data):
        colons += int(np.count_nonzero(part == _KEY))
        blanks += sum(int(np.count_nonzero(part == pair)) for pair in _SPACED)
    return colons, blanks


def _words(data: npt.NDArray[np.uint8]) -> Iterator[tuple[int, npt.NDArray[np.uint16]]]:
    """Each two bytes that stand side by side, as numbers: first those from even places on, then the others."""
    for shift in (0, 1):
        pairs = data[shift : shift + (len(data) - shift) // 2 * 2].view("<u2")
        for start in range(0, len(pairs), _CACHED):
            yield shift + 2 * start, pairs[start : start + _CACHED]


def _miscounted(data: npt.NDArray[np.uint8], lines: Lines, table: pa.Table) -> Mask:
    """Lines whose keys are more, or fewer, than their values, nulls and quotes within texts."""
    found: tuple[list[Places], list[Places]] = ([], [])
    for start, part in _words(data):
        found[start % 2].append(start + 2 * np.flatnonzero(part == _KEY))
    left = -_present(table)
    for keys in (np.concatenate(part) for part in found if part):
        after = data[np.minimum(keys + 2, len(data) - 1)]
        spaced = data[np.minimum(keys + 3, len(data) - 1)]
        is_null = (after == ord("n")) | ((after == ord(" ")) & (spaced == ord("n")))
        is_null &= data[np.maximum(keys - 1, 0)] != ord("\\")
        left += times(lines, keys[~is_null])
    places = np.flatnonzero(left)
    inside = table.take(pa.array(places))
    for column in inside.columns:
        left[places] -= pc.fill_null(pc.count_substring(column, '":'), 0).to_numpy()
    for place in places:  # a quote written as \u0022 is none in the bytes
        left[place] = left[place] or b"\\u" in lines.raw(int(place))
    odd: Mask = left != 0
    return odd
