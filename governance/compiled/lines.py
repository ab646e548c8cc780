"""Lines of JSON of a grammar -> where their values stand, and those that are typed."""

from __future__ import annotations

import numpy as np

from governance.compiled.characters import ZERO
from governance.compiled.jit import MASKS, WORD, WRONG, Bytes, Mask, Places, Spans, Ways, Words, kernel, part
from governance.compiled.tree import COLUMN, FROM, KIND, LIST, NEXT, TEXT, TO
from governance.compiled.values import IS_NULL, IS_ODD, value

SPANS, WHOLES, CODES = 0, 1, 2  # what is made of values: where they stand, besides numbers, or numbers of texts
SEATS = 1 << 14  # of the hash table of a dictionary
_LAST_SEAT = np.uint64(SEATS - 1)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd, near 2**64 by the golden ratio: its products differ in their first bits
_HALF = np.uint64(32)


@kernel
def match(
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
    is_there: Mask,
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
            way = find_way(data, words, at, end, literals, ways, nodes[node, 0], nodes[node, 1])
            if way < 0:
                break
            begin = at + ways[way, TO] - ways[way, FROM]
            node = ways[way, NEXT]
            if node < 0:
                break
            column = ways[way, COLUMN]
            at, mark = value(data, words, begin, end, ways[way, KIND])
            if at < 0:
                way = WRONG
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
        _type_values(
            data, words, first, last, row, filled + row, modes, places, is_there, numbers, codes, known, counts, seats
        )
        row += 1
    return row


@part
def _type_values(
    data: Bytes,
    words: Words,
    first: Spans,
    last: Spans,
    row: int,
    to: int,
    modes: Bytes,
    places: Spans,
    is_there: Mask,
    numbers: Places,
    codes: Spans,
    known: Spans,
    counts: Places,
    seats: Spans,
) -> None:
    """Writes down the typed values of one row of `first` and `last`; see `match`."""
    for column in range(len(modes)):
        begin, end, place = first[column, row], last[column, row], places[column]
        if modes[column] == SPANS or begin < 0:
            continue
        is_fitting = end >= 0
        if is_fitting and modes[column] == WHOLES:
            is_fitting, numbers[place, to] = _whole(data, begin, end)
        elif is_fitting:
            code = _code(words, begin, end, place, known, counts, seats)
            is_fitting, codes[place, to] = code >= 0, code
        is_there[column, to] = is_fitting
        if not is_fitting:
            modes[column] = SPANS


@part
def find_way(data: Bytes, words: Words, at: int, end: int, literals: Words, ways: Ways, first: int, last: int) -> int:
    """Which of some ways leads on from a place; WRONG if none does."""
    for way in range(first, last):
        start, size, kind = ways[way, FROM], ways[way, TO] - ways[way, FROM], ways[way, KIND]
        if at + size > end or not is_literal(words, at, literals, start, size):
            continue
        behind = at + size
        if behind == end if kind < 0 else kind == TEXT or (data[behind] == ord("[")) == (kind == LIST):
            return way
    return WRONG


@part
def is_literal(words: Words, at: int, literals: Words, start: int, size: int) -> bool:
    """Whether the bytes at a place are those of a literal."""
    done = 0
    while done + WORD <= size:
        if words[at + done] != literals[start + done]:
            return False
        done += WORD
    return done == size or (words[at + done] ^ literals[start + done]) & MASKS[size - done] == np.uint64(0)


@part
def _whole(data: Bytes, at: int, end: int) -> tuple[bool, int]:
    """Whether a value that is written as its text is a whole number, and which."""
    number, is_negative = 0, data[at] == ord("-")
    for place in range(at + 1 if is_negative else at, end):
        digit = int(data[place]) - ZERO
        if not 0 <= digit <= 9:
            return False, number
        number = number * 10 + digit
    return True, -number if is_negative else number


@part
def _code(words: Words, begin: int, end: int, row: int, known: Spans, counts: Places, seats: Spans) -> int:
    """The number of a text; WRONG if it is new and there is no room for it."""
    size, count = end - begin, counts[row]
    seat = _hash(words, begin, size) & _LAST_SEAT
    while seats[row, seat] >= 0:
        number = seats[row, seat]
        start = known[row, number, 0]
        if known[row, number, 1] - start == size and is_literal(words, begin, words, start, size):
            return number
        seat = seat + np.uint64(1) & _LAST_SEAT
    if count == known.shape[1]:
        return WRONG
    known[row, count, 0], known[row, count, 1] = begin, end
    seats[row, seat] = count
    counts[row] += 1
    return count


@part
def _hash(words: Words, begin: int, size: int) -> np.uint64:
    """A number that few texts share, of a text of so many bytes."""
    made, done = np.uint64(size) * _SPREAD, 0
    while done + WORD <= size:
        made = (made ^ words[begin + done]) * _SPREAD
        made ^= made >> _HALF
        done += WORD
    made = (made ^ words[begin + done] & MASKS[size - done]) * _SPREAD
    return made ^ made >> _HALF
