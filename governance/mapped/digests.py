"""Rows of texts -> digests of their content, as an id needs it that is derived from them."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from json.encoder import encode_basestring_ascii as quoted

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_QUOTE, _BACKSLASH = 0x22, 0x5C
_FIRST, _LAST = 0x20, 0x7E  # ASCII characters that JSON writes as they are
_ROWS = 20_000  # whose texts are joined at once


def row_digests(table: pa.Table) -> list[str]:
    """The digest of each row: of a JSON object with its cells, keys in their order and nothing but ASCII.

    Args:
        table: A column of texts without nulls for each cell.
    """
    found: list[str] = []
    for batch in table.to_batches(max_chunksize=_ROWS):
        joined = _joined(batch)
        data = memoryview(joined.buffers()[2])
        edges = np.frombuffer(joined.buffers()[1], np.int32)[joined.offset : joined.offset + len(joined) + 1].tolist()
        found += [hashlib.sha256(data[start:end]).hexdigest()[:32] for start, end in pairwise(edges)]
    return found


def _joined(batch: pa.RecordBatch) -> pa.Array:
    """The objects."""
    parts: list[pa.Array | pa.Scalar] = []
    mark = "{"
    for name in sorted(batch.schema.names):
        parts += [pa.scalar(f'{mark}{json.dumps(name)}:"'), _escaped(batch.column(name))]
        mark = '",'
    return pc.binary_join_element_wise(*parts, pa.scalar('"}'), "")


def _escaped(texts: pa.Array) -> pa.Array:
    """The texts as they stand between quotes; nearly all of them as they are."""
    edges = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[edges[0] : edges[-1]]
    odd = (data < _FIRST) | (data > _LAST) | (data == _QUOTE) | (data == _BACKSLASH)
    if not odd.any():
        return texts
    rows = np.unique(np.searchsorted(edges, np.flatnonzero(odd) + edges[0], side="right") - 1)
    mask = np.zeros(len(texts), np.bool_)
    mask[rows] = True
    made = [quoted(text)[1:-1] for text in texts.take(pa.array(rows)).to_pylist()]
    return pc.replace_with_mask(texts, pa.array(mask), pa.array(made, pa.string()))
