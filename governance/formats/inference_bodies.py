"""Bodies of model servers as items: the named inputs of each, and what the model put out for each.

    dataframe_records, instances, inputs   a list, one element per item (MLflow, TensorFlow Serving, KServe V1)
    dataframe_split, data.ndarray          columns or names, and rows (MLflow, Seldon V1)
    inputs, outputs as tensors             the V2 protocol: item i is a slice across all tensors
    CSV text                               one line per item

Inputs without a name are called `column_0`, `column_1`, ...; those of a tensor by its name. Images and other nested
data are no inputs that a column could hold: such items are left out.

Source: KServe open inference protocol V2; MLflow's scoring server; SageMaker's data capture.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from governance.formats.conversions import clean, look_up
from governance.formats.rows import UnreadableError
from governance.input_types import DOUBLE, MAX_INPUTS, fits

Item = dict[str, Any]

MAX_DIMENSIONS = 32  # chosen here: as many as NumPy's arrays long had
_LISTS = ("dataframe_records", "instances", "inputs")
_OUTPUTS = ("predictions", "outputs", "result", "results")
_PREDICTED = ("predict", "prediction", "predictions", "label", "class")  # names of the tensor that says the class


def inputs_of(body: Any) -> list[Item]:
    """The named inputs of each item of a request; none where it holds none that columns could hold.

    Raises:
        UnreadableError: A tensor does not hold as many values as its shape says.
    """
    found = _elements(body)
    items = [_item(element) for element in found]
    return [] if any(item is None for item in items) else [item for item in items if item is not None]


def outputs_of(body: Any) -> list[Any]:
    """What a model put out for each item.

    Raises:
        UnreadableError: A tensor does not hold as many values as its shape says.
    """
    if isinstance(body, list):
        return body
    tensors = _tensors(look_up(body, ("outputs",)))
    if tensors:
        return _outputs_of_tensors(tensors)
    rows = _named_rows(body)
    if rows is not None:
        return [list(row.values()) for row in rows]
    found = next((value for name in _OUTPUTS if (value := look_up(body, (name,))) is not None), None)
    return [] if found is None else found if isinstance(found, list) else [found]


def csv_rows(text: str) -> list[list[Any]]:
    """The cells of each line that is not blank, numbers as numbers.

    Raises:
        UnreadableError: The text is no CSV.
    """
    try:
        rows = list(csv.reader(text.splitlines(), strict=True))
    except csv.Error as error:
        raise UnreadableError("bad_csv", f"captured data is no CSV ({error})") from error
    return [[_cell(cell.strip()) for cell in row] for row in rows if row]


def _cell(text: str) -> Any:
    if not fits(text, DOUBLE):
        return text
    return Decimal(text) if any(mark in text for mark in ".eE") else int(text)


def _elements(body: Any) -> list[Any]:
    if isinstance(body, list):
        return body
    tensors = _tensors(look_up(body, ("inputs",)))
    if tensors:
        return _items_of_tensors(tensors)
    rows = _named_rows(body)
    if rows is not None:
        return list(rows)
    found = next((value for name in _LISTS if (value := look_up(body, (name,))) is not None), None)
    if isinstance(found, dict) and found and all(isinstance(values, list) for values in found.values()):
        return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=False)]
    return found if isinstance(found, list) else []


def _item(element: Any) -> Item | None:
    """The inputs of one item, or None where they are too many or nested without names."""
    if isinstance(element, Mapping):
        item = {clean(str(name), "input"): value for name, value in element.items()}
    else:
        values = element if isinstance(element, list) else [element]
        if any(isinstance(value, list | Mapping) for value in values):
            return None
        item = {f"column_{place}": value for place, value in enumerate(values)}
    if len(item) > MAX_INPUTS:
        return None
    return {name: clean(value, name) if isinstance(value, str) else value for name, value in item.items()}


def _named_rows(body: Any) -> list[Item] | None:
    """Rows below a list of their names."""
    for root, names, rows in (("dataframe_split", "columns", "data"), ("data", "names", "ndarray")):
        header, found = look_up(body, (root, names)), look_up(body, (root, rows))
        if isinstance(found, list):
            known = header if isinstance(header, list) else []
            return [_named(known, row) for row in found]
    return None


def _named(header: list[Any], row: Any) -> Item:
    values = row if isinstance(row, list) else [row]
    names = [str(header[place]) if place < len(header) else f"column_{place}" for place in range(len(values))]
    return dict(zip(names, values, strict=True))


def _tensors(found: Any) -> list[tuple[str, list[list[Any]]]]:
    """Name and rows of each tensor of the V2 protocol; empty where it is something else."""
    listed = found if isinstance(found, list) else []
    if not listed or not all(isinstance(tensor, Mapping) and isinstance(tensor.get("data"), list) for tensor in listed):
        return []
    return [(str(tensor.get("name") or f"tensor_{place}"), _rows(tensor)) for place, tensor in enumerate(listed)]


def _rows(tensor: Mapping[str, Any]) -> list[list[Any]]:
    """The values of each item: the first dimension counts the items."""
    flat = _flat(tensor["data"])
    shape = tensor.get("shape")
    sizes = shape if isinstance(shape, list) else [len(tensor["data"])]
    count = sizes[0] if sizes and isinstance(sizes[0], int) and not isinstance(sizes[0], bool) else 0
    if count <= 0 or len(flat) % count or (len(sizes) == 1 and len(flat) != count):
        raise UnreadableError("type_mismatch", f"a tensor of {len(flat)} values has another shape: {str(sizes)[:60]}")
    width = len(flat) // count
    return [flat[start : start + width] for start in range(0, len(flat), width)] if width else []


def _flat(data: list[Any], depth: int = 0) -> list[Any]:
    if depth > MAX_DIMENSIONS:
        raise UnreadableError("too_deep", f"a tensor has more than {MAX_DIMENSIONS} dimensions")
    found: list[Any] = []
    for element in data:
        found += _flat(element, depth + 1) if isinstance(element, list) else [element]
    return found


def _items_of_tensors(tensors: list[tuple[str, list[list[Any]]]]) -> list[Item]:
    count = min(len(rows) for _, rows in tensors)
    items: list[Item] = [{} for _ in range(count)]
    for name, rows in tensors:
        for item, row in zip(items, rows, strict=False):
            item.update({name: row[0]} if len(row) == 1 else {f"{name}_{i}": value for i, value in enumerate(row)})
    return items


def _outputs_of_tensors(tensors: list[tuple[str, list[list[Any]]]]) -> list[Any]:
    """One output per item; of several tensors, the class and the shares of the classes."""
    said = next((rows for name, rows in tensors if name in _PREDICTED), tensors[0][1])
    if len(tensors) == 1:
        return [row[0] if len(row) == 1 else row for row in said]
    others = [rows for _, rows in tensors if rows is not said]
    found = []
    for place, row in enumerate(said):
        shares = next((rows[place] for rows in others if place < len(rows) and len(rows[place]) > 1), None)
        found.append({"prediction": row[0] if len(row) == 1 else row, "probabilities": shares})
    return found
