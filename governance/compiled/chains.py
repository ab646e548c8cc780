"""Lines of JSON -> which learnt line each is one of with other values put in, and where these values stand."""

from __future__ import annotations

import numpy as np

from governance.compiled.jit import WRONG, Bytes, Places, Spans, Ways, Words, kernel, part
from governance.compiled.lines import find_way
from governance.compiled.tree import COLUMN, FROM, KIND, NEXT, TEXT, TO
from governance.compiled.values import IS_NULL, IS_ODD, value

# Bytes of a number, and of its exponent with the sign: more than a double has, fewer than a decimal may have
MAX_NUMBER, MAX_EXPONENT = 40, 5


@kernel
def follow(
    data: Bytes,
    words: Words,
    starts: Places,
    ends: Places,
    literals: Words,
    nodes: Ways,
    ways: Ways,
    first: Spans,
    last: Spans,
    found: Spans,
) -> None:
    """Finds the pattern of each line, and its values in their order.

    Args:
        data: Holds the lines.
        words: The word at each byte.
        starts: First byte of each line, shape (lines,).
        ends: The byte behind it.
        literals: The words of the literals.
        nodes: The nodes of the tree.
        ways: Its ways; the column of those that end a line is the number of the pattern.
        first: Gets the first byte of each value, shape (values, lines).
        last: Gets the byte behind it, or ~ that if it is a text with escapes.
        found: Gets the number of the pattern, WRONG of none; shape (lines,).
    """
    for line in range(len(starts)):
        at, end, node, way, place = starts[line], ends[line], 0, 0, 0
        while node >= 0:
            way = find_way(data, words, at, end, literals, ways, nodes[node, 0], nodes[node, 1])
            if way < 0:
                break
            begin = at + ways[way, TO] - ways[way, FROM]
            node = ways[way, NEXT]
            if node < 0:
                break
            kind = ways[way, KIND]
            at, mark = value(data, words, begin, end, kind)
            if at < 0 or mark & IS_NULL or (mark & IS_ODD and kind != TEXT and not _is_modest(data, begin, at)):
                way = WRONG
                break
            first[place, line] = begin
            last[place, line] = ~at if mark & IS_ODD and kind == TEXT else at
            place += 1
        found[line] = ways[way, COLUMN] if way >= 0 else np.int32(WRONG)


@part
def _is_modest(data: Bytes, begin: int, end: int) -> bool:
    """Whether a number is not too long to be one, for any parser."""
    for place in range(begin, end):
        if data[place] | 0x20 == ord("e"):
            return end - begin <= MAX_NUMBER and end - place - 1 <= MAX_EXPONENT
    return end - begin <= MAX_NUMBER
