"""Characters in the bytes of JSON: UTF-8 and escapes."""

from __future__ import annotations

import numpy as np

from governance.compiled.jit import WORD, WRONG, Bytes, kernel, part

QUOTE, BACKSLASH = ord('"'), ord("\\")
CONTROL, HIGH = 0x20, 0x80  # bytes below are none that a text may hold; from here on they are part of a character
ZERO, NINE = ord("0"), ord("9")
_EVERY, _TOP = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)  # the least, and the top bit of each byte
_QUOTES, _BACKSLASHES, _CONTROLS = (np.uint64(byte) * _EVERY for byte in (QUOTE, BACKSLASH, CONTROL))
_ESCAPES = np.array([tuple(b'""'), tuple(rb"\\"), tuple(b"//"), *zip(b"bfnrt", b"\b\f\n\r\t", strict=True)], np.uint8)


@part
def until_special(word: np.uint64) -> int:
    """How many bytes of a word come before the first quote, backslash, control character or longer character."""
    quotes, backslashes = word ^ _QUOTES, word ^ _BACKSLASHES
    found = (quotes - _EVERY) & ~quotes | (backslashes - _EVERY) & ~backslashes | (word - _CONTROLS) & ~word | word
    found &= _TOP
    if found == np.uint64(0):
        return WORD
    before = (found & (~found + np.uint64(1))) - np.uint64(1)  # all bits below the first one that is set
    return int((before & _EVERY) * _EVERY >> np.uint64(56)) - 1


@kernel
def character(data: Bytes, at: int, end: int) -> int:
    """The place behind a character of several bytes; WRONG if it is not UTF-8."""
    lead = data[at]
    size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if lead < 0xC2 or lead > 0xF4 or at + size > end:
        return WRONG
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
        return WRONG
    for place in range(at + 2, at + size):
        if data[place] & 0xC0 != 0x80:
            return WRONG
    return at + size


@kernel
def _hexadecimal(data: Bytes, at: int) -> int:
    """The number that four digits write; WRONG if they are none."""
    number = 0
    for place in range(at, at + 4):
        byte = data[place]
        if ZERO <= byte <= NINE:
            digit = byte - ZERO
        else:
            digit = (byte | 0x20) - ord("a") + 10
            if digit < 10 or digit > 15:
                return WRONG
        number = number * 16 + digit
    return number


@kernel
def escaped(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """What an escape stands for, and the place behind it; WRONG if it is none, or means NUL or half a character."""
    letter = data[at + 1]
    if letter == ord("u"):
        return _numbered(data, at, end)
    for place in range(len(_ESCAPES)):
        if letter == _ESCAPES[place, 0]:
            return _ESCAPES[place, 1], at + 2
    return WRONG, at


@kernel
def _numbered(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The same of a character that is given by its number, or by two as UTF-16 has it."""
    code = _hexadecimal(data, at + 2) if at + 6 <= end else WRONG
    if code <= 0 or 0xDC00 <= code < 0xE000:
        return WRONG, at
    if code < 0xD800 or code >= 0xE000:
        return code, at + 6
    has_second = at + 12 <= end and data[at + 6] == BACKSLASH and data[at + 7] == ord("u")
    low = _hexadecimal(data, at + 8) if has_second else WRONG
    if low < 0xDC00 or low >= 0xE000:
        return WRONG, at
    return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), at + 12


@part
def unescaped(data: Bytes, at: int, end: int, made: Bytes, to: int) -> int:
    """Writes a text with its escapes resolved; returns the place behind it. It never takes more room than it did."""
    while at < end:
        if data[at] != BACKSLASH:
            made[to] = data[at]
            at, to = at + 1, to + 1
            continue
        code, at = escaped(data, at, end)
        if code < 0x80:
            made[to] = code
            to += 1
            continue
        more = 1 if code < 0x800 else 2 if code < 0x10000 else 3
        made[to] = (code >> 6 * more) | (0xFF00 >> more + 1 & 0xFF)
        for place in range(1, more + 1):
            made[to + place] = (code >> 6 * (more - place)) & 0x3F | 0x80
        to += more + 1
    return to
