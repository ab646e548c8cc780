"""Keys: 64 bits that stand for an id in the index, so that sorting and comparing ids costs little.

Two ids may share a key, by chance or by a stranger's intent: a key only tells where to look, and what is found there
is compared by the whole id. The function is FNV-1a over words of eight bytes instead of single ones, with the
finaliser of SplitMix64; it is written down here, because what lies in a store outlives any library's own hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_WORD = 8
_ALL = (1 << 64) - 1
_BASIS = 0xCBF29CE484222325  # FNV-1a, 64 bits
_PRIME = 0x100000001B3
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))  # SplitMix64
_LAST_SHIFT = 31


def key_of(text: str) -> int:
    """The key of one id, 0 to 2**64 - 1."""
    data = text.encode()
    key = _BASIS ^ len(data)
    for start in range(0, len(data), _WORD):
        word = int.from_bytes(data[start : start + _WORD], "little")
        key = (key ^ word) * _PRIME & _ALL
        key ^= key >> 32
    for shift, factor in _MIX:
        key = (key ^ key >> shift) * factor & _ALL
    return key ^ key >> _LAST_SHIFT


def keys_of(ids: pa.Array) -> npt.NDArray[np.uint64]:
    """The keys of many ids, the same as `key_of` gives one by one.

    Args:
        ids: Texts, shape (n,); none of them null.

    Returns:
        Keys, shape (n,).
    """
    import numpy as np  # noqa: PLC0415 - a look-up of one id does without

    count = len(ids)
    if count == 0:
        return np.empty(0, np.uint64)
    _, offsets, data = ids.buffers()
    ends = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + count + 1].astype(np.int64)
    lengths = np.diff(ends)
    longest = int(lengths.max())
    keys = np.uint64(_BASIS) ^ lengths.astype(np.uint64)
    with np.errstate(over="ignore"):  # wraps around, which is meant
        for nth, word in enumerate(_words(np.frombuffer(data or b"", np.uint8), ends, longest)):
            mixed = (keys ^ word) * np.uint64(_PRIME)
            mixed ^= mixed >> np.uint64(32)
            live = lengths > nth * _WORD
            keys = mixed if live.all() else np.where(live, mixed, keys)
        for shift, factor in _MIX:
            keys = (keys ^ keys >> np.uint64(shift)) * np.uint64(factor)
    found: npt.NDArray[np.uint64] = keys ^ keys >> np.uint64(_LAST_SHIFT)
    return found


def _words(data: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], longest: int) -> Iterator[npt.NDArray[np.uint64]]:
    """The words of eight bytes of each text, first to last, with zeros behind its end; each shape (n,).

    Args:
        data: The bytes of all texts.
        ends: Where the first one begins, and each one ends, shape (n + 1,).
        longest: Bytes of the longest one.
    """
    import numpy as np  # noqa: PLC0415 - a look-up of one id does without

    starts, lengths = ends[:-1], np.diff(ends)
    if longest and longest * len(lengths) == ends[-1] - ends[0]:  # all of one length, as most ids: a table of words
        table = np.zeros((len(lengths), -(-longest // _WORD) * _WORD), np.uint8)
        table[:, :longest] = data[ends[0] : ends[-1]].reshape(-1, longest)
        yield from table.view("<u8").T
        return
    padded = np.concatenate((data, np.zeros(_WORD, np.uint8)))  # the last one may end within a word
    words = np.ndarray((len(data) + 1,), "<u8", padded, strides=(1,))  # the word that begins at each byte
    masks = np.array([_ALL if left >= _WORD else (1 << 8 * left) - 1 for left in range(_WORD + 1)], np.uint64)
    for start in range(0, longest, _WORD):
        yield words[np.minimum(starts + start, len(data))] & masks[np.clip(lengths - start, 0, _WORD)]


def order_of(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The places of the keys in ascending order, equal ones as they stand; shape (n,).

    The first bits of nearly all keys differ, so it is enough to sort these with the place behind them: numpy sorts
    numbers several times faster than it sorts places by numbers.
    """
    import numpy as np  # noqa: PLC0415 - a look-up of one id does without

    bits = np.uint64(len(keys).bit_length())
    packed = (keys >> bits << bits) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    order = (packed & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    ordered = keys[order]
    is_exact = bool((ordered[1:] >= ordered[:-1]).all())
    return order if is_exact else np.argsort(keys, kind="stable")
