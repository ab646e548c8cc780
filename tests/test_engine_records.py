"""Rows of a query as dictionaries: a double comes as a double however it is printed, a decimal with all its digits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.engines.duckdb import Engine


@pytest.fixture(name="engine", scope="module")
def engine_fixture() -> Engine:
    return Engine()


@pytest.mark.parametrize("number", [8e-05, 1e-07, 1e20, 123456789012345680.0, 0.1, 100.0, -0.00001234, 5e-324])
def test_a_double_is_a_double(engine: Engine, number: float) -> None:
    assert engine.records(f"SELECT CAST('{number!r}' AS DOUBLE) AS x") == [{"x": number}]
    assert type(engine.records("SELECT CAST($x AS DOUBLE) AS x", {"x": number})[0]["x"]) is float


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_a_double(engine: Engine, number: float) -> None:
    (row,) = engine.records("SELECT CAST($x AS DOUBLE) AS x", {"x": number})
    assert type(row["x"]) is float
    assert row["x"] == number


def test_a_decimal_keeps_its_digits(engine: Engine) -> None:
    (row,) = engine.records("SELECT CAST('0.00008' AS DECIMAL(18, 12)) AS x, CAST('5' AS DECIMAL(18, 12)) AS y")
    assert row == {"x": Decimal("0.000080000000"), "y": Decimal("5.000000000000")}
    assert {type(value) for value in row.values()} == {Decimal}


def test_no_statement_draws_a_progress_bar_into_the_output() -> None:
    """DuckDB 2.0 would, after two seconds and on standard output, also where that is no terminal."""
    with Engine() as own:
        for connection in (own.connection, own.connection.cursor()):
            assert connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(False,)]


def test_an_engine_opens_in_a_kernel_that_cannot_draw_progress_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """There DuckDB refuses to switch its bar off (`required package 'ipywidgets' is missing`)."""
    own = duckdb.connect

    class Refusing:
        def __init__(self, *arguments: Any, **named: Any) -> None:
            self._connection = own(*arguments, **named)

        def execute(self, sql: str, *arguments: Any) -> Any:
            if "progress_bar" in sql:
                raise duckdb.InvalidInputException("Could not change the progress bar setting")
            return self._connection.execute(sql, *arguments)

        def close(self) -> None:
            self._connection.close()

    monkeypatch.setattr(duckdb, "connect", Refusing)
    with Engine() as engine:
        assert engine.value("SELECT current_setting('TimeZone')") == "UTC"
