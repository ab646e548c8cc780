"""Numbers in lists and objects of JSON that the engine prints in another way than the strict parser.

Both print the double that a number stands for; the parser with an exponent below 1e-4 and from 1e16 on, and the number
as it was written where a double would lose a digit.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from governance.mapped.scans import Mask, Places

_AT_ONCE = 1 << 17  # bytes that are looked at together
_LONG = 16  # digits, of which a double may lose one
_LONGEST = 40  # bytes of a number; a longer one is odd
_EXPONENT, _POINT, _MINUS, _PLUS, _DIGIT = b"e.-+0"
_BEFORE = tuple(b":,[ \t")
_TOKEN = re.compile(rb"[-+.0-9eE]*")
_NOT_FINITE = (b"nan", b"inf")


def misprinted(data: npt.NDArray[np.uint8], starts: Places, ends: Places) -> Mask:
    """Which of some stretches of bytes hold such a number, or one that is not finite; shape (stretches,).

    Args:
        data: The bytes.
        starts: First byte of each, a bracket.
        ends: The byte behind each.
    """
    found = np.zeros(len(starts), np.bool_)
    behind = np.cumsum(ends - starts)
    view, first = data.data, 0
    while first < len(starts):
        done = int(behind[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(behind, done + _AT_ONCE)))
        spans = zip(starts[first:last].tolist(), ends[first:last].tolist(), strict=True)
        joined = np.frombuffer(b"".join([view[start:end] for start, end in spans]), np.uint8)
        found[first + np.searchsorted(behind[first:last] - done, _odd(joined), side="right")] = True
        first = last
    return found


def _odd(data: npt.NDArray[np.uint8]) -> Places:
    """Where such numbers stand in some bytes, which begin and end with a bracket."""
    is_digit = (data - np.uint8(_DIGIT)) < 10  # noqa: PLR2004 - wraps around
    in_number = is_digit | (data == _POINT)
    lower = data | np.uint8(0x20)
    exponents = np.flatnonzero((lower[1:-1] == _EXPONENT) & in_number[:-2] & (is_digit | _is_sign(data))[2:])
    tiny = np.flatnonzero((data[:-5] == _DIGIT) & (data[1:-4] == _POINT) & (data[2:-3] == _DIGIT))
    for place in (3, 4, 5):
        tiny = tiny[data[tiny + place] == _DIGIT]
    plain, _ = _beginning(data, in_number, np.concatenate((exponents, tiny)))
    long, are_endless = _beginning(data, in_number, _runs(in_number))
    wrong = [start for start in long.tolist() if not _keeps_digits(data[start : start + _LONGEST].tobytes())]
    return np.concatenate((plain, np.array(wrong, np.int64), are_endless, _not_finite(data, lower)))


def _is_sign(data: npt.NDArray[np.uint8]) -> Mask:
    found: Mask = (data == _MINUS) | (data == _PLUS)
    return found


def _runs(in_number: Mask) -> Places:
    """Where the runs of many digits begin."""
    run = in_number
    for step in (1, 2, 4, 8):
        run = run[step:] & run[:-step]
    if not run.any():
        return np.empty(0, np.int64)
    return np.flatnonzero(run & ~np.concatenate((np.zeros(1, np.bool_), run[:-1])))


def _beginning(data: npt.NDArray[np.uint8], in_number: Mask, at: Places) -> tuple[Places, Places]:
    """Where the numbers begin in which these bytes stand, if they are numbers; and those of which nobody can say."""
    for _ in range(_LONGEST):
        goes_on = in_number[np.maximum(at - 1, 0)] & (at > 0)
        if not goes_on.any():
            break
        at = np.where(goes_on, at - 1, at)
    endless = in_number[np.maximum(at - 1, 0)] & (at > 0)
    before = np.where(data[np.maximum(at - 1, 0)] == _MINUS, at - 1, at)
    is_number = np.isin(data[np.maximum(before - 1, 0)], _BEFORE)
    return at[is_number & ~endless], at[endless]


def _keeps_digits(raw: bytes) -> bool:
    """Whether a number is printed as it is written."""
    token = _TOKEN.match(raw)
    text = token.group().decode() if token else ""
    return text.isdigit() or (len(text) < _LONGEST and _printed(text) == text)


def _printed(text: str) -> str | None:
    try:
        return repr(float(text))
    except ValueError:
        return None


def _not_finite(data: npt.NDArray[np.uint8], lower: npt.NDArray[np.uint8]) -> Places:
    found = []
    for name in _NOT_FINITE:
        at = np.flatnonzero((lower[1:-3] == name[0]) & (lower[2:-2] == name[1]) & (lower[3:-1] == name[2])) + 1
        found.append(at[np.isin(data[at - 1], (*_BEFORE, _MINUS, _PLUS))])
    return np.concatenate(found)
