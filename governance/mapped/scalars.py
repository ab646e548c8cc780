"""Values as they stand in JSON -> the texts that the strict parser makes of them, many at a time."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.mapped.chunks import cell_text
from governance.mapped.doubts import MAX_NESTED
from governance.mapped.scans import Places
from governance.records import parse_json

_REMEMBERED = 1 << 14  # values that are not told anew


class Told(NamedTuple):
    """What a value is.

    Attributes:
        is_value: Whether it is one that stands for itself; else its line is doubtful.
        text: Its text; None of null.
    """

    is_value: bool
    text: str | None


_DOUBT = Told(is_value=False, text=None)


class Odd(NamedTuple):
    """Values that are not their own text.

    Attributes:
        rows: Where they stand.
        told: What each of them is.
    """

    rows: Places
    told: list[Told]

    def doubtful(self) -> Places:
        """Rows of those that are none."""
        return self.rows[[not told.is_value for told in self.told]] if self.told else self.rows


def odd_bare(values: pa.StringArray, rows: Places) -> Odd:
    """What numbers are that are written in another way than their text.

    Args:
        values: Whatever stands there without quotes.
        rows: Those that are such numbers.
    """
    return Odd(rows, [_bare(text) for text in values.take(pa.array(rows)).to_pylist()])


def odd_lists(values: pa.StringArray, rows: Places) -> Odd:
    """What lists are, each by the strict parser.

    Args:
        values: Whatever stands there in brackets.
        rows: Those that are lists.
    """
    return Odd(rows, [_list(text) for text in values.take(pa.array(rows)).to_pylist()])


def _list(written: str) -> Told:
    if written.count("[") + written.count("{") > MAX_NESTED:
        return _DOUBT  # its line may be deeper than the parser allows
    try:
        value = parse_json(written)
    except (ValueError, InvalidOperation, RecursionError):
        return _DOUBT
    return Told(is_value=True, text=cell_text(value)) if isinstance(value, list) else _DOUBT


def replaced(values: pa.StringArray, odd: Odd) -> pa.StringArray:
    """The values with the texts of the odd ones."""
    if not len(odd.rows):
        return values
    mask = np.zeros(len(values), np.bool_)
    mask[odd.rows] = True
    return pc.replace_with_mask(values, pa.array(mask), pa.array([told.text for told in odd.told], pa.string()))


@lru_cache(_REMEMBERED)
def _bare(written: str) -> Told:
    try:
        value = parse_json(written)
    except (ValueError, InvalidOperation, RecursionError):
        return _DOUBT
    if value is not None and not isinstance(value, int | float | Decimal):
        return _DOUBT  # a list or an object may be too deep for its line
    return Told(is_value=True, text=None if value is None else cell_text(value))
