"""The library's own test cases: the same result here, or a difference with its reason."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from governance.engines.duckdb import Engine, identifier
from governance.expectations.figures import sql_literal
from governance.expectations.runs import ExpectationOutcome, evaluate
from governance.expectations.suites import read_suite

CASES = "vectors/gx_expectation_cases_dev.json.gz"
NO_CODE = "GX 1.24 lists the type and has no code for it, on any engine"
PANDAS = "the expectation is computed in pandas or Spark only; refused when the policy is read"
NO_ORDER = "no SQL for it in GX, and rows of a log have no order; refused when the policy is read"
RUN_TIME = "a value that is worked out at run time is refused: it could not be repeated"
CANNOT_FAIL = "without bounds, or with an empty set or a null in it, it cannot fail; refused when the policy is read"
PANDAS_CONDITION = "the row condition is in pandas' own language, as the case says (only_for pandas)"
MSSQL_LIKE = "LIKE with character classes is SQL Server's own, as the case says (only_for mssql)"
TYPED = "the case puts numbers as text into an INTEGER column (its PostgreSQL schema), where nothing is mixed any more"
LIMITS = "a minimum above the maximum is refused when the policy is read; GX finds every row unexpected"
SUPPRESSED = "the case says that it must never run: it looks for a column that is not there"
# Every case whose result here is another, with the reason. A file with one reason for all its cases stands under "*".
DIFFERENCES: dict[tuple[str, str], str] = {
    ("column_pair_cramers_phi_value_to_be_less_than", "*"): NO_CODE,
    ("column_chisquare_test_p_value_to_be_greater_than", "*"): NO_CODE,
    ("column_parameterized_distribution_ks_test_p_value_to_be_greater_than", "*"): NO_CODE,
    ("column_values_to_be_dateutil_parseable", "*"): PANDAS,
    ("column_values_to_be_decreasing", "*"): NO_ORDER,
    ("column_values_to_be_between__evaluation_parameters", "*"): RUN_TIME,
    ("column_max_to_be_between", "datetime_with_evaluation_parameter_except_sqlite"): RUN_TIME,
    ("column_max_to_be_between", "datetime_with_evaluation_parameter_sqlite"): RUN_TIME,
    ("column_proportion_of_unique_values_to_be_between", "vacuously_true_null_min_and_max"): CANNOT_FAIL,
    ("column_unique_value_count_to_be_between", "vacuously_true_null_min_and_max"): CANNOT_FAIL,
    ("column_values_to_not_be_in_set", "positive_empty_values_set"): CANNOT_FAIL,
    ("column_values_to_not_be_in_set", "positive_test_values_set_is_null"): CANNOT_FAIL,
    ("column_value_lengths_to_be_between", "negative_test_with_max_lt_min"): LIMITS,
    ("column_value_lengths_to_be_between", "test_conditional_expectation_passes"): PANDAS_CONDITION,
    ("column_value_lengths_to_be_between", "test_conditional_expectation_fails"): PANDAS_CONDITION,
    ("column_values_to_be_between", "test_conditional_expectation_passes"): PANDAS_CONDITION,
    ("column_values_to_be_between", "test_conditional_expectation_fails"): PANDAS_CONDITION,
    ("compound_columns_to_be_unique", "row_condition_with_ignore_if_any_are_missing"): PANDAS_CONDITION,
    ("multicolumn_sum_to_equal", "row_condition_with_ignore_if_any_are_missing"): PANDAS_CONDITION,
    ("column_values_to_be_between", "error_on_string-to-int_comparisons"): TYPED,
    ("column_values_to_match_like_pattern_list", "basic_positive_test"): MSSQL_LIKE,
    ("column_values_to_match_like_pattern_list", "positive_test_with_multiple_like_patterns"): MSSQL_LIKE,
    ("column_values_to_match_like_pattern_list", "positive_test_with_match_on__any"): MSSQL_LIKE,
    ("column_values_to_match_like_pattern_list", "positive_test_column_name_has_space_and_match_on__any"): MSSQL_LIKE,
    ("this_test_to_be_suppressed", "this_test_should_never_run"): SUPPRESSED,
}


def column_type(values: list[Any], declared: str | None) -> str:
    """The DuckDB type of a case's column: as its PostgreSQL schema says, else the one that holds its values."""
    if declared:
        return {"TEXT": "VARCHAR", "NUMERIC": "DOUBLE"}.get(declared, declared)
    present = [value for value in values if value is not None]
    if all(isinstance(value, int) for value in present):
        return "BIGINT"
    return "DOUBLE" if all(isinstance(value, (int, float)) for value in present) else "VARCHAR"


def moment(text: str) -> datetime:
    """A time in one of the two spellings of the cases."""
    if text[0].isalpha():
        return datetime.strptime(text, "%b %d %Y %H:%M:%S")  # noqa: DTZ007  (the column has no zone)
    return datetime.fromisoformat(re.sub(r" ([+-]\d{4})$", r"\1", text)).replace(tzinfo=None)


def make_table(engine: Engine, name: str, data: Mapping[str, list[Any]], schema: Mapping[str, str]) -> None:
    """A table of a case, written row by row without pandas."""
    types = {column: column_type(values, schema.get(column)) for column, values in data.items()}
    listed = ", ".join(f"{identifier(column)} {kind}" for column, kind in types.items())
    engine.execute(f"CREATE TABLE {identifier(name)} ({listed})")
    for row in zip(*data.values(), strict=True):
        typed = (
            moment(value) if value is not None and kind == "TIMESTAMP" else value
            for value, kind in zip(row, types.values(), strict=True)
        )
        engine.execute(f"INSERT INTO {identifier(name)} VALUES ({', '.join(map(sql_literal, typed))})")


def cases(path: Path) -> Iterator[tuple[str, Engine, str, dict[str, Any], dict[str, Any]]]:
    """File, engine with the data, relation, test and arguments of each case."""
    for file in json.loads(gzip.decompress(path.read_bytes())):
        for dataset in file["datasets"]:
            tables = dataset["data"] if isinstance(dataset["data"], list) else [dataset]
            # a suite may name canonical tables alone
            names = dict(
                zip([table["dataset_name"] for table in tables], ["requests", "decisions", "attempts"], strict=False)
            )
            with Engine() as engine:
                for table in tables:
                    schema = (dataset.get("schemas") or {}).get("postgresql", {})
                    make_table(engine, names[table["dataset_name"]], table["data"], schema)
                for test in dataset["tests"]:
                    given = test["in"] if isinstance(test["in"], dict) else {"column": test["in"][0]}
                    other = (
                        {"other_table_name": names[given["other_table_name"]]} if "other_table_name" in given else {}
                    )
                    stem = file["file"].removeprefix("expect_").removesuffix(".json")
                    yield stem, engine, file["expectation_type"], test, {**given, **other}


def difference(engine: Engine, kind: str, test: Mapping[str, Any], kwargs: Mapping[str, Any]) -> str | None:
    """How the result differs from what the case expects, or None."""
    read = read_suite([{"type": kind, "kwargs": kwargs}])
    outcome = None if read.mistakes else evaluate(engine, "SELECT * FROM requests", read.expectations)[0]
    stopped = outcome is None or outcome.error is not None
    if "error" in test or "traceback_substring" in test["out"]:
        return None if stopped else "no error"
    if stopped or outcome is None:
        return str(read.mistakes or outcome)
    return other_result(outcome, test["out"], test.get("tolerance", 1e-9))


def other_result(outcome: ExpectationOutcome, out: Mapping[str, Any], tolerance: float) -> str | None:
    """What of an outcome is another than the case says, or None."""
    if outcome.success is not out.get("success", outcome.success):
        return f"success is {outcome.success}"
    shown = sorted(re.sub(r"\.0\b", "", text) for text in outcome.shown)
    if "unexpected_list" in out and sorted(map(as_shown, out["unexpected_list"])) != shown:
        return f"unexpected are {shown}"
    expected = [out.get("result", out).get(name) for name in ("element_count", "unexpected_count", "missing_count")]
    found = (outcome.elements, outcome.unexpected, outcome.elements - outcome.n)
    if any(value not in (None, seen) for value, seen in zip(expected, found, strict=True)):
        return f"counts are {found}"
    observed = out.get("observed_value")
    if observed is None or is_close(json.loads(outcome.observed or "null"), observed, tolerance):
        return None
    return f"observed is {outcome.observed}"


def as_shown(value: object) -> str:
    """An unexpected value, or a record of them, as an outcome shows it; whole numbers without a point."""
    if isinstance(value, dict):
        return ", ".join(as_shown(part) for part in value.values())
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).replace("T", " ")


def is_close(found: object, expected: object, tolerance: float) -> bool:
    """Whether two observed values are equal, numbers within a tolerance, times in any spelling."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return set(found) == set(expected) and all(
            is_close(found[name], expected[name], tolerance) for name in expected
        )
    if isinstance(expected, list) and isinstance(found, list):
        return len(found) == len(expected) and all(map(is_close, found, expected, [tolerance] * len(expected)))
    if isinstance(expected, (int, float)) and isinstance(found, (int, float)):
        return abs(found - expected) <= tolerance
    return str(found).replace("T", " ") == str(expected).replace("T", " ")


@pytest.mark.slow
def test_the_librarys_own_cases_give_the_same_here_or_differ_for_a_reason(shared_data: Callable[[str], Path]) -> None:
    differing: dict[tuple[str, str], str] = {}
    count = 0
    for stem, engine, kind, test, kwargs in cases(shared_data(CASES)):
        count += 1
        found = difference(engine, kind, test, kwargs)
        if found is not None:
            differing[(stem, "*") if (stem, "*") in DIFFERENCES else (stem, test["title"])] = found
    unexplained = {key: found for key, found in differing.items() if key not in DIFFERENCES}
    assert unexplained == {}
    assert set(differing) == set(DIFFERENCES)
    assert count == 215
