"""Great Expectations on DuckDB: what it finds, with which evidence, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from governance.engines.duckdb import Engine, EngineError, identifier
from governance.expectations.figures import sql_literal
from governance.expectations.runs import ExpectationOutcome, evaluate
from governance.expectations.suites import ARGUMENTS, read_suite

RECORDS = """
    SELECT 'r' || i AS request_id, i % 7 AS digit, i % 5 / 2.0 AS half, CAST(i AS DOUBLE) / 7 AS real,
        CASE WHEN i % 10 != 0 THEN 'n''a"' || i END AS name, CASE WHEN i % 3 = 0 THEN 'A' ELSE 'B''' END AS "we""ird",
        TIMESTAMPTZ '2026-07-01 00:00:00Z' + INTERVAL (i) MINUTE AS start_ts, CAST(i / 3 AS DECIMAL(18,12)) AS cost
    FROM range(1000) t(i)"""
RELATION = "SELECT * FROM requests WHERE digit < 6"  # 858 of 1000 rows; 0..5 in turn


@pytest.fixture(name="engine")
def engine_fixture() -> Iterator[Engine]:
    with Engine() as engine:
        engine.execute(f"CREATE VIEW requests AS {RECORDS}")
        yield engine


def run(engine: Engine, *suite: tuple[str, Mapping[str, Any]], relation: str = RELATION) -> list[ExpectationOutcome]:
    """The outcomes of expectations, each given as its type and arguments."""
    read = read_suite([{"type": kind, "kwargs": dict(kwargs)} for kind, kwargs in suite])
    assert read.mistakes == ()
    return evaluate(engine, relation, read.expectations, id_columns=("request_id", "name"))


def one(engine: Engine, kind: str, /, **kwargs: object) -> ExpectationOutcome:
    """The outcome of one expectation."""
    return run(engine, (kind, kwargs))[0]


WEIRD = 'we"ird'
COLUMNS = ["request_id", "digit", "half", "real", "name", WEIRD, "start_ts", "cost"]
RANGES = {"quantiles": [0.1, 0.5], "value_ranges": [[0, 1], [4, None]]}
CONDITION = {"row_condition": 'col("half") > 1', "condition_parser": "great_expectations"}
EITHER = {"ignore_row_if": "either_value_is_missing"}
# type, arguments, holds, figure (worked out by hand or by the plain SQL in the second half of the test)
EXAMPLES: list[tuple[str, dict[str, Any], bool, float | None]] = [
    ("expect_column_distinct_values_to_be_in_set", {"column": WEIRD, "value_set": ["A", "B'"]}, True, 0),
    ("expect_column_distinct_values_to_be_in_set", {"column": "digit", "value_set": [0, 1, 2]}, False, 3),
    ("expect_column_distinct_values_to_contain_set", {"column": WEIRD, "value_set": ["A", "C", "D"]}, False, 2),
    ("expect_column_distinct_values_to_equal_set", {"column": WEIRD, "value_set": ["A", "C"]}, False, 2),
    ("expect_column_max_to_be_between", {"column": "digit", "max_value": 5}, True, 5),
    (
        "expect_column_max_to_be_between",
        {"column": "start_ts", "max_value": "2026-07-01"},
        False,
        1782864000 + 999 * 60,
    ),
    ("expect_column_mean_to_be_between", {"column": "digit", "min_value": 2.5, "max_value": 2.5}, True, 2.5),
    ("expect_column_mean_to_be_between", {"column": "cost", "max_value": 1}, False, None),
    ("expect_column_median_to_be_between", {"column": "digit", "max_value": 2}, False, 2.5),
    ("expect_column_min_to_be_between", {"column": "cost", "min_value": 0}, True, 0),
    ("expect_column_most_common_value_to_be_in_set", {"column": WEIRD, "value_set": ["A"]}, False, 1),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "digit", "column_B": "half"}, False, None),
    ("expect_column_pair_values_to_be_equal", {"column_A": "name", "column_B": WEIRD, **EITHER}, False, 1),
    (
        "expect_column_pair_values_to_be_in_set",
        {"column_A": "digit", "column_B": "half", "value_pairs_set": [[1, 0.5]]},
        False,
        None,
    ),
    ("expect_column_proportion_of_non_null_values_to_be_between", {"column": "name", "min_value": 0.8}, True, None),
    ("expect_column_proportion_of_unique_values_to_be_between", {"column": "digit", "min_value": 1}, False, 6 / 858),
    ("expect_column_quantile_values_to_be_between", {"column": "digit", "quantile_ranges": RANGES}, False, 1),
    ("expect_column_stdev_to_be_between", {"column": "digit", "max_value": 1}, False, None),
    ("expect_column_sum_to_be_between", {"column": "digit", "min_value": 2145, "max_value": 2145}, True, 2145),
    ("expect_column_to_exist", {"column": "digit"}, True, 0),
    ("expect_column_to_exist", {"column": "digits"}, False, 1),
    ("expect_column_to_exist", {"column": "digit", "column_index": 2}, False, 1),
    ("expect_column_type_to_be", {"column": "cost", "type_": "DECIMAL(18,12)"}, True, 0),
    ("expect_column_type_to_be", {"column": "cost", "type_": "DOUBLE"}, False, 1),
    ("expect_column_unique_value_count_to_be_between", {"column": "digit", "max_value": 6}, True, 6),
    ("expect_column_value_lengths_to_be_between", {"column": "name", "max_value": 5}, False, None),
    ("expect_column_value_lengths_to_equal", {"column": "name", "value": 7, "mostly": 0.8}, True, None),
    (
        "expect_column_value_z_scores_to_be_less_than",
        {"column": "half", "threshold": 1, "double_sided": True},
        False,
        None,
    ),
    ("expect_column_values_to_be_between", {"column": "digit", "max_value": 4}, False, 143 / 858),
    ("expect_column_values_to_be_between", {"column": "digit", "max_value": 4, "mostly": 0.8}, True, 143 / 858),
    ("expect_column_values_to_be_between", {"column": "digit", "max_value": 4, **CONDITION}, False, None),
    ("expect_column_values_to_be_between", {"column": "start_ts", "min_value": "2026-07-01T00:00:00Z"}, True, 0),
    ("expect_column_values_to_be_between", {"column": "start_ts", "min_value": "2026-07-01T01:00:00"}, False, 52 / 858),
    ("expect_column_values_to_be_in_set", {"column": WEIRD, "value_set": ["B'"]}, False, None),
    ("expect_column_values_to_be_in_type_list", {"column": "cost", "type_list": ["DECIMAL"]}, True, 0),
    ("expect_column_values_to_be_null", {"column": "name"}, False, None),
    ("expect_column_values_to_be_of_type", {"column": "start_ts", "type_": "TIMESTAMP WITH TIME ZONE"}, True, 0),
    ("expect_column_values_to_be_of_type", {"column": "start_ts", "type_": "DATE"}, False, 1),
    ("expect_column_values_to_be_unique", {"column": "request_id"}, True, 0),
    ("expect_column_values_to_be_unique", {"column": "digit", **CONDITION}, False, 1),
    ("expect_column_values_to_match_like_pattern", {"column": "name", "like_pattern": "n'a\"1%"}, False, None),
    ("expect_column_values_to_match_like_pattern_list", {"column": "name", "like_pattern_list": ["n%"]}, True, 0),
    ("expect_column_values_to_match_regex", {"column": "name", "regex": r"^n'a\"\d+$"}, True, 0),
    ("expect_column_values_to_match_regex", {"column": "name", "regex": r"\d\d\d", "mostly": 0.9}, False, None),
    (
        "expect_column_values_to_match_regex_list",
        {"column": "name", "regex_list": [r"1", r"2"], "match_on": "all"},
        False,
        None,
    ),
    ("expect_column_values_to_not_be_in_set", {"column": WEIRD, "value_set": ["A"]}, False, None),
    ("expect_column_values_to_not_be_null", {"column": "name", "mostly": 0.85}, True, None),
    ("expect_column_values_to_not_be_outliers", {"column": "digit", "method": "std", "multiplier": 1}, False, None),
    ("expect_column_values_to_not_match_like_pattern", {"column": "name", "like_pattern": "%9"}, False, None),
    (
        "expect_column_values_to_not_match_like_pattern_list",
        {"column": "name", "like_pattern_list": ["%9"]},
        False,
        None,
    ),
    ("expect_column_values_to_not_match_regex", {"column": "name", "regex": "'"}, False, 1),
    ("expect_column_values_to_not_match_regex_list", {"column": "name", "regex_list": ["x"]}, True, 0),
    ("expect_compound_columns_to_be_unique", {"column_list": ["digit", WEIRD]}, False, 1),
    ("expect_compound_columns_to_be_unique", {"column_list": ["request_id", WEIRD]}, True, 0),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["digit", "half"], "sum_total": 3}, False, None),
    ("expect_multicolumn_values_to_be_equal", {"column_list": ["digit", "half"]}, False, None),
    ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["digit", "half"]}, False, None),
    ("expect_table_column_count_to_be_between", {"max_value": 8}, True, 8),
    ("expect_table_column_count_to_equal", {"value": 7}, False, 8),
    ("expect_table_columns_to_match_ordered_list", {"column_list": COLUMNS}, True, 0),
    ("expect_table_columns_to_match_ordered_list", {"column_list": [*COLUMNS[:-2], "cost", "start_ts"]}, False, 2),
    ("expect_table_columns_to_match_set", {"column_set": ["cost", "more"]}, False, 8),
    ("expect_table_columns_to_match_set", {"column_set": ["cost"], "exact_match": False}, True, 0),
    ("expect_table_row_count_to_be_between", {"min_value": 1}, True, 858),
    ("expect_table_row_count_to_equal", {"value": 858}, True, 858),
    ("expect_table_row_count_to_equal_other_table", {"other_table_name": "requests"}, False, -142),
]


def test_every_type_holds_and_fails_as_it_should_and_its_evidence_gives_the_figure(engine: Engine) -> None:
    assert {kind for kind, *_ in EXAMPLES} == set(ARGUMENTS)
    outcomes = run(engine, *[(kind, kwargs) for kind, kwargs, *_ in EXAMPLES])
    plain = duckdb.connect()
    plain.execute("SET TimeZone = 'UTC'")
    plain.execute(f"CREATE VIEW requests AS {RECORDS}")
    for outcome, (_, _, holds, value) in zip(outcomes, EXAMPLES, strict=True):
        label = outcome.expectation.label
        assert outcome.error is None, label
        assert outcome.success is holds, label
        assert outcome.figure is not None, label
        assert outcome.value is not None, label
        if value is not None:
            assert outcome.value == pytest.approx(value, rel=1e-12, abs=0), label
        result = plain.execute(outcome.figure.sql)
        assert [column[0] for column in result.description or ()] == ["value"], label
        assert float(result.fetchall()[0][0]) == pytest.approx(outcome.value, rel=1e-12, abs=0), label
    plain.close()


def test_a_figure_by_row_counts_only_what_is_considered_and_names_the_rows(engine: Engine) -> None:
    outcome = one(engine, "expect_column_values_to_not_match_regex", column="name", regex="9$")
    expected = engine.value(f"SELECT list(request_id ORDER BY request_id) FROM ({RELATION}) WHERE name LIKE '%9'")
    assert outcome.n == engine.value(f"SELECT count(name) FROM ({RELATION})")
    assert outcome.elements == 858
    assert outcome.unexpected == len(expected)
    assert outcome.samples == tuple(expected[:10])
    assert len(outcome.shown) == 20
    assert all(text.startswith("n'a\"") for text in outcome.shown)


def test_repeated_values_are_named_by_the_ids_of_their_rows(engine: Engine) -> None:
    twin = f"{RELATION} UNION ALL SELECT * REPLACE ('again' AS request_id) FROM requests WHERE request_id = "
    unique = ("expect_column_values_to_be_unique", {"column": "name"})
    outcome = run(engine, unique, relation=twin + "'r0'")[0]  # which has no name
    assert (outcome.success, outcome.unexpected, outcome.samples) == (True, 0, ())
    outcome = run(engine, unique, relation=twin + "'r1'")[0]
    assert (outcome.success, outcome.unexpected, sorted(outcome.samples)) == (False, 2, ["again", "r1"])
    assert outcome.shown == ("n'a\"1", "n'a\"1")


def test_a_row_without_an_id_is_named_by_the_next_column_that_has_one(engine: Engine) -> None:
    relation = "SELECT * REPLACE (nullif(request_id, 'r6') AS request_id) FROM requests WHERE digit = 6"
    outcome = run(
        engine, ("expect_column_values_to_be_between", {"column": "digit", "max_value": 5}), relation=relation
    )
    assert sorted(outcome[0].samples)[:2] == ["n'a\"6", "r104"]


def test_what_cannot_be_run_says_why_and_the_others_go_on(engine: Engine) -> None:
    outcomes = run(
        engine,
        ("expect_column_values_to_match_regex", {"column": "name", "regex": "(?=n)"}),
        ("expect_column_values_to_be_between", {"column": "nowhere", "max_value": 1}),
        ("expect_column_values_to_be_between", {"column": "name", "max_value": 1}),
        ("expect_column_mean_to_be_between", {"column": "half", "max_value": 1, "row_condition": "nonsense"}),
        ("expect_column_mean_to_be_between", {"column": "half", "max_value": 9}),
    )
    assert [(outcome.success, outcome.figure is None, (outcome.error or "")[:80]) for outcome in outcomes] == [
        (None, True, "(_duckdb.InvalidInputException) Invalid Input Error: invalid perl operator: (?="),
        (None, True, 'Error: The column "nowhere" in BatchData does not exist.'),
        (None, True, "ColumnValuesBetween metrics cannot be computed on column of type VARCHAR."),
        (None, True, "unable to parse condition: nonsense"),
        (True, False, ""),
    ]


HOSTILE = ["'; DROP VIEW requests; --", 'a"b', "100%", "back\\slash", "$1", "%(x)s", ":name", "ü", "''"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_and_values_stay_names_and_values(engine: Engine, name: str) -> None:
    value = f"CASE WHEN digit = 1 THEN {sql_literal(name)} ELSE 'x' END"
    relation = f"SELECT request_id, {value} AS {identifier(name)} FROM requests"
    outcomes = run(
        engine,
        ("expect_column_values_to_be_in_set", {"column": name, "value_set": [name]}),
        ("expect_column_values_to_not_be_in_set", {"column": name, "value_set": [name]}),
        ("expect_column_distinct_values_to_equal_set", {"column": name, "value_set": [name, "x"]}),
        ("expect_column_to_exist", {"column": name}),
        ("expect_table_columns_to_match_ordered_list", {"column_list": ["request_id", name]}),
        relation=relation,
    )
    assert [outcome.error for outcome in outcomes] == [None] * 5
    assert [outcome.unexpected for outcome in outcomes] == [857, 143, None, None, None]
    assert [outcome.success for outcome in outcomes] == [False, False, True, True, True]
    for outcome in outcomes:
        assert outcome.figure is not None
        assert engine.value(outcome.figure.sql) == outcome.value
    assert outcomes[1].shown[0] == name


def test_a_quote_in_a_column_name_stops_only_the_expectations_that_the_library_cannot_write(engine: Engine) -> None:
    outcomes = run(
        engine,
        ("expect_column_value_lengths_to_equal", {"column": WEIRD, "value": 1}),
        ("expect_column_values_to_be_unique", {"column": WEIRD}),
        ("expect_column_values_to_not_be_null", {"column": WEIRD}),
    )
    reason = 'unable to parse condition: col("we"ird").notnull()'  # its own, in which it escapes nothing
    assert [(outcome.success, outcome.error) for outcome in outcomes] == [(None, reason), (None, reason), (True, None)]


def test_a_line_break_in_a_column_name_stops_only_the_expectations_that_sqlalchemy_cannot_write(engine: Engine) -> None:
    name = "line\nbreak"  # SQLAlchemy derives the name of a list of values from it, and then does not find it again
    outcomes = run(
        engine,
        ("expect_column_values_to_be_in_set", {"column": name, "value_set": [1]}),
        ("expect_column_values_to_be_between", {"column": name, "max_value": 4}),
        relation=f"SELECT digit AS {identifier(name)} FROM requests",
    )
    assert [(outcome.success, outcome.error is None) for outcome in outcomes] == [(None, False), (False, True)]


@pytest.mark.parametrize(
    "condition",
    [
        {"row_condition": 'col("digit") <= 3'},
        {"row_condition": 'col("digit") <= 3', "condition_parser": "great_expectations"},
        {
            "row_condition": {
                "type": "comparison",
                "column": {"name": "digit"},
                "operator": "<=",
                "parameter": 3,
            }
        },
    ],
)
def test_a_row_condition_narrows_the_rows_and_is_part_of_the_evidence(
    engine: Engine, condition: dict[str, Any]
) -> None:
    outcome = one(engine, "expect_column_values_to_be_between", column="digit", max_value=2, **condition)
    assert (outcome.error, outcome.n, outcome.unexpected) == (None, 572, 143)
    assert outcome.figure is not None
    assert engine.value(outcome.figure.sql) == outcome.value == 0.25


def test_nothing_is_left_behind(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    engine.execute("BEGIN")
    engine.execute("CREATE TABLE kept AS SELECT 1 AS a")
    one(engine, "expect_column_values_to_be_between", column="digit", max_value=4)
    engine.execute("ROLLBACK")  # the transaction was the owner's all the time
    assert engine.records("SELECT view_name FROM duckdb_views() WHERE NOT internal") == [{"view_name": "requests"}]
    assert engine.records("SELECT table_name FROM duckdb_tables()") == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(EngineError):
        evaluate(engine, "SELECT * FROM nothing", ())
