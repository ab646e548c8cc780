"""Which lines of JSON the engine may have misread, told by counts of a few bytes.

The engine is lenient: it takes the first of two equal keys, allows a comma before a bracket, reads `nan` and `inf`, and
turns what it cannot read into nulls. A line holds `":` once for each key and `{` once for each object, apart from texts
with such bytes in them; a line that holds more, or fewer, is left to the strict parser.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance.mapped.members import is_counted, miscounted, pairs
from governance.mapped.numerals import misprinted
from governance.mapped.scans import Lines, Mask, Places, Scan
from governance.records.stretches import Stretch, count, positions

MAX_NESTED = 60  # brackets in one line, below the depth at which the strict parser refuses
_NEWLINE = 0x0A
_BLANK = (0x20, 0x09, 0x0D)
_SPACED_COLON = re.compile(rb'"[ \t\r]+:')
_OPENED = re.compile(rb'":[ \t\r]*\{')
_ESCAPE = b"u00"  # after a backslash: a character that JSON cannot hold as it is
_ZERO, _ONE = b"01"
_LETTERS = tuple(b"abcdefABCDEF")
_NOT_FINITE = pa.array([sign + name for sign in ("", "-", "+") for name in ("nan", "inf", "infinity")])
_NONE = np.empty(0, np.int64)
_IS_LENGTH = np.isin(np.arange(11), (3, 4, 8, 9))  # of those, and of longer texts
_BEGINS = np.isin(np.arange(256), tuple(b"nNiI+-"))


def doubtful(stretch: Stretch, lines: Lines, scan: Scan) -> Mask | None:
    """Which rows may not be what the strict parser would read, shape (lines,); None if there are none.

    Args:
        stretch: The bytes.
        lines: Where each row stands in them.
        scan: What the engine read.
    """
    data = stretch.data
    found = _endings(data, lines) | _objects(data, lines, scan) | _not_finite(scan)
    places, starts, ends = _lists(data, lines, found)
    if scan.wholes:
        places, starts, ends = np.arange(len(lines), dtype=np.int64), lines.starts, lines.ends
    found[places] |= misprinted(data, starts, ends)
    found |= _escapes(data, lines, is_printed=len(places) > 0)
    keys, spaced = pairs(data)
    if spaced:
        at = [match.start() for match in _SPACED_COLON.finditer(data.data)]
        found[lines.of(np.array(at, np.int64))] = True
    if not is_counted(keys, lines, scan, found):
        found |= miscounted(data, lines, scan)
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


def _objects(data: npt.NDArray[np.uint8], lines: Lines, scan: Scan) -> Mask:
    """Lines that hold no object, or others in it than were read, or nothing that was read."""
    found = np.zeros(len(lines), np.bool_)
    if scan.nodes:
        _mark_open(data, lines, positions(data, ord("}")), found)
        found |= _hollow(lines, scan)
    is_flat = not scan.nodes and (data[lines.starts] == ord("{")).all() and count(data, ord("{")) == len(lines)
    if not is_flat:
        found |= _braces(data, lines, scan)
    if all(column.null_count for column in scan.texts.values()):
        found |= scan.present() == 0
    return found


def _braces(data: npt.NDArray[np.uint8], lines: Lines, scan: Scan) -> Mask:
    """Lines with more brackets of objects, or fewer, than objects were read and than stand in texts."""
    left = lines.times(positions(data, ord("{"))) - 1
    for node in scan.nodes.values():
        left -= node.is_there
    places = np.flatnonzero(left)
    for column in scan.at(places):
        is_empty = pc.cast(pc.equal(column, "{}"), pa.int32())
        in_text = pc.if_else(_may_be_nested(column), is_empty, pc.count_substring(column, "{"))
        left[places] -= pc.fill_null(in_text, 0).to_numpy()
    odd: Mask = left != 0
    return odd


def _may_be_nested(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.or_(pc.starts_with(column, "{"), pc.starts_with(column, "["))


def _hollow(lines: Lines, scan: Scan) -> Mask:
    """Lines where an object has no member that is known, if it may be something else."""
    found = scan.hollow()
    places = np.flatnonzero(found)
    if not len(places):
        return found
    objects = sum(node.is_there[places].astype(np.int64) for node in scan.nodes.values())
    opened = np.array([len(_OPENED.findall(lines.raw(place))) for place in places.tolist()], np.int64)
    doubt = opened != objects
    for column in scan.at(places):
        doubt |= pc.fill_null(_may_be_nested(column), fill_value=False).to_numpy()
    found[places] = doubt
    return found


def _lists(data: npt.NDArray[np.uint8], lines: Lines, doubts: Mask) -> tuple[Places, Places, Places]:
    """Which lines hold lists, where the first of each begins, and what is behind the last of it.

    Lines with too many, or with one that ends with a comma, become doubtful.
    """
    if not count(data, ord("[")):
        return _NONE, _NONE, _NONE
    opening, closing = positions(data, ord("[")), positions(data, ord("]"))
    times = lines.times(opening)
    doubts |= times > MAX_NESTED
    _mark_open(data, lines, closing, doubts)
    places = np.flatnonzero(times)
    starts = opening[np.searchsorted(opening, lines.starts[places])]
    last = np.searchsorted(closing, lines.ends[places]) - 1
    ends = closing[np.maximum(last, 0)] + 1 if len(closing) else starts
    return places, starts, np.where(ends > starts, ends, lines.ends[places])


def _mark_open(data: npt.NDArray[np.uint8], lines: Lines, closing: Places, doubts: Mask) -> None:
    """Marks the lines in which one of these brackets has a comma before it."""
    ends_open = data[_before_blanks(data, closing - 1)] == ord(",")
    doubts[lines.of(closing[ends_open])] = True


def _not_finite(scan: Scan) -> Mask:
    """Lines with a text that may be a number that JSON does not know, in a spelling that only the engine takes."""
    found = np.zeros(scan.rows, np.bool_)
    for column in scan.texts.values():
        start = 0
        for part in column.chunks:
            places = _initials(part)
            if len(places):
                is_odd = pc.is_in(pc.utf8_lower(part.take(pa.array(places))), value_set=_NOT_FINITE)
                found[start + places[is_odd.to_numpy(zero_copy_only=False)]] = True
            start += len(part)
    return found


def _initials(texts: pa.Array) -> Places:
    """Which texts are as long as such a number, and begin like one."""
    edges = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    places = np.flatnonzero(_IS_LENGTH[np.minimum(np.diff(edges), len(_IS_LENGTH) - 1)])
    if not len(places):
        return places
    first = np.frombuffer(texts.buffers()[2], np.uint8)[edges[places]]
    return places[_BEGINS[first]]


def _escapes(data: npt.NDArray[np.uint8], lines: Lines, *, is_printed: bool) -> Mask:
    """Lines with the escape of the character NUL, which no text may hold, or of one that is printed in two ways."""
    found = np.zeros(len(lines), np.bool_)
    if not count(data, ord("\\")):
        return found
    at = positions(data[: len(data) - len(_ESCAPE) - 2], ord("\\"))
    for place, letter in enumerate(_ESCAPE, 1):
        at = at[data[at + place] == letter]
    tens, ones = data[at + 4], data[at + 5]
    is_odd = (tens == _ZERO) & (ones == _ZERO)
    if is_printed:
        is_odd |= ((tens == _ZERO) | (tens == _ONE)) & np.isin(ones, _LETTERS)
    found[lines.of(at[is_odd])] = True
    return found
