"""A Bloom filter of keys: what it does not know was surely never added, what it knows must be looked for.

The two words of a key lie in one line of the processor's cache, with up to four bits in each. It takes 128 MiB at
most, however much is added. Of a million keys that were never added it takes for known, as measured: 5 after 20
million additions, 400 after 50 million, 10,000 after 100 million.

Source: Bloom (1970); Putze, Sanders and Singler (2007) for the blocks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from governance.compiled import is_loaded

Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.intp]

_WORD_SHIFT = 40  # 2**24 words
_BLOCK_SHIFT = _WORD_SHIFT + 3
_APART = 7  # the words of one key lie at most so far apart
_PATTERNS, _PATTERN_BITS = 4096, 12
_BITS = 4
_SHIFTS = np.array([_WORD_SHIFT, 3, 3 + _PATTERN_BITS], np.uint64)


class BloomFilter:
    """Keys that are evenly spread over 64 bits, as `keys_of` gives them."""

    def __init__(self) -> None:
        self._words = np.zeros(1 << (64 - _WORD_SHIFT), np.uint64)  # takes memory where something is added
        drawn = np.random.default_rng(0).integers(0, 64, (_BITS, _PATTERNS), np.uint64)
        self._patterns = np.bitwise_or.reduce(np.uint64(1) << drawn)

    def add(self, keys: Keys) -> None:
        """Adds keys, shape (n,); quicker if they are sorted."""
        if is_loaded():
            from governance.compiled.filters import add_keys  # noqa: PLC0415 - takes a second where it is not

            add_keys(self._words, self._patterns, keys, _SHIFTS, np.uint64(_APART))
            return
        if not (keys[1:] >= keys[:-1]).all():
            keys = np.sort(keys)
        blocks = keys >> np.uint64(_BLOCK_SHIFT)
        is_alone = np.ones(len(keys) + 1, np.bool_)  # only words of one block may be equal
        is_alone[1:-1] = blocks[1:] != blocks[:-1]
        crowded = np.flatnonzero(~(is_alone[1:] & is_alone[:-1]))
        for at, bits in self._places(keys):
            self._words[at] |= bits
            at, bits = at[crowded], bits[crowded]  # noqa: PLW2901 - those of which one may have been lost
            while len(at):
                self._words[at] |= bits
                is_lost = (self._words[at] & bits) != bits  # of equal places only the last was written
                at, bits = at[is_lost], bits[is_lost]  # noqa: PLW2901 - what is left of them

    def may_hold(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Whether each key may have been added, shape (n,); quicker if they are sorted."""
        found = np.ones(len(keys), np.bool_)
        if is_loaded():
            from governance.compiled.filters import find_keys  # noqa: PLC0415 - as above

            find_keys(self._words, self._patterns, keys, _SHIFTS, np.uint64(_APART), found)
            return found
        for at, bits in self._places(keys):
            found &= (self._words[at] & bits) == bits
        return found

    def _places(self, keys: Keys) -> list[tuple[Places, Keys]]:
        """The two words of each key, and the bits in them."""
        first = (keys >> np.uint64(_WORD_SHIFT)).view(np.intp)
        low = keys.view(np.intp)
        second = first ^ (low & _APART)
        return [
            (first, self._patterns[low >> 3 & _PATTERNS - 1]),
            (second, self._patterns[low >> 3 + _PATTERN_BITS & _PATTERNS - 1]),
        ]
