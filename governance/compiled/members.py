"""A long line of JSON -> where the objects begin and end that stand in its lists under one key at one depth."""

from __future__ import annotations

from governance.compiled.characters import QUOTE
from governance.compiled.jit import WRONG, Bytes, Places, Words, kernel, part
from governance.compiled.lines import is_literal
from governance.compiled.values import quoted

_FIRST, _BEHIND_ONE, _BEHIND_COMMA = 0, 1, 2  # what may come next in a list


@kernel
def members(  # noqa: C901, PLR0911, PLR0912 - one loop over the bytes; what it calls is made a part of it anyway
    data: Bytes,
    words: Words,
    size: int,
    key: Words,
    key_size: int,
    at_depth: int,
    first: Places,
    last: Places,
    lists: Places,
    edges: Places,
) -> tuple[int, int]:
    """Finds the objects; returns how many there are, and in how many lists, WRONG both if nobody can say.

    Whether the objects, and what is around the lists, are JSON remains to be seen.

    Args:
        data: The line.
        words: The word at each byte.
        size: How many bytes it has.
        key: The words of the key.
        key_size: How many bytes that has.
        at_depth: How many objects and lists are open within the lists.
        first: Gets the first byte of each object.
        last: Gets the byte behind it.
        lists: Gets which list it stands in.
        edges: Gets the first byte within each list, and the one behind the last; shape (lists, 2).
    """
    depth, count, opened, at, key_end = 0, 0, 0, 0, 0
    is_key, is_inside, state = False, False, _FIRST
    while at < size:
        byte = data[at]
        is_between = is_inside and depth == at_depth
        if byte == QUOTE:
            key_end, _ = quoted(data, words, at + 1, size)
            if key_end < 0 or is_between:
                return WRONG, WRONG
            is_key = key_end - at - 1 == key_size and is_literal(words, at + 1, key, 0, key_size)
            at = key_end + 1
            continue
        if byte == ord("{") or byte == ord("["):
            if is_between:
                if byte == ord("[") or state == _BEHIND_ONE or count == len(first):
                    return WRONG, WRONG
                first[count], lists[count] = at, opened - 1
            depth += 1
            if byte == ord("[") and depth == at_depth and is_key and _is_behind(data, key_end, at):
                if opened == len(edges):
                    return WRONG, WRONG
                edges[opened, 0] = at + 1
                opened += 1
                is_inside, state = True, _FIRST
        elif byte == ord("}") or byte == ord("]"):
            depth -= 1
            if is_inside and depth == at_depth:
                if byte == ord("]"):
                    return WRONG, WRONG
                last[count] = at + 1
                count += 1
                state = _BEHIND_ONE
            elif is_between:
                if byte == ord("}") or state == _BEHIND_COMMA:
                    return WRONG, WRONG
                edges[opened - 1, 1] = at
                is_inside = False
        elif is_between:
            if byte == ord(",") and state == _BEHIND_ONE:
                state = _BEHIND_COMMA
            elif not _is_white(byte):
                return WRONG, WRONG
        at += 1
    return (WRONG, WRONG) if is_inside else (count, opened)


@part
def _is_behind(data: Bytes, key_end: int, at: int) -> bool:
    """Whether nothing but a colon stands between the quote behind a key and a place."""
    colons = 0
    for place in range(key_end + 1, at):
        if data[place] == ord(":"):
            colons += 1
        elif not _is_white(data[place]):
            return False
    return colons == 1


@part
def _is_white(byte: int) -> bool:
    return byte == ord(" ") or byte == ord("\t") or byte == ord("\n") or byte == ord("\r")
