"""Types of inputs: the narrowest that keeps every value, settled once; the same in Python and in SQL of mappings."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from governance.engines.duckdb import Engine, literal
from governance.input_types import (
    BOOLEAN,
    DOUBLE,
    MAX_INPUTS,
    MAX_MODELS,
    VARCHAR,
    Given,
    Types,
    column_names,
    fits,
    is_not_finite,
    settle,
    type_of,
    typed_tables,
)
from governance.mapped import casts
from governance.mapped.inputs import _fits as fits_in_sql

AT = datetime(2026, 7, 1, tzinfo=UTC)
TEXTS = (
    *("1", "-1.5", ".5", "5.", "1e3", "+7", " 7 ", "007", "-01", "0.5", "9007199254740992", "9007199254740993"),
    *("9007199254740993.5", "1e999", "1_000", "0x1f", "NaN", "-inf", "Infinity", "true", "FALSE", "yes", "", "½", "٣"),
)


def given(number: int, model: str = "m", version: str = "1", **texts: str | None) -> Given:
    return Given(number, f"u{number}#0", AT, model, version, texts)


@pytest.mark.parametrize("text", TEXTS)
def test_python_and_sql_agree(text: str) -> None:
    with Engine() as engine:
        sql = ", ".join(
            [
                fits_in_sql(literal(text), DOUBLE),
                fits_in_sql(literal(text), BOOLEAN),
                casts.is_not_finite(literal(text)),
            ]
        )
        expected = engine.rows(f"SELECT {sql}")[0]
    assert (fits(text, DOUBLE), fits(text, BOOLEAN), is_not_finite(text)) == tuple(map(bool, expected))


@pytest.mark.parametrize(
    ("values", "numbers", "booleans", "expected"),
    [
        pytest.param(3, 3, 0, DOUBLE, id="numbers"),
        pytest.param(3, 0, 3, BOOLEAN, id="truth values"),
        pytest.param(3, 2, 1, VARCHAR, id="both"),
        pytest.param(99, 98, 0, VARCHAR, id="one odd of few"),
        pytest.param(100, 99, 0, DOUBLE, id="exactly one odd in a hundred"),
        pytest.param(200, 197, 0, VARCHAR, id="more than one in a hundred"),
        pytest.param(0, 0, 0, DOUBLE, id="only values that are not finite"),
    ],
)
def test_the_type_of_first_values(values: int, numbers: int, booleans: int, expected: str) -> None:
    assert type_of(values, numbers, booleans) == expected


def test_inputs_become_typed_columns() -> None:
    known: Types = {}
    items = [given(1, age="40", owner="true", zip="01234", odd=None), given(2, age="NaN", owner="false", zip="1")]
    settled = settle(items, known)
    assert settled.types == known == {"m": {"1": {"age": DOUBLE, "owner": BOOLEAN, "zip": VARCHAR}}}
    assert (settled.misfits, settled.nonfinite) == ({}, {2})
    ((model, table),) = typed_tables(items, known)
    assert model == "m"
    assert table.drop_columns(["decision_ts", "file_sha256", "is_conflict"]).to_pylist() == [
        {"decision_id": "u1#0", "age": 40.0, "owner": True, "zip": "01234", "row_no": 1},
        {"decision_id": "u2#0", "age": None, "owner": False, "zip": "1", "row_no": 2},
    ]
    assert table.schema.field("decision_ts").type == pa.timestamp("us", tz="UTC")


def test_a_settled_type_is_kept_and_what_does_not_fit_is_named() -> None:
    known: Types = {"m": {"1": {"age": DOUBLE}}}
    settled = settle([given(1, age="forty"), given(2, age="40", new="x")], known)
    assert settled.misfits == {1: ("type_mismatch", "features.age holds numbers, here 'forty'")}
    assert settled.types == {"m": {"1": {"new": VARCHAR}}}


def test_each_version_of_a_model_has_types_of_its_own() -> None:
    known: Types = {}
    items = [given(1, version="1", age="40"), given(2, version="2", age="old"), given(3, model="n", age="true")]
    assert settle(items, known).misfits == {}
    assert [(model, table.schema.field("age").type) for model, table in typed_tables(items, known)] == [
        ("m", pa.float64()),
        ("m", pa.string()),
        ("n", pa.bool_()),
    ]


def test_two_versions_with_the_same_columns_share_a_table() -> None:
    known: Types = {}
    items = [given(1, version="1", age="40"), given(2, version="2", age="41")]
    settle(items, known)
    ((_, table),) = typed_tables(items, known)
    assert table.num_rows == 2


def test_names_that_are_taken_or_alike_get_columns_of_their_own() -> None:
    assert column_names(["Row_No", "age", "AGE", "", "a\0b"]) == {
        "Row_No": "Row_No_input",
        "age": "age",
        "AGE": "AGE_1",
        "": "_input",
        "a\0b": "ab",
    }


def test_data_written_as_names_is_refused() -> None:
    known: Types = {}
    many = given(1, **{f"c{place}": "1" for place in range(MAX_INPUTS + 1)})
    settled = settle([many, given(2, age="1")], known)
    assert {number: reason for number, (reason, _) in settled.misfits.items()} == {1: "out_of_range"}
    assert known == {"m": {"1": {"age": DOUBLE}}}
    settled = settle([given(number, model=f"m{number}", age="1") for number in range(MAX_MODELS + 1)], {})
    assert [reason for reason, _ in settled.misfits.values()] == ["out_of_range"]
