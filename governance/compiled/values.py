"""Values in the bytes of JSON: where each ends, and whether it is written as its text."""

from __future__ import annotations

import numpy as np

from governance.compiled.characters import (
    BACKSLASH,
    CONTROL,
    HIGH,
    NINE,
    QUOTE,
    ZERO,
    character,
    escaped,
    until_special,
)
from governance.compiled.jit import MASKS, WORD, WRONG, Bytes, Words, kernel, part
from governance.compiled.tree import BARE, TEXT

IS_ODD, IS_NULL = 1, 2  # what a value is: not written as its text, none
_WHOLE_DIGITS = 18
_POINT_DIGITS = 15  # which a double keeps
_TINY = 4  # zeros behind the point, from which on a double is printed with an exponent
_NULL, _TRUE, _FALSE = (np.uint64(int.from_bytes(word, "little")) for word in (b"null", b"true", b"fals"))


@part
def quoted(data: Bytes, words: Words, at: int, end: int) -> tuple[int, int]:
    """The place of the quote behind a text, and IS_ODD if it has escapes; WRONG if it is not one."""
    marks = 0
    while True:
        plain = until_special(words[at])
        at += plain
        if at >= end:
            return WRONG, marks
        if plain == WORD:
            continue
        byte = data[at]
        if byte == QUOTE:
            return at, marks
        if byte == BACKSLASH:
            code, at = escaped(data, at, end)
            if code < 0:
                return WRONG, marks
            marks |= IS_ODD
        elif byte >= HIGH:
            at = character(data, at, end)
            if at < 0:
                return WRONG, marks
        else:
            return WRONG, marks


@part
def _digits(data: Bytes, at: int, end: int) -> int:
    """The place behind the digits at a place."""
    while at < end and ZERO <= data[at] <= NINE:
        at += 1
    return at


@part
def _number(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The place behind a number, and what it is; WRONG if it is none.

    One that is written as its text is a whole number of up to 18 digits, or one of up to 15 that neither ends with a
    needless zero nor is so small that it is printed with an exponent.
    """
    is_negative = data[at] == ord("-")
    start = at + 1 if is_negative else at
    point = _digits(data, start, end)
    wholes, is_zero = point - start, data[start] == ZERO
    if wholes == 0 or (is_zero and wholes > 1):
        return WRONG, 0
    at = point
    if data[at] == ord("."):
        at = _digits(data, point + 1, end)
        if at == point + 1:
            return WRONG, 0
    behind = at
    if data[at] == ord("e") or data[at] == ord("E"):
        at += 2 if data[at + 1] == ord("-") or data[at + 1] == ord("+") else 1
        last = _digits(data, at, end)
        return (WRONG if last == at else last), IS_ODD
    if behind == point:
        return at, IS_ODD if wholes > _WHOLE_DIGITS or (is_zero and is_negative) else 0
    parts = behind - point - 1
    is_odd = wholes + parts > _POINT_DIGITS or (data[behind - 1] == ZERO and parts > 1)
    if is_zero and parts > _TINY:
        is_odd |= _digits_of_zero(data, point + 1, behind) >= _TINY
    return at, IS_ODD if is_odd else 0


@part
def _digits_of_zero(data: Bytes, at: int, end: int) -> int:
    """How many zeros follow one another."""
    begin = at
    while at < end and data[at] == ZERO:
        at += 1
    return at - begin


@part
def _bare(data: Bytes, words: Words, at: int, end: int) -> tuple[int, int]:
    """The place behind a number or one of the three words, and what it is; WRONG if it is none."""
    word = words[at] & MASKS[4]
    if word == _NULL:
        return at + 4, IS_NULL
    if word == _TRUE:
        return at + 4, 0
    if word == _FALSE:
        return (at + 5 if data[at + 4] == ord("e") else WRONG), 0
    return _number(data, at, end)


@kernel
def _listed(data: Bytes, words: Words, at: int, end: int) -> tuple[int, int]:
    """The place behind a list, whatever it holds; WRONG if it does not end, or has texts that are none."""
    depth = 0
    while at < end:
        byte = data[at]
        at += 1
        if byte == QUOTE:
            at, _ = quoted(data, words, at, end)
            if at < 0:
                return WRONG, 0
            at += 1
        elif byte == ord("["):
            depth += 1
        elif byte == ord("]"):
            depth -= 1
            if depth == 0:
                return at, IS_ODD
        elif byte < CONTROL:
            return WRONG, 0
    return WRONG, 0


@part
def value(data: Bytes, words: Words, at: int, end: int, kind: int) -> tuple[int, int]:
    """The place behind a value of a kind, and what it is; WRONG if it is none."""
    if kind == TEXT:
        return quoted(data, words, at, end)
    return _bare(data, words, at, end) if kind == BARE else _listed(data, words, at, end)
