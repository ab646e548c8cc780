"""How a function is compiled: by numba, which no other file needs to know.

What is compiled lies in a cache beside its file, or in that of the user; it takes five seconds once, and half a second
to load. Words are the eight bytes that begin at a place, little-endian: the last ones reach behind the end of the
bytes, so there must be room.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes: TypeAlias = npt.NDArray[np.uint8]
Words: TypeAlias = npt.NDArray[np.uint64]
Places: TypeAlias = npt.NDArray[np.int64]
Spans: TypeAlias = npt.NDArray[np.int32]
Ways: TypeAlias = npt.NDArray[np.int32]
Mask: TypeAlias = npt.NDArray[np.bool_]
Function = TypeVar("Function", bound=Callable[..., Any])

WORD = 8  # bytes
WRONG = -1  # instead of a place: nothing that is valid stands there
MASKS = np.array([(1 << 8 * kept) - 1 for kept in range(WORD)], np.uint64)  # of the first bytes of a word


_compiled: Any = njit  # its types do not name `_nrt`, and a wrapper of ours would be compiled as well


def kernel(function: Function) -> Function:
    """Compiles a function for the types that it is called with.

    Without numba's runtime, which would count who holds an array at each step; nothing here makes or keeps one.
    """
    try:
        return cast("Function", _compiled(function, cache=True, nogil=True, _nrt=False))
    except RuntimeError:  # there is no place for a cache that can be written
        return cast("Function", _compiled(function, nogil=True, _nrt=False))


def part(function: Function) -> Function:
    """Makes a function a part of the kernels that call it: a call costs more than what most of them do."""
    return cast("Function", _compiled(function, inline="always"))


def words_of(data: Bytes) -> Words:
    """The word that begins at each byte but the last ones, which have none."""
    return np.ndarray((len(data) - WORD + 1,), "<u8", data, strides=(1,))
