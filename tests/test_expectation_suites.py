"""Suites as people write them: every form is read, every mistake is named with its place."""

from __future__ import annotations

from typing import Any

import pytest

from governance.expectations.suites import ARGUMENTS, UNSUPPORTED, read_suite


def expectation(kind: str = "expect_column_values_to_not_be_null", **kwargs: object) -> dict[str, Any]:
    """An expectation in Great Expectations' own form."""
    return {"type": kind, "kwargs": kwargs or {"column": "score"}}


def test_a_list_of_expectations_is_a_suite() -> None:
    suite = read_suite([expectation(column="score"), expectation("expect_table_row_count_to_equal", value=3)])
    assert suite.mistakes == ()
    assert [one.label for one in suite.expectations] == [
        "expect_column_values_to_not_be_null(score)",
        "expect_table_row_count_to_equal()",
    ]


def test_a_whole_document_of_great_expectations_is_a_suite() -> None:
    document = {
        "name": "scores",
        "id": None,
        "meta": {"great_expectations_version": "1.24.1"},
        "notes": None,
        "expectations": [
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "score", "min_value": 0, "max_value": 1, "mostly": 0.9},
                "id": "8b0b0a4e",
                "meta": {},
                "severity": "critical",
            }
        ],
    }
    suite = read_suite(document)
    assert suite.mistakes == ()
    assert suite.expectations[0].kwargs == {"column": "score", "min_value": 0, "max_value": 1, "mostly": 0.9}


def test_the_spelling_of_older_versions_and_what_only_says_how_to_run_are_let_through() -> None:
    old = {
        "expectation_suite_name": "scores",
        "data_asset_type": None,
        "expectations": [
            {
                "expectation_type": "expect_column_to_exist",
                "kwargs": {"column": "score", "result_format": "BASIC", "catch_exceptions": True},
                "meta": {},
            }
        ],
    }
    suite = read_suite(old)
    assert suite.mistakes == ()
    assert suite.expectations[0].kwargs == {"column": "score"}


def test_equal_labels_are_told_apart() -> None:
    suite = read_suite([expectation(), expectation(), expectation()])
    assert [one.label.removeprefix("expect_column_values_to_not_be_null") for one in suite.expectations] == [
        "(score)",
        "(score) #2",
        "(score) #3",
    ]


PAIR = "expect_column_pair_values_to_be_in_set"
BETWEEN = "expect_column_values_to_be_between"
QUANTILES = "expect_column_quantile_values_to_be_between"
MISTAKES = [
    pytest.param([], (), "must hold at least one", id="empty"),
    pytest.param("expect", (), "a list of expectations", id="text"),
    pytest.param({"expectations": {}}, ("expectations",), "a list of expectations", id="no list"),
    pytest.param({"expectation": [], "expectations": [expectation()]}, ("expectation",), "no key", id="key of suite"),
    pytest.param([[]], (0,), "is a mapping", id="item"),
    pytest.param([{"kwargs": {}}], (0,), "needs a `type`", id="no type"),
    pytest.param([{"type": ["a"]}], (0,), "needs a `type`", id="type is a list"),
    pytest.param([expectation("expect_column_values_to_be_nul")], (0, "type"), "is called", id="misspelt"),
    pytest.param([{**expectation(), "kwarg": {}}], (0, "kwarg"), "no key 'kwarg'", id="key of expectation"),
    pytest.param([{"type": BETWEEN, "kwargs": []}], (0, "kwargs"), "is a mapping", id="kwargs"),
    pytest.param([expectation(BETWEEN, min_value=1)], (0, "kwargs"), "needs the argument 'column'", id="required"),
    pytest.param([expectation(BETWEEN, column="a")], (0, "kwargs"), "cannot fail", id="no bounds"),
    pytest.param(
        [expectation(BETWEEN, column="a", min_value=2, max_value=1)], (0, "kwargs", "min_value"), "greater", id="bounds"
    ),
    pytest.param(
        [expectation(BETWEEN, column="a", minvalue=1, max_value=2)],
        (0, "kwargs", "minvalue"),
        "no argument 'minvalue'",
        id="argument",
    ),
    pytest.param(
        [expectation(BETWEEN, column="a", max_value={"$PARAMETER": "now()"})],
        (0, "kwargs", "max_value"),
        "run time",
        id="parameter",
    ),
    pytest.param(
        [expectation(BETWEEN, column="a", max_value="yesterday")], (0, "kwargs", "max_value"), "a time", id="no time"
    ),
    pytest.param(
        [expectation(BETWEEN, column=["a"], max_value=1)], (0, "kwargs", "column"), "must be text", id="column"
    ),
    pytest.param(
        [expectation(BETWEEN, column="a", max_value=1, mostly=95)], (0, "kwargs", "mostly"), "a share", id="mostly"
    ),
    pytest.param(
        [expectation(BETWEEN, column="a", max_value=1, strict_max="yes")],
        (0, "kwargs", "strict_max"),
        "true or false",
        id="flag",
    ),
    pytest.param(
        [expectation("expect_column_values_to_be_in_set", column="a", value_set=["x", None])],
        (0, "kwargs", "value_set"),
        "no null",
        id="a null passes every row",
    ),
    pytest.param(
        [expectation("expect_column_values_to_not_be_in_set", column="a", value_set=[])],
        (0, "kwargs", "value_set"),
        "at least one",
        id="an empty set cannot fail",
    ),
    pytest.param(
        [
            expectation(
                "expect_column_mean_to_be_between",
                column="a",
                max_value=1,
                row_condition="b > 1",
                condition_parser="pandas",
            )
        ],
        (0, "kwargs", "condition_parser"),
        "great_expectations",
        id="parser",
    ),
    pytest.param(
        [expectation("expect_table_row_count_to_equal_other_table", other_table_name="/etc/hostname")],
        (0, "kwargs", "other_table_name"),
        "one of requests",
        id="a path is no table",
    ),
    pytest.param(
        [expectation("unexpected_rows_expectation", unexpected_rows_query="SELECT 1")], (0, "type"), "SQL", id="SQL"
    ),
    pytest.param(
        [expectation("expect_column_values_to_not_be_outliers", column="a", method="iqr")],
        (0, "kwargs", "method"),
        "std",
        id="interquartile range",
    ),
    pytest.param(
        [expectation(QUANTILES, column="a", quantile_ranges={"quantiles": [0.5], "value_ranges": [[2, 1]]})],
        (0, "kwargs", "quantile_ranges"),
        "as many",
        id="quantiles out of order",
    ),
    pytest.param(
        [expectation(QUANTILES, column="a", quantile_ranges={"quantiles": 0.5, "value_ranges": [[1, 2]]})],
        (0, "kwargs", "quantile_ranges"),
        "as many",
        id="quantiles no list",
    ),
]


@pytest.mark.parametrize(("suite", "path", "words"), MISTAKES)
def test_a_mistake_is_named_with_its_place(suite: object, path: tuple[str | int, ...], words: str) -> None:
    found = read_suite(suite)
    assert [(one.path, words in one.what) for one in found.mistakes] == [(path, True)], found.mistakes


def test_all_mistakes_are_found_at_once_and_the_nearest_name_is_said() -> None:
    suite = read_suite(
        [
            expectation("expect_column_value_to_be_between", column="a", max_value=1),
            expectation(),
            expectation(PAIR, column_A="x", column_B="y", value_pair_set=[[1, 1]]),
        ]
    )
    assert [(one.path, one.hint) for one in suite.mistakes] == [
        ((0, "type"), "did you mean 'expect_column_values_to_be_between'?"),
        ((2, "kwargs"), None),
        ((2, "kwargs", "value_pair_set"), "did you mean 'value_pairs_set'?"),
    ]
    assert [one.type for one in suite.expectations] == ["expect_column_values_to_not_be_null"]


@pytest.mark.parametrize("kind", sorted(UNSUPPORTED))
def test_what_cannot_be_answered_is_refused_with_the_reason(kind: str) -> None:
    assert kind not in ARGUMENTS
    mistake = read_suite([{"type": kind, "kwargs": {}}]).mistakes[0]
    assert UNSUPPORTED[kind] in mistake.what
