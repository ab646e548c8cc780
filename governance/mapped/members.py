"""The keys of objects, counted in the bytes of JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from governance.mapped.scans import Lines, Mask, Path, Places, Scan

_CACHED = 1 << 17
_FEW = 0.02  # share of lines that are looked at one by one sooner than all at once
_KEY = 0x3A22  # the two bytes `":`
_SPACED = (0x2022, 0x0922)  # a quote and a blank


def pairs(data: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """How often a quote is followed by a colon, and by a blank."""
    colons = blanks = 0
    for _, part in _words(data):
        colons += int(np.count_nonzero(part == _KEY))
        blanks += sum(int(np.count_nonzero(part == pair)) for pair in _SPACED)
    return colons, blanks


def _words(data: npt.NDArray[np.uint8]) -> Iterator[tuple[int, npt.NDArray[np.uint16]]]:
    """Each two bytes that stand side by side, as numbers: first those from even places on, then the others."""
    for shift in (0, 1):
        words = data[shift : shift + (len(data) - shift) // 2 * 2].view("<u2")
        for start in range(0, len(words), _CACHED):
            yield shift + 2 * start, words[start : start + _CACHED]


def is_counted(keys: int, lines: Lines, scan: Scan, doubts: Mask) -> bool:
    """Whether there are as many keys as values, apart from lines that are doubtful anyway.

    A line never has more values than keys, so that no line makes up for another.

    Args:
        keys: How many there are in all lines.
        lines: Where each line stands.
        scan: What the engine read.
        doubts: Lines that do not count, shape (lines,); those with a blank before a colon among them.
    """
    places = np.flatnonzero(doubts)
    if len(places) > _FEW * len(lines):
        return False  # nobody knows what they would make up for
    own = sum(lines.raw(place).count(b'":') for place in places.tolist())
    read: int = sum(len(column) - column.null_count for column in scan.at(places))
    read += sum(int(node.is_there[places].sum()) for node in scan.nodes.values())
    return keys - own == scan.values() - read


def miscounted(data: npt.NDArray[np.uint8], lines: Lines, scan: Scan) -> Mask:
    """Lines whose keys are more, or fewer, than their values, nulls and quotes within texts; or null but not once."""
    found: tuple[list[Places], list[Places]] = ([], [])
    for start, part in _words(data):
        found[start % 2].append(start + 2 * np.flatnonzero(part == _KEY))
    left = -scan.present()
    nulls = []
    for keys in (np.concatenate(part) for part in found if part):
        after = data[np.minimum(keys + 2, len(data) - 1)]
        spaced = data[np.minimum(keys + 3, len(data) - 1)]
        is_null = (after == ord("n")) | ((after == ord(" ")) & (spaced == ord("n")))
        is_null &= data[np.maximum(keys - 1, 0)] != ord("\\")
        left += lines.times(keys[~is_null])
        nulls.append(keys[is_null])
    places = np.flatnonzero(left)
    for column in scan.at(places):
        left[places] -= pc.fill_null(pc.count_substring(column, '":'), 0).to_numpy()
    for place in places:  # a quote written as \u0022 is none in the bytes
        left[place] = left[place] or b"\\u" in lines.raw(int(place))
    odd: Mask = (left != 0) | _null_twice(data, lines, scan, np.concatenate(nulls))
    return odd


def _null_twice(data: npt.NDArray[np.uint8], lines: Lines, scan: Scan, nulls: Places) -> Mask:
    """Lines with a null under a key that is unknown, that has a value too, or that may stand there twice.

    Args:
        data: The bytes.
        lines: Where each line stands in them.
        scan: What the engine read, to which no key and a null are the same.
        nulls: Where the quote behind each key of a null stands.
    """
    odd = np.zeros(len(lines), np.bool_)
    named: dict[str, list[Path]] = {}
    for path in (*scan.texts, *scan.nodes):
        named.setdefault(path[-1], []).append(path)
    for name, paths in named.items():
        if not len(nulls):
            break
        is_null = [~scan.is_there(path) for path in paths]
        if not any(mask.any() for mask in is_null):
            continue
        is_own = _is_named(data, nulls, json.dumps(name, ensure_ascii=False).encode()[:-1])
        times = np.bincount(lines.of(nulls[is_own]), minlength=len(lines))
        odd |= (times > 1) | ((times > 0) & ~is_null[0]) if len(paths) == 1 else times > 0
        nulls = nulls[~is_own]
    odd[lines.of(nulls)] = True
    return odd


def _is_named(data: npt.NDArray[np.uint8], ends: Places, name: bytes) -> Mask:
    """Which of the keys that end there are this one, written with its first quote; shape (keys,)."""
    starts = ends - len(name)
    found: Mask = starts > 0
    found[found] = data[starts[found] - 1] != ord("\\")
    for place in (len(name) - 1, *range(len(name) - 1)):
        found[found] = data[starts[found] + place] == name[place]
    return found
