"""The loops over single bytes, compiled when they are first called.

The only file that imports numba, which takes a second: `alike` does so for large files alone. What is compiled lies in
a cache beside this file, or in that of the user.

Words are the eight bytes that begin at a place, little-endian; the last ones reach behind the end of the bytes, so
there must be room.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit

from governance.mapped.grammar import BARE, COLUMN, FROM, KIND, LIST, NEXT, TEXT, TO

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Spans = npt.NDArray[np.int32]
Ways = npt.NDArray[np.int32]
Mask = Masks = npt.NDArray[np.bool_]
Kernel = TypeVar("Kernel", bound=Callable[..., Any])

IS_ODD, IS_NULL = 1, 2  # what a value is: not written as its text, none
SPANS, WHOLES, CODES = 0, 1, 2  # what is made of values: where they stand, besides numbers, or numbers of texts
WORD = 8  # bytes
_WRONG = -1  # instead of a place: nothing that is valid stands there
_WHOLE_DIGITS = 18
_POINT_DIGITS = 15  # which a double keeps
_TINY = 4  # zeros behind the point, from which on a double is printed with an exponent
_ZERO, _NINE = ord("0"), ord("9")
_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_CONTROL, _HIGH = 0x20, 0x80  # bytes below are none that a text may hold; from here on they are part of a character
_EVERY, _TOP = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)  # the least, and the top bit of each byte
_QUOTES, _BACKSLASHES, _CONTROLS = (np.uint64(byte) * _EVERY for byte in (_QUOTE, _BACKSLASH, _CONTROL))
_NULL, _TRUE, _FALSE = (np.uint64(int.from_bytes(word, "little")) for word in (b"null", b"true", b"fals"))
_ESCAPES = np.array([tuple(b'""'), tuple(rb"\\"), tuple(b"//"), *zip(b"bfnrt", b"\b\f\n\r\t", strict=True)], np.uint8)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd, near 2**64 by the golden ratio: its products differ in their first bits
_HALF = np.uint64(32)
SEATS = 1 << 14  # of the hash table of a dictionary
_LAST_SEAT = np.uint64(SEATS - 1)
_MASKS = np.array([(1 << 8 * kept) - 1 for kept in range(WORD)], np.uint64)  # of the first bytes of a word


def _kernel(function: Kernel) -> Kernel:
    """Compiles a function for the types that it is called with.

    Without numba's runtime, which would count who holds an array at each step; nothing here makes or keeps one.
    """
    try:
        return cast("Kernel", njit(function, cache=True, nogil=True, _nrt=False))
    except RuntimeError:  # there is no place for a cache that can be written
        return cast("Kernel", njit(function, nogil=True, _nrt=False))


def _part(function: Kernel) -> Kernel:
    """Makes a function a part of the kernels that call it: a call costs more than what most of them do."""
    return cast("Kernel", njit(function, inline="always"))


def words_of(data: Bytes) -> Words:
    """The word that begins at each byte but the last ones, which have none."""
    return np.ndarray((len(data) - WORD + 1,), "<u8", data, strides=(1,))


@_part
def _is_literal(words: Words, at: int, literals: Words, start: int, size: int) -> bool:
    """Whether the bytes at a place are those of a literal."""
    done = 0
    while done + WORD <= size:
        if words[at + done] != literals[start + done]:
            return False
        done += WORD
    return done == size or (words[at + done] ^ literals[start + done]) & _MASKS[size - done] == np.uint64(0)


@_part
def _until_special(word: np.uint64) -> int:
    """How many bytes of a word come before the first quote, backslash, control character or longer character."""
    quotes, backslashes = word ^ _QUOTES, word ^ _BACKSLASHES
    found = (quotes - _EVERY) & ~quotes | (backslashes - _EVERY) & ~backslashes | (word - _CONTROLS) & ~word | word
    found &= _TOP
    if found == np.uint64(0):
        return WORD
    before = (found & (~found + np.uint64(1))) - np.uint64(1)  # all bits below the first one that is set
    return np.int64((before & _EVERY) * _EVERY >> np.uint64(56)) - 1


@_kernel
def _character(data: Bytes, at: int, end: int) -> int:
    """The place behind a character of several bytes; _WRONG if it is not UTF-8."""
    lead = data[at]
    size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if lead < 0xC2 or lead > 0xF4 or at + size > end:
        return _WRONG
    second = data[at + 1]
    least, most = 0x80, 0xBF
    if lead == 0xE0:  # what fewer bytes could hold
        least = 0xA0
    elif lead == 0xED:  # halves of characters
        most = 0x9F
    elif lead == 0xF0:
        least = 0x90
    elif lead == 0xF4:  # behind the last character
        most = 0x8F
    if second < least or second > most:
        return _WRONG
    for place in range(at + 2, at + size):
        if data[place] & 0xC0 != 0x80:
            return _WRONG
    return at + size


@_kernel
def _hexadecimal(data: Bytes, at: int) -> int:
    """The number that four digits write; _WRONG if they are none."""
    number = 0
    for place in range(at, at + 4):
        byte = data[place]
        if _ZERO <= byte <= _NINE:
            digit = byte - _ZERO
        else:
            digit = (byte | 0x20) - ord("a") + 10
            if digit < 10 or digit > 15:
                return _WRONG
        number = number * 16 + digit
    return number


@_kernel
def _escaped(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """What an escape stands for, and the place behind it; _WRONG if it is none, or stands for NUL or half a character."""
    letter = data[at + 1]
    if letter != ord("u"):
        for place in range(len(_ESCAPES)):
            if letter == _ESCAPES[place, 0]:
                return _ESCAPES[place, 1], at + 2
        return _WRONG, at
    code = _hexadecimal(data, at + 2) if at + 6 <= end else _WRONG
    if code <= 0 or 0xDC00 <= code < 0xE000:
        return _WRONG, at
    if code < 0xD800 or code >= 0xE000:
        return code, at + 6
    if at + 12 > end or data[at + 6] != _BACKSLASH or data[at + 7] != ord("u"):
        return _WRONG, at
    low = _hexadecimal(data, at + 8)
    if low < 0xDC00 or low >= 0xE000:
        return _WRONG, at
    return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), at + 12


@_part
def _quoted(data: Bytes, words: Words, at: int, end: int) -> tuple[int, int]:
    """The place of the quote behind a text, and IS_ODD if it has escapes; _WRONG if it is not one."""
    marks = 0
    while True:
        plain = _until_special(words[at])
        at += plain
        if at >= end:
            return _WRONG, marks
        if plain == WORD:
            continue
        byte = data[at]
        if byte == _QUOTE:
            return at, marks
        if byte == _BACKSLASH:
            code, at = _escaped(data, at, end)
            if code < 0:
                return _WRONG, marks
            marks |= IS_ODD
        elif byte >= _HIGH:
            at = _character(data, at, end)
            if at < 0:
                return _WRONG, marks
        else:
            return _WRONG, marks


@_part
def _digits(data: Bytes, at: int, end: int) -> int:
    """The place behind the digits at a place."""
    while at < end and _ZERO <= data[at] <= _NINE:
        at += 1
    return at


@_part
def _number(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The place behind a number, and what it is; _WRONG if it is none.

    One that is written as its text is a whole number of up to 18 digits, or one of up to 15 that neither ends with a
    needless zero nor is so small that it is printed with an exponent.
    """
    is_negative = data[at] == ord("-")
    start = at + 1 if is_negative else at
    point = _digits(data, start, end)
    wholes, is_zero = point - start, data[start] == _ZERO
    if wholes == 0 or (is_zero and wholes > 1):
        return _WRONG, 0
    at = point
    if data[at] == ord("."):
        at = _digits(data, point + 1, end)
        if at == point + 1:
            return _WRONG, 0
    behind = at
    if data[at] == ord("e") or data[at] == ord("E"):
        at += 2 if data[at + 1] == ord("-") or data[at + 1] == ord("+") else 1
        last = _digits(data, at, end)
        return (_WRONG if last == at else last), IS_ODD
    if behind == point:
        return at, IS_ODD if wholes > _WHOLE_DIGITS or (is_zero and is_negative) else 0
    parts = behind - point - 1
    is_odd = wholes + parts > _POINT_DIGITS or (data[behind - 1] == _ZERO and parts > 1)
    if is_zero and parts > _TINY:
        is_odd |= _digits_of_zero(data, point + 1, behind) >= _TINY
    return at, IS_ODD if is_odd else 0


@_part
def _digits_of_zero(data: Bytes, at: int, end: int) -> int:
    """How many zeros follow one another."""
    begin = at
    while at < end and data[at] == _ZERO:
        at += 1
    return at - begin


@_part
def _bare(data: Bytes, words: Words, at: int, end: int) -> tuple[int, int]:
    """The place behind a number or one of the three words, and what it is; _WRONG if it is none."""
    word = words[at] & _MASKS[4]
    if word == _NULL:
        return at + 4, IS_NULL
    if word == _TRUE:
        return at + 4, 0
    if word == _FALSE:
        return (at + 5 if data[at + 4] == ord("e") else _WRONG), 0
    return _number(data, at, end)


@_kernel
def _listed(data: Bytes, words: Words, at: int, end: int) -> tuple[int, int]:
    """The place behind a list, whatever it holds; _WRONG if it does not end, or has texts that are none."""
    depth = 0
    while at < end:
        byte = data[at]
        at += 1
        if byte == _QUOTE:
            at, _ = _quoted(data, words, at, end)
            if at < 0:
                return _WRONG, 0
            at += 1
        elif byte == ord("["):
            depth += 1
        elif byte == ord("]"):
            depth -= 1
            if depth == 0:
                return at, IS_ODD
        elif byte < _CONTROL:
            return _WRONG, 0
    return _WRONG, 0


@_part
def _value(data: Bytes, words: Words, at: int, end: int, kind: int) -> tuple[int, int]:
    """The place behind a value of a kind, and what it is; _WRONG if it is none."""
    if kind == TEXT:
        return _quoted(data, words, at, end)
    return _bare(data, words, at, end) if kind == BARE else _listed(data, words, at, end)


@_part
def _way(data: Bytes, words: Words, at: int, end: int, literals: Words, ways: Ways, first: int, last: int) -> int:
    """Which of some ways leads on from a place; _WRONG if none does."""
    for way in range(first, last):
        start, size, kind = ways[way, FROM], ways[way, TO] - ways[way, FROM], ways[way, KIND]
        if at + size > end or not _is_literal(words, at, literals, start, size):
            continue
        behind = at + size
        if behind == end if kind < 0 else kind == TEXT or (data[behind] == ord("[")) == (kind == LIST):
            return way
    return _WRONG


@_kernel
def match(  # noqa: PLR0913, PLR0917 - arrays that are packed together take longer to hand over
    data: Bytes,
    words: Words,
    starts: Places,
    ends: Places,
    literals: Words,
    nodes: Ways,
    ways: Ways,
    first: Spans,
    last: Spans,
    sizes: Places,
    marks: Bytes,
    is_sure: Mask,
    modes: Bytes,
    places: Spans,
    filled: int,
    is_there: Masks,
    numbers: Places,
    codes: Spans,
    known: Spans,
    counts: Places,
    seats: Spans,
) -> int:
    """Finds the values of the lines of a grammar; returns how many lines are of it.

    Whole numbers, and texts of which there are few, are also written down as such while they are at hand.

    Args:
        data: Holds the lines.
        words: The word at each byte.
        starts: First byte of each line, shape (lines,).
        ends: The byte behind it.
        literals: The words of the grammar's literals.
        nodes: Its nodes.
        ways: Its ways.
        first: Gets the first byte of each value, shape (columns, lines), where it is -1 before. The lines of the
            grammar follow one another.
        last: Gets the byte behind it, or ~ that if the value is not written as its text.
        sizes: Gets the bytes of the values of each column, shape (columns,).
        marks: Gets what they are: IS_ODD and IS_NULL.
        is_sure: Gets which lines are of the grammar, shape (lines,).
        modes: What is made of the values of each column, SPANS, WHOLES or CODES; becomes SPANS where one is none.
        places: The row of each column in `numbers`, or in `codes` and what follows it.
        filled: How many lines have been found before.
        is_there: Gets where there is such a value, shape (columns, all lines).
        numbers: Gets the whole numbers, shape (rows, all lines).
        codes: Gets the numbers of the texts.
        known: Where each text that is known begins and ends, shape (rows, texts, 2).
        counts: How many are known, shape (rows,).
        seats: The number of the text that sits in each of the SEATS of a hash table, -1 of none; shape (rows, seats).
    """
    sizes[:] = 0
    marks[:] = 0
    row = 0
    for line in range(len(starts)):
        at, end, node, way = starts[line], ends[line], 0, 0
        while node >= 0:
            way = _way(data, words, at, end, literals, ways, nodes[node, 0], nodes[node, 1])
            if way < 0:
                break
            begin = at + ways[way, TO] - ways[way, FROM]
            node = ways[way, NEXT]
            if node < 0:
                break
            column = ways[way, COLUMN]
            at, mark = _value(data, words, begin, end, ways[way, KIND])
            if at < 0:
                way = _WRONG
                break
            marks[column] |= mark
            if mark & IS_NULL:
                continue
            sizes[column] += at - begin  # of lines that turn out to be none of the grammar as well
            first[column, row] = begin
            last[column, row] = ~at if mark & IS_ODD else at
        is_sure[line] = way >= 0
        if way < 0:
            first[:, row] = -1
            continue
        for column in range(len(modes)):
            begin, end, place = first[column, row], last[column, row], places[column]
            if modes[column] == SPANS or begin < 0:
                continue
            is_fitting = end >= 0
            if is_fitting and modes[column] == WHOLES:
                is_fitting, numbers[place, filled + row] = _whole(data, begin, end)
            elif is_fitting:
                code = _code(words, begin, end, place, known, counts, seats)
                is_fitting, codes[place, filled + row] = code >= 0, code
            is_there[column, filled + row] = is_fitting
            if not is_fitting:
                modes[column] = SPANS
        row += 1
    return row


@_part
def _whole(data: Bytes, at: int, end: int) -> tuple[bool, int]:
    """Whether a value that is written as its text is a whole number, and which."""
    number, is_negative = np.int64(0), data[at] == ord("-")
    for place in range(at + 1 if is_negative else at, end):
        digit = np.int64(data[place]) - _ZERO
        if digit < 0 or digit > 9:
            return False, number
        number = number * 10 + digit
    return True, -number if is_negative else number


@_part
def _hash(words: Words, begin: int, size: int) -> np.uint64:
    """A number that few texts share, of a text of so many bytes."""
    made, done = np.uint64(size) * _SPREAD, 0
    while done + WORD <= size:
        made = (made ^ words[begin + done]) * _SPREAD
        made ^= made >> _HALF
        done += WORD
    made = (made ^ words[begin + done] & _MASKS[size - done]) * _SPREAD
    return made ^ made >> _HALF


@_part
def _code(  # noqa: PLR0913, PLR0917 - see above
    words: Words, begin: int, end: int, row: int, known: Spans, counts: Places, seats: Spans
) -> int:
    """The number of a text; _WRONG if it is new and there is no room for it."""
    size, count = end - begin, counts[row]
    seat = _hash(words, begin, size) & _LAST_SEAT
    while seats[row, seat] >= 0:
        number = seats[row, seat]
        start = known[row, number, 0]
        if known[row, number, 1] - start == size and _is_literal(words, begin, words, start, size):
            return number
        seat = seat + np.uint64(1) & _LAST_SEAT
    if count == known.shape[1]:
        return _WRONG
    known[row, count, 0], known[row, count, 1] = begin, end
    seats[row, seat] = count
    counts[row] += 1
    return count


@_kernel
def texts(  # noqa: PLR0913, PLR0917 - see above
    data: Bytes,
    words: Words,
    first: Spans,
    last: Spans,
    kind: int,
    edges: Spans,
    to: int,
    made: Bytes,
    made_words: Words,
) -> int:
    """The values of one column as they are written, escapes in texts resolved; where there is none, an empty one.

    Args:
        data: What was matched.
        words: The word at each byte.
        first: Row of `first` of `match`.
        last: The same of `last`.
        kind: What the values are.
        edges: Gets where each text ends, shape (lines,).
        to: Where the first one begins.
        made: Gets their bytes; WORD more than they take.
        made_words: The word at each of those.

    Returns:
        Where the last one ends.
    """
    for row in range(len(first)):
        begin, end = first[row], last[row]
        if begin >= 0 and end < 0 and kind == TEXT:
            to = _unescaped(data, begin, ~end, made, to)
        elif begin >= 0:
            size = (end if end >= 0 else ~end) - begin
            for place in range(0, size, WORD):
                made_words[to + place] = words[begin + place]  # what is behind the end is written over
            to += size
        edges[row] = to
    return to


@_part
def _unescaped(data: Bytes, at: int, end: int, made: Bytes, to: int) -> int:
    """Writes a text with its escapes resolved; returns the place behind it. It never takes more room than it did."""
    while at < end:
        if data[at] != _BACKSLASH:
            made[to] = data[at]
            at, to = at + 1, to + 1
            continue
        code, at = _escaped(data, at, end)
        if code < 0x80:  # noqa: PLR2004 - UTF-8
            made[to] = code
            to += 1
            continue
        more = 1 if code < 0x800 else 2 if code < 0x10000 else 3  # noqa: PLR2004
        made[to] = (code >> 6 * more) | (0xFF00 >> more + 1 & 0xFF)
        for place in range(1, more + 1):
            made[to + place] = (code >> 6 * (more - place)) & 0x3F | 0x80
        to += more + 1
    return to
