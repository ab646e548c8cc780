"""Records of a batch that came twice word for word: told by comparing columns, many at a time."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Places = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Repeats(NamedTuple):
    """What came of comparing the records of some requests.

    Attributes:
        numbers: Numbers of the records that say the same as the first of their request, shape (n,).
        left: Places of the records of all requests of which some record says something else, ascending, shape (m,).
    """

    numbers: Places
    left: Places


def repeats(tables: Sequence[pa.Table], places: Places, left_out: Container[str]) -> Repeats:
    """Which records say the same as the first of their request.

    Args:
        tables: The rows of the records, requests first. Records are compared if each has one row in every table, in
            the same order; otherwise all are left.
        places: Rows to look at, all of each request, ascending; shape (n,).
        left_out: Columns that are not part of what a record says.
    """
    requests, *others = tables
    if not all(rows.column("row_no").equals(requests.column("row_no")) for rows in others):
        return Repeats(np.empty(0, np.int64), places)
    uids = requests.column("request_uid").take(pa.array(places)).combine_chunks()
    codes = uids.dictionary_encode().indices.to_numpy()
    _, begins = np.unique(codes, return_index=True)
    firsts = places[begins[codes]]
    is_same = np.ones(len(places), np.bool_)
    for column in (rows.column(name) for rows in tables for name in rows.column_names if name not in left_out):
        if column.null_count < len(column):
            is_same &= _are_same(column.take(pa.array(firsts)), column.take(pa.array(places)))
    is_left = np.isin(codes, codes[~is_same])
    numbers = requests.column("row_no").to_numpy()[places[~is_left & (firsts != places)]]
    return Repeats(numbers, places[is_left])


def _are_same(first: pa.ChunkedArray, later: pa.ChunkedArray) -> Mask:
    """Where two columns hold the same, to the last bit; shape (rows,)."""
    kind = first.type
    if pa.types.is_nested(kind):
        return np.array(
            [one == other for one, other in zip(first.to_pylist(), later.to_pylist(), strict=True)], np.bool_
        )
    if pa.types.is_floating(kind):  # 0.0 is not -0.0 here
        bits = (pa.chunked_array([chunk.view(pa.int64()) for chunk in column.chunks]) for column in (first, later))
        first, later = bits
    elif pa.types.is_dictionary(kind):
        first, later = first.cast(kind.value_type), later.cast(kind.value_type)
    both_null = pc.and_(pc.is_null(first), pc.is_null(later))
    found: Mask = pc.or_(both_null, pc.fill_null(pc.equal(first, later), fill_value=False)).to_numpy()
    return found
