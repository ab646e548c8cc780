"""A Bloom filter of the keys in one file of the index, so that a look-up opens only the files that may hold its key.

It lies in that file, between the rows and the footer, where Parquet's own filters would lie and no reader looks: the
file's digest covers it. It has blocks of eight words of 32 bits; the upper half of a key chooses the block, the lower
half one bit in each word. Of a thousand keys that a file does not hold it takes four for held, as measured.

Source: Bloom (1970); Putze, Sanders and Singler (2007) for the blocks; Apache Parquet's BloomFilter.md for the salts.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BLOCK_BYTES = 32
_BITS_PER_KEY = 12  # chosen here: a hundredth of what a store takes
_HALF = 32
_LOW = (1 << _HALF) - 1
_BIT_SHIFT = 27  # leaves five bits, the number of one of 32
_SALTS = (0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31)
_WORDS = struct.Struct("<8I")


def filter_of(keys: npt.NDArray[np.uint64]) -> bytes:
    """The filter of keys.

    Args:
        keys: Ascending, shape (n,), evenly spread over 64 bits as `keys_of` gives them; n >= 1.
    """
    import numpy as np  # noqa: PLC0415 - a look-up of one id does without

    count = -(-len(keys) * _BITS_PER_KEY // (8 * BLOCK_BYTES))
    blocks = (keys >> np.uint64(_HALF)) * np.uint64(count) >> np.uint64(_HALF)
    starts = np.concatenate(([0], np.flatnonzero(blocks[1:] != blocks[:-1]) + 1))
    low = keys.astype(np.uint32)  # the lower half
    words = np.zeros((count, len(_SALTS)), "<u4")
    for word, salt in enumerate(_SALTS):
        bits = np.uint32(1) << (low * np.uint32(salt) >> np.uint32(_BIT_SHIFT))
        words[blocks[starts], word] = np.bitwise_or.reduceat(bits, starts)
    return words.tobytes()


def block_of(key: int, size: int) -> int:
    """Where, in a filter of so many bytes, the block of a key begins."""
    return BLOCK_BYTES * ((key >> _HALF) * (size // BLOCK_BYTES) >> _HALF)


def may_hold(block: bytes, key: int) -> bool:
    """Whether the keys of a filter may include one, by the block of that key; a block cut short tells nothing."""
    if len(block) != BLOCK_BYTES:
        return True
    low = key & _LOW
    return all(
        word >> ((low * salt & _LOW) >> _BIT_SHIFT) & 1 for word, salt in zip(_WORDS.unpack(block), _SALTS, strict=True)
    )
