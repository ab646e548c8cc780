"""Whole columns that Arrow casts are what SQL makes of each text; whatever is odd is left to SQL."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engines.duckdb import Engine
from governance.mapped import casts
from governance.mapped.quick_casts import quick_cast
from governance.mapping import ColumnRule
from governance.tables import FLAG, MONEY, REAL, TEXT, TIME, WHOLE

RULE = ColumnRule(column="c")
NUMBERS = st.one_of(
    st.from_regex(r"\A-?[0-9]{1,20}\Z"),
    st.from_regex(r"\A[-+]?[0-9]{0,7}\.?[0-9]{0,14}([eE][-+]?[0-9]{1,3})?\Z"),
    st.text("0123456789-+.eE", max_size=6),
    st.sampled_from(["", " 1", "0x1F", "1_000", "nan", "inf", "1e400", "-0", "007", "5.", ".5", "true", "٣"]),
)
TIMES = st.one_of(
    st.from_regex(r"\A(19[67]|20[0-9]|22[0-9])[0-9]-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z\Z"),
    st.from_regex(r"\A2026-0[1-9]-[0-2][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{0,10}Z\Z"),
    st.from_regex(r"\A2026-07-0[1-9][T ]?[0-9:.,]{0,9}(Z|z|[+-]0[0-9](:?00)?)?\Z"),
    st.sampled_from(["", "now", "infinity Z of all times", "2026-07-01T00Z", "0000-01-01T00:00:00Z"]),
)


def by_sql(engine: Engine, texts: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    engine.register("texts", pa.table({"t": texts}))
    return engine.arrow(f"SELECT {casts.value('t', RULE, kind)} AS v FROM texts").column("v")


@pytest.mark.parametrize(
    ("kind", "texts"),
    [(WHOLE, NUMBERS), (MONEY, NUMBERS), (REAL, NUMBERS), (TIME, TIMES)],
    ids=["whole", "money", "real", "time"],
)
def test_a_column_is_what_sql_makes_of_each_text(kind: str, texts: st.SearchStrategy[str]) -> None:
    with Engine() as engine:

        @settings(max_examples=300, deadline=None)
        @given(st.lists(st.none() | texts, max_size=3))
        def equal(found: list[str | None]) -> None:
            column = pa.chunked_array([pa.array(found, pa.string())])
            quick = quick_cast(column, RULE, kind)
            if quick is not None:
                slow = by_sql(engine, column, kind)
                assert quick.to_pylist() == slow.to_pylist()
                assert quick.type == slow.type
                assert slow.null_count == column.null_count  # whatever is sure fits

        equal()


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (WHOLE, ["1", None, "-20"]),
        (MONEY, ["0.000275", None, "-3"]),
        (REAL, ["0.5", "-1e-7", None]),
        (TIME, ["2026-07-01T00:00:00Z", None, "2026-07-01T23:59:59.999999Z"]),
    ],
)
def test_the_usual_form_is_cast_at_once(kind: str, texts: list[str | None]) -> None:
    column = pa.chunked_array([pa.array(["odd", *texts], pa.string()).slice(1), pa.array(texts, pa.string())])
    assert quick_cast(column, RULE, kind) is not None


@pytest.mark.parametrize(
    "rule",
    [
        ColumnRule(column="c", default=1),
        ColumnRule(column="c", unit="ms"),
        ColumnRule(column="c", scale=2.0),
        ColumnRule(column="c", map={"1": 2}),
    ],
)
def test_a_rule_that_says_more_is_left_to_sql(rule: ColumnRule) -> None:
    assert quick_cast(pa.chunked_array([["1"]]), rule, WHOLE) is None


def test_epochs_texts_and_flags_are_left_to_sql() -> None:
    ones = pa.chunked_array([["1"]])
    assert quick_cast(ones, ColumnRule(column="c", format="epoch_s"), TIME) is None
    assert quick_cast(ones, RULE, TEXT) is quick_cast(ones, RULE, FLAG) is None
