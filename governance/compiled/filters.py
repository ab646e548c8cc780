"""The bits of keys in the words of a filter; see `identities.bloom`."""

from __future__ import annotations

import numpy as np

from governance.compiled.jit import Mask, Words, kernel


@kernel
def add_keys(words: Words, patterns: Words, keys: Words, shifts: Words, apart: np.uint64) -> None:
    """Sets the bits of keys.

    Args:
        words: The filter.
        patterns: Bits that are chosen among, a power of two.
        keys: The keys, shape (n,).
        shifts: By how many bits a key is shifted to its first word, and to its two patterns.
        apart: The bits of a key in which its second word differs from the first.
    """
    last = np.uint64(len(patterns) - 1)
    for key in keys:
        first = key >> shifts[0]
        words[first] |= patterns[key >> shifts[1] & last]
        words[first ^ (key & apart)] |= patterns[key >> shifts[2] & last]


@kernel
def find_keys(words: Words, patterns: Words, keys: Words, shifts: Words, apart: np.uint64, found: Mask) -> None:
    """Tells whether all bits of each key are set; see `add_keys`."""
    last = np.uint64(len(patterns) - 1)
    for place in range(len(keys)):
        key = keys[place]
        first, second = key >> shifts[0], (key >> shifts[0]) ^ (key & apart)
        one, other = patterns[key >> shifts[1] & last], patterns[key >> shifts[2] & last]
        found[place] = words[first] & one == one and words[second] & other == other
