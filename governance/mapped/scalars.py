"""Values as they stand in JSON -> the texts that the strict parser makes of them, many at a time."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance.mapped.chunks import cell_text
from governance.mapped.doubts import MAX_NESTED
from governance.mapped.scans import Mask, Places
from governance.records import parse_json

_REMEMBERED = 1 << 14  # values that are not told anew
_WHOLE_DIGITS = 18
_POINT_DIGITS = 15  # which a double keeps
_TINY = 4  # zeros behind the point, from which on a double is printed with an exponent
_ZERO, _POINT, _MINUS, _TEN = 0x30, 0x2E, 0x2D, 10


class Told(NamedTuple):
    """What a value is.

    Attributes:
        is_value: Whether it is one that stands for itself; else its line is doubtful.
        text: Its text; None of null.
    """

    is_value: bool
    text: str | None


_DOUBT = Told(is_value=False, text=None)


class Odd(NamedTuple):
    """Values that are not their own text.

    Attributes:
        rows: Where they stand.
        told: What each of them is.
    """

    rows: Places
    told: list[Told]

    def doubtful(self) -> Places:
        """Rows of those that are none."""
        return self.rows[[not told.is_value for told in self.told]] if self.told else self.rows


def odd_bare(values: pa.StringArray) -> Odd:
    """Which values without quotes are written in another way than their text, and what they are.

    Args:
        values: Whatever stands there, shape (n,); their bytes follow one another.
    """
    rows = np.flatnonzero(~_are_plain(values))
    return Odd(rows, [_bare(text) for text in values.take(pa.array(rows)).to_pylist()] if len(rows) else [])


def odd_quoted(values: pa.StringArray, rows: Places) -> Odd:
    """What texts are that have escapes.

    Args:
        values: What stands between the quotes.
        rows: Those with a backslash.
    """
    if not len(rows):
        return Odd(rows, [])
    written = values.take(pa.array(rows)).to_pylist()
    try:
        texts = parse_json('["' + '","'.join(written) + '"]')
    except ValueError:
        return Odd(rows, [_quoted(text) for text in written])
    return Odd(rows, [Told("\0" not in text, text) for text in texts])


def odd_lists(values: pa.StringArray) -> Odd:
    """What lists are, each by the strict parser."""
    return Odd(np.arange(len(values)), [_list(text) for text in values.to_pylist()])


def _list(written: str) -> Told:
    if written.count("[") + written.count("{") > MAX_NESTED:
        return _DOUBT  # its line may be deeper than the parser allows
    try:
        value = parse_json(written)
    except (ValueError, InvalidOperation, RecursionError):
        return _DOUBT
    return Told(is_value=True, text=cell_text(value)) if isinstance(value, list) else _DOUBT


def replaced(values: pa.StringArray, odd: Odd) -> pa.StringArray:
    """The values with the texts of the odd ones."""
    if not len(odd.rows):
        return values
    mask = np.zeros(len(values), np.bool_)
    mask[odd.rows] = True
    return pc.replace_with_mask(values, pa.array(mask), pa.array([told.text for told in odd.told], pa.string()))


def _quoted(written: str) -> Told:
    try:
        text = parse_json(f'"{written}"')
    except ValueError:
        return _DOUBT
    return Told("\0" not in text, text)


@lru_cache(_REMEMBERED)
def _bare(written: str) -> Told:
    try:
        value = parse_json(written)
    except (ValueError, InvalidOperation, RecursionError):
        return _DOUBT
    if value is not None and not isinstance(value, int | float | Decimal):
        return _DOUBT  # a list or an object may be too deep for its line
    return Told(is_value=True, text=None if value is None else cell_text(value))


def _are_plain(values: pa.StringArray) -> Mask:
    """Which values are numbers that are printed as they are written, shape (n,).

    These are whole numbers of up to 18 digits, and others of up to 15 that neither end with a needless zero nor are so
    small that they are printed with an exponent.
    """
    data, edges = _bytes(values)
    is_digit = (data - np.uint8(_ZERO)) < _TEN  # wraps around
    digits = _sums(is_digit, edges)
    lengths = np.diff(edges)
    found: Mask = (digits == lengths) & (lengths > 0) & (lengths <= _WHOLE_DIGITS)
    found[found] = (data[edges[:-1][found]] != _ZERO) | (lengths[found] == 1)
    rest = np.flatnonzero(~found & (lengths > 0))
    if len(rest):
        found[rest] = _are_signed(*_bytes(values.take(pa.array(rest))))
    return found


def _bytes(values: pa.StringArray) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """The bytes of values that follow one another, and where each begins and the last one ends."""
    _, offsets, buffer = values.buffers()
    if buffer is None or len(values) == 0:
        return np.empty(0, np.uint8), np.zeros(len(values) + 1, np.int32)
    edges = np.frombuffer(offsets, np.int32, len(values) + 1)
    return np.frombuffer(buffer, np.uint8, edges[-1]), edges


def _sums(is_there: Mask, edges: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """How many there are in each value."""
    sums = np.concatenate((np.zeros(1, np.int32), np.cumsum(is_there, dtype=np.int32)))
    return np.diff(sums[edges])


def _are_signed(data: npt.NDArray[np.uint8], edges: npt.NDArray[np.int32]) -> Mask:
    """The same of numbers that may have a sign and a point; none of them is empty."""
    starts, ends = edges[:-1], edges[1:]
    digits = _sums((data - np.uint8(_ZERO)) < _TEN, edges)
    is_negative = data[starts] == _MINUS
    heads = np.minimum(starts + is_negative, ends - 1)
    points = np.flatnonzero(data == _POINT)
    nth = np.searchsorted(points, starts)
    times = np.searchsorted(points, ends) - nth
    dot = np.append(points, len(data))[nth]
    is_zero = data[heads] == _ZERO
    is_made = digits + times + is_negative == ends - starts
    begins_well = ~is_zero | (ends - heads == 1) | (dot == heads + 1)
    is_whole = (times == 0) & (digits > 0) & (digits <= _WHOLE_DIGITS) & ~(is_zero & is_negative)
    ends_well = (data[ends - 1] != _ZERO) | (ends - dot == 2)  # noqa: PLR2004 - a point and one zero
    has_point = (times == 1) & (digits <= _POINT_DIGITS) & (dot > heads) & (dot < ends - 1) & ends_well
    has_point &= ~(is_zero & _follow_zeros(data, dot, ends))
    found: Mask = is_made & begins_well & (is_whole | has_point)
    return found


def _follow_zeros(data: npt.NDArray[np.uint8], dots: Places, ends: npt.NDArray[np.int32]) -> Mask:
    """Whether a point is followed by so many zeros that the number is printed with an exponent."""
    found: Mask = ends - dots > _TINY + 1
    for place in range(1, _TINY + 1):
        found[found] = data[dots[found] + place] == _ZERO
    return found
