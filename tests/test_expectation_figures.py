"""Values as SQL literals, times in the zone of their column."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from governance.engines.duckdb import Engine
from governance.expectations.figures import in_zone_of, inline, sql_literal


def test_values_become_literals_of_the_type_that_binding_gives() -> None:
    assert inline("x = $1 AND '$1' = \"$1\" AND y = $name", {"1": "it's", "name": 0.1}) == (
        "x = 'it''s' AND '$1' = \"$1\" AND y = 0.1::DOUBLE"
    )
    values: list[object] = [
        None,
        True,
        3,
        1e300,
        math.inf,
        math.nan,
        -0.5,
        datetime(2026, 7, 1, 12, tzinfo=UTC),
        "a",
        2**70,
    ]
    values += [datetime(2026, 7, 1, 12, 0, 0, 5), datetime(2026, 7, 1, 12).date()]  # noqa: DTZ001
    with Engine() as engine:
        for value in values:
            bound = engine.value("SELECT [$value, NULL]::VARCHAR || typeof($value)", {"value": value})
            assert (
                engine.value(f"SELECT [{sql_literal(value)}, NULL]::VARCHAR || typeof({sql_literal(value)})") == bound
            )
    with pytest.raises(TypeError, match="no SQL literal for list"):
        sql_literal([])


@pytest.mark.parametrize(
    ("text", "column_type", "expected"),
    [
        ("2026-07-01", "TIMESTAMP WITH TIME ZONE", datetime(2026, 7, 1, tzinfo=UTC)),
        ("2026-07-01T02:00:00+02:00", "TIMESTAMP WITH TIME ZONE", datetime(2026, 7, 1, tzinfo=UTC)),
        ("2026-07-01T02:00:00+02:00", "TIMESTAMP", datetime(2026, 7, 1)),  # noqa: DTZ001
        ("2026-07-01", "DATE", "2026-07-01"),
        ("2026-07-01", "VARCHAR", "2026-07-01"),
        ("n/a", "TIMESTAMP", "n/a"),
        (3, "TIMESTAMP", 3),
    ],
)
def test_a_time_is_compared_in_the_zone_of_its_column(text: object, column_type: str, expected: object) -> None:
    assert in_zone_of(text, column_type) == expected
