"""Bodies of model servers: items with named inputs, and one output for each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from governance.formats.inference_bodies import csv_rows, inputs_of, outputs_of
from governance.formats.rows import UnreadableError
from governance.input_types import MAX_INPUTS
from tests.sources.reading import sample


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"instances": [1, 2]}, [{"column_0": 1}, {"column_0": 2}], id="scalars"),
        pytest.param({"instances": [[1, "x"]]}, [{"column_0": 1, "column_1": "x"}], id="rows"),
        pytest.param({"instances": [{"age": 40}]}, [{"age": 40}], id="objects"),
        pytest.param({"dataframe_records": [{"age": 40, "zip": None}]}, [{"age": 40, "zip": None}], id="records"),
        pytest.param({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}, [{"a": 1, "b": 2}], id="split"),
        pytest.param(
            {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, [{"a": 1, "column_1": 2}], id="short names"
        ),
        pytest.param({"data": {"names": ["a"], "ndarray": [[1], [2]]}}, [{"a": 1}, {"a": 2}], id="Seldon V1"),
        pytest.param({"inputs": {"a": [1, 2], "b": [3, 4]}}, [{"a": 1, "b": 3}, {"a": 2, "b": 4}], id="columns"),
        pytest.param([[1], [2]], [{"column_0": 1}, {"column_0": 2}], id="a list alone"),
        pytest.param({"inputs": "a prompt"}, [], id="text"),
        pytest.param({"instances": [[[0, 1], [1, 0]]]}, [], id="an image"),
        pytest.param({"instances": [[0] * (MAX_INPUTS + 1)]}, [], id="too many"),
        pytest.param(None, [], id="nothing"),
    ],
)
def test_inputs(body: Any, expected: list[dict[str, Any]]) -> None:
    assert inputs_of(body) == expected


def test_recorded_tensors() -> None:
    """Of shape [3] three items, of shape [1, 3] one with three inputs."""
    (three,), (one,) = sample("mlserver_two_outputs.json"), sample("mlserver_batch_shape.json")
    assert inputs_of(three) == [{"input-0": 1}, {"input-0": 2}, {"input-0": 3}]
    assert inputs_of(one) == [{"input-0_0": 1, "input-0_1": 2, "input-0_2": 3}]
    assert outputs_of(three) != inputs_of(three)


def tensor(name: str, shape: Any, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": "FP64", "data": data}


@pytest.mark.parametrize(
    ("tensors", "expected"),
    [
        pytest.param(
            [tensor("a", [2, 1], [1, 2]), tensor("b", [2], ["x", "y"])],
            [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
            id="two",
        ),
        pytest.param(
            [tensor("a", [2, 2], [[1, 2], [3, 4]])], [{"a_0": 1, "a_1": 2}, {"a_0": 3, "a_1": 4}], id="nested data"
        ),
        pytest.param([tensor("a", None, [1, 2])], [{"a": 1}, {"a": 2}], id="no shape"),
    ],
)
def test_tensors_are_sliced_by_item(tensors: list[Any], expected: list[dict[str, Any]]) -> None:
    assert inputs_of({"inputs": tensors}) == expected


@pytest.mark.parametrize("shape", [[4], [2, 2], [0], [], [True], ["3"], [-3]])
def test_a_tensor_of_another_shape_is_refused(shape: list[Any]) -> None:
    with pytest.raises(UnreadableError, match="type_mismatch"):
        inputs_of({"inputs": [tensor("a", shape, [1, 2, 3])]})


def test_a_tensor_without_end_is_refused() -> None:
    data: list[Any] = []
    for _ in range(500):
        data = [data]
    with pytest.raises(UnreadableError, match="too_deep"):
        inputs_of({"inputs": [tensor("a", [1], data)]})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"predictions": [1, 2]}, [1, 2], id="predictions"),
        pytest.param({"predictions": 1}, [1], id="one prediction"),
        pytest.param({"result": ["x"]}, ["x"], id="result"),
        pytest.param({"data": {"names": ["a", "b"], "ndarray": [[0.1, 0.9]]}}, [[0.1, 0.9]], id="Seldon V1"),
        pytest.param({"outputs": [tensor("predict", [2], [1, 0])]}, [1, 0], id="one tensor"),
        pytest.param(
            {"outputs": [tensor("predict_proba", [1, 2], [0.2, 0.8]), tensor("predict", [1], [1])]},
            [{"prediction": 1, "probabilities": [0.2, 0.8]}],
            id="class and shares",
        ),
        pytest.param([[1]], [[1]], id="a list alone"),
        pytest.param({"error": "x"}, [], id="none"),
    ],
)
def test_outputs(body: Any, expected: list[Any]) -> None:
    assert outputs_of(body) == expected


def test_csv_lines_are_items() -> None:
    text = '9,45.50,"a, b",,007\n\n1,2,x,1e3,0'
    assert csv_rows(text) == [[9, Decimal("45.50"), "a, b", "", "007"], [1, 2, "x", Decimal("1e3"), 0]]
    with pytest.raises(UnreadableError, match="bad_csv"):
        csv_rows('"a')
