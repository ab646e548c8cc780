"""Rows of a table -> the matrix that a model wants: columns found by name, text turned into the model's own codes.

Runs in the sandbox: the names and levels come from a model file.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from governance.errors import SourceError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Matrix: TypeAlias = npt.NDArray[np.float64]

Level: TypeAlias = "str | float | bool"


class Column(NamedTuple):
    """One input of a model, in the model's order."""

    name: str
    is_categorical: bool = False
    levels: tuple[Level, ...] | None = None  # level i has the code i; None where the model file does not say


def matrix(rows: pa.Table, columns: Sequence[Column]) -> Matrix:
    """The rows as the model wants them: float64, shape (rows, columns), NaN for a missing value.

    Args:
        rows: One column per input, found by its name; the order does not matter and further columns are left out.
        columns: The model's inputs in its own order.

    Raises:
        SourceError: A column is missing, is twice in `rows`, or holds what the model cannot take. All missing
            columns are named at once.
    """
    import numpy as np  # noqa: PLC0415  (only children load numpy)

    sources = {column.name: _source(column.name, rows.column_names) for column in columns}
    missing = [name for name, source in sources.items() if source is None]
    if missing:
        what = (
            f"the rows lack {len(missing)} of the model's {len(columns)} features: {', '.join(map(repr, missing[:20]))}"
        )
        raise SourceError(
            what, where=missing[0], hint=nearest(missing[0], rows.column_names) or "log them, or map them"
        )
    twice = [name for name, source in sources.items() if rows.column_names.count(source) > 1]
    if twice:
        raise SourceError(f"the rows have more than one column '{twice[0]}'", where=twice[0], hint="rename one of them")
    wanted = np.empty((rows.num_rows, len(columns)), dtype=np.float64)
    for number, column in enumerate(columns):
        wanted[:, number] = _numbers(rows.column(sources[column.name]), column)
    return wanted


def _source(name: str, there: Sequence[str]) -> str | None:
    """The column for the feature `name`: of that name, or the one that LightGBM renamed to it (spaces become `_`)."""
    if name in there:
        return name
    renamed = [column for column in there if "_".join(re.split(r"\s", column)) == name]
    return renamed[0] if len(renamed) == 1 else None


def _numbers(values: pa.ChunkedArray, column: Column) -> Matrix:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if column.levels is not None and not pa.types.is_null(values.type):
        return _codes(values, column)
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())
    kind = values.type
    if not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    ):
        known = (
            " by its category codes, and the model file does not tell which is which" if column.is_categorical else ""
        )
        what = f"the column '{column.name}' holds {kind}, but the model wants a number{known}"
        raise SourceError(what, where=column.name, hint="log the encoded value that the model was given")
    found: Matrix = values.cast(pa.float64(), safe=False).to_numpy()  # null becomes NaN
    return found


def _codes(values: pa.ChunkedArray, column: Column) -> Matrix:
    """The level's place in the model's list; a level that the model has not seen is a missing value to it."""
    codes = {_canonical(level): float(code) for code, level in reversed(list(enumerate(column.levels or ())))}
    encoded = values.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    seen = encoded.dictionary.to_pylist()
    is_of_numbers = any(isinstance(level, int | float) for level in seen)
    is_known = any(_canonical(level) in codes for level in seen)
    if is_of_numbers and not is_known and all(isinstance(level, str) for level in column.levels or ()):
        names = ", ".join(map(repr, (column.levels or ())[:5]))
        what = f"the column '{column.name}' holds numbers, but the model knows the categories {names}"
        raise SourceError(what, where=column.name, hint="log the category's name")
    lookup = pa.array([codes.get(_canonical(level), math.nan) for level in seen], pa.float64())
    found: Matrix = pc.take(lookup, encoded.indices).to_numpy(zero_copy_only=False)
    return found


def _canonical(level: object) -> str:
    """1, 1.0 and "1" are the same level; so are true and "true"."""
    if isinstance(level, bool):
        return "true" if level else "false"
    if isinstance(level, int | float):
        return repr(int(level)) if float(level).is_integer() else repr(float(level))
    return str(level)
