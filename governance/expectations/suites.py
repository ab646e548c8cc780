"""Suites of Great Expectations as people write them -> checked expectations, without importing the library.

A suite is a list of expectations, or the whole JSON document that Great Expectations itself writes:

    [{"type": "expect_column_values_to_be_between", "kwargs": {"column": "score", "min_value": 0, "max_value": 1}}]
    {"name": "scores", "expectations": [{"expectation_type": "expect_...", "kwargs": {...}, "meta": {...}}]}

The rules:

1. `type`, or `expectation_type` as versions before 1.0 spelt it, is one of those that can be answered from a log.
2. `kwargs` holds the arguments of that type, each of the kind that it needs, and all that it cannot do without.
3. What only says how Great Expectations is to run or to print (`result_format`, `catch_exceptions`, `meta`, `id`, ...)
   is let through and has no effect.
4. A value that Great Expectations would work out while it runs (`$PARAMETER`), and SQL of a suite's own, are mistakes:
   the first cannot be repeated, the second belongs in a `where`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from governance.errors import nearest
from governance.tables import CANONICAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from governance.documents.yamltext import Path

# Arguments by type; `!` marks those that cannot be left out. A test compares the table with the library's own.
_RANGE = "min_value max_value strict_min strict_max"
_BETWEEN = f"column! {_RANGE}"
_SET = "column! value_set!"
_MAP = "column! mostly"
_PAIR = "column_A! column_B! mostly ignore_row_if"
_MANY = "column_list! mostly ignore_row_if"
ARGUMENTS: dict[str, str] = {
    "expect_column_distinct_values_to_be_in_set": _SET,
    "expect_column_distinct_values_to_contain_set": _SET,
    "expect_column_distinct_values_to_equal_set": _SET,
    "expect_column_max_to_be_between": _BETWEEN,
    "expect_column_mean_to_be_between": _BETWEEN,
    "expect_column_median_to_be_between": _BETWEEN,
    "expect_column_min_to_be_between": _BETWEEN,
    "expect_column_most_common_value_to_be_in_set": f"{_SET} ties_okay",
    "expect_column_pair_values_a_to_be_greater_than_b": f"{_PAIR} or_equal",
    "expect_column_pair_values_to_be_equal": _PAIR,
    "expect_column_pair_values_to_be_in_set": f"{_PAIR} value_pairs_set!",
    "expect_column_proportion_of_non_null_values_to_be_between": _BETWEEN,
    "expect_column_proportion_of_unique_values_to_be_between": _BETWEEN,
    "expect_column_quantile_values_to_be_between": "column! quantile_ranges! allow_relative_error",
    "expect_column_stdev_to_be_between": _BETWEEN,
    "expect_column_sum_to_be_between": _BETWEEN,
    "expect_column_to_exist": "column! column_index",
    "expect_column_type_to_be": "column! type_!",
    "expect_column_unique_value_count_to_be_between": _BETWEEN,
    "expect_column_value_lengths_to_be_between": f"{_MAP} {_RANGE}",
    "expect_column_value_lengths_to_equal": f"{_MAP} value!",
    "expect_column_value_z_scores_to_be_less_than": f"{_MAP} threshold! double_sided!",
    "expect_column_values_to_be_between": f"{_MAP} {_RANGE}",
    "expect_column_values_to_be_in_set": f"{_MAP} value_set!",
    "expect_column_values_to_be_in_type_list": f"{_MAP} type_list!",
    "expect_column_values_to_be_null": _MAP,
    "expect_column_values_to_be_of_type": f"{_MAP} type_!",
    "expect_column_values_to_be_unique": _MAP,
    "expect_column_values_to_match_like_pattern": f"{_MAP} like_pattern! escape",
    "expect_column_values_to_match_like_pattern_list": f"{_MAP} like_pattern_list! match_on escape",
    "expect_column_values_to_match_regex": f"{_MAP} regex!",
    "expect_column_values_to_match_regex_list": f"{_MAP} regex_list! match_on",
    "expect_column_values_to_not_be_in_set": f"{_MAP} value_set!",
    "expect_column_values_to_not_be_null": _MAP,
    "expect_column_values_to_not_be_outliers": f"{_MAP} method! multiplier",
    "expect_column_values_to_not_match_like_pattern": f"{_MAP} like_pattern! escape",
    "expect_column_values_to_not_match_like_pattern_list": f"{_MAP} like_pattern_list! escape",
    "expect_column_values_to_not_match_regex": f"{_MAP} regex!",
    "expect_column_values_to_not_match_regex_list": f"{_MAP} regex_list!",
    "expect_compound_columns_to_be_unique": _MANY,
    "expect_multicolumn_sum_to_equal": f"{_MANY} sum_total!",
    "expect_multicolumn_values_to_be_equal": _MANY,
    "expect_select_column_values_to_be_unique_within_record": _MANY,
    "expect_table_column_count_to_be_between": "min_value max_value",
    "expect_table_column_count_to_equal": "value!",
    "expect_table_columns_to_match_ordered_list": "column_list!",
    "expect_table_columns_to_match_set": "column_set! exact_match",
    "expect_table_row_count_to_be_between": _RANGE,
    "expect_table_row_count_to_equal": "value!",
    "expect_table_row_count_to_equal_other_table": "other_table_name!",
}
_PYTHON_ONLY = "the library computes it in pandas or Spark only"
_NO_CODE = "the library lists it and has no code for it"
UNSUPPORTED: dict[str, str] = {
    "expect_column_kl_divergence_to_be_less_than": "no single statement repeats its figure; see the drift checks",
    "expect_column_values_to_be_dateutil_parseable": _PYTHON_ONLY,
    "expect_column_values_to_be_decreasing": "rows of a log have no order of their own",
    "expect_column_values_to_be_increasing": "rows of a log have no order of their own",
    "expect_column_values_to_be_json_parseable": _PYTHON_ONLY,
    "expect_column_values_to_match_json_schema": _PYTHON_ONLY,
    "expect_column_values_to_match_strftime_format": _PYTHON_ONLY,
    "expect_query_results_to_match_comparison": "it carries SQL of its own",
    "unexpected_rows_expectation": "it carries SQL of its own; write the condition as a `where`",
    "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than": _NO_CODE,
    "expect_column_chisquare_test_p_value_to_be_greater_than": _NO_CODE,
    "expect_column_pair_cramers_phi_value_to_be_less_than": _NO_CODE,
    "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than": _NO_CODE,
    "expect_multicolumn_values_to_be_unique": "use expect_select_column_values_to_be_unique_within_record",
}
_FILTER = ("row_condition", "condition_parser")
_NOTES = frozenset({"meta", "notes", "id", "severity", "description", "rendered_content", "windows"})
_AROUND = _NOTES | {"type", "expectation_type", "kwargs"}
_RUN_ONLY = _NOTES | {"result_format", "include_config", "catch_exceptions", "batch_id", "auto", "library_metadata"}
_SUITE_KEYS = _NOTES | {"name", "expectation_suite_name", "expectations", "ge_cloud_id", "data_asset_type"}


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation of a suite.

    Attributes:
        type: Name in Great Expectations, such as expect_column_values_to_be_between.
        kwargs: Its arguments, without those that only say how to run or print.
        label: The name with the columns in brackets; a number tells equal ones in a suite apart.
    """

    type: str
    kwargs: Mapping[str, Any]
    label: str


class SuiteMistake(NamedTuple):
    """One thing wrong in a suite, with its place counted from the suite's own root."""

    path: Path
    what: str
    hint: str | None = None


class Suite(NamedTuple):
    """The expectations that can be run, and everything that is wrong with the others."""

    expectations: tuple[Expectation, ...]
    mistakes: tuple[SuiteMistake, ...]


def read_suite(value: object) -> Suite:
    """The expectations in what somebody wrote, and every mistake in it.

    Args:
        value: A list of expectations, or a mapping that has it under `expectations`, as YAML or JSON gives them.
    """
    path: Path = ()
    mistakes: list[SuiteMistake] = []
    if isinstance(value, dict):
        mistakes += _unknown_keys(value, _SUITE_KEYS, (), "a suite")
        path, value = ("expectations",), value.get("expectations")
    if not isinstance(value, list) or not value:
        what = "a suite is a list of expectations, and it must hold at least one"
        return Suite((), (*mistakes, SuiteMistake(path, what, "write `- type: expect_...` with its `kwargs`")))
    found: list[Expectation] = []
    for index, item in enumerate(value):
        wrong = list(_mistakes(item, (*path, index)))
        mistakes += wrong
        if not wrong:
            found.append(_expectation(item))
    return Suite(_told_apart(found), tuple(mistakes))


def columns_of(kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that an expectation's arguments name, in order."""
    named = [kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs]
    return tuple(str(name) for name in (*named, *kwargs.get("column_list", ())))


def _expectation(item: Mapping[str, Any]) -> Expectation:
    kind = item.get("type", item.get("expectation_type"))
    kwargs = {name: value for name, value in item.get("kwargs", {}).items() if name not in _RUN_ONLY}
    if "row_condition" in kwargs:
        kwargs.setdefault("condition_parser", "great_expectations")  # else the library takes it for pandas' own
    return Expectation(str(kind), kwargs, f"{kind}({', '.join(columns_of(kwargs))})")


def _told_apart(expectations: Iterable[Expectation]) -> tuple[Expectation, ...]:
    seen: dict[str, int] = {}
    apart = []
    for one in expectations:
        seen[one.label] = count = seen.get(one.label, 0) + 1
        apart.append(one if count == 1 else replace(one, label=f"{one.label} #{count}"))
    return tuple(apart)


def _mistakes(item: object, path: Path) -> Iterable[SuiteMistake]:
    if not isinstance(item, dict):
        yield SuiteMistake(path, "an expectation is a mapping with `type` and `kwargs`")
        return
    yield from _unknown_keys(item, _AROUND, path, "an expectation")
    key = "type" if "type" in item else "expectation_type"
    kind = item.get(key)
    if not isinstance(kind, str):
        yield SuiteMistake(path, "an expectation needs a `type`", "such as expect_column_values_to_not_be_null")
    elif kind in UNSUPPORTED:
        yield SuiteMistake((*path, key), f"'{kind}' cannot be answered from a log: {UNSUPPORTED[kind]}")
    elif kind not in ARGUMENTS:
        yield SuiteMistake((*path, key), f"no expectation is called '{kind}'", nearest(kind, ARGUMENTS))
    elif not isinstance(item.get("kwargs", {}), dict):
        yield SuiteMistake((*path, "kwargs"), "`kwargs` is a mapping of arguments to values")
    else:
        yield from _argument_mistakes(kind, item.get("kwargs", {}), (*path, "kwargs"))


def _argument_mistakes(kind: str, kwargs: Mapping[str, Any], path: Path) -> Iterable[SuiteMistake]:
    words = ARGUMENTS[kind].split()
    known = [word.rstrip("!") for word in words] + list(_FILTER)
    for name in (word[:-1] for word in words if word.endswith("!")):
        if kwargs.get(name) is None:
            yield SuiteMistake(path, f"'{kind}' needs the argument '{name}'")
    bounds = [name for name in ("min_value", "max_value") if name in known]
    if bounds and all(kwargs.get(name) is None for name in bounds):
        yield SuiteMistake(path, f"'{kind}' needs a min_value, a max_value or both: without them it cannot fail")
    low, high = (kwargs.get(name) for name in ("min_value", "max_value"))
    if _is_number(low) and _is_number(high) and low > high:
        yield SuiteMistake((*path, "min_value"), f"min_value {low} is greater than max_value {high}")
    for name, value in kwargs.items():
        if name in _RUN_ONLY:
            continue
        if name not in known:
            yield SuiteMistake((*path, name), f"'{kind}' has no argument '{name}'", nearest(name, known))
        elif isinstance(value, dict) and "$PARAMETER" in value:
            what = f"'{name}' is a parameter that is worked out at run time, which could not be repeated"
            yield SuiteMistake((*path, name), what, "write the value")
        elif value is not None and name in _FORMS and not _FORMS[name].holds(value):
            yield SuiteMistake((*path, name), f"'{name}' must be {_FORMS[name].words}, not {value!r:.80}")


def _unknown_keys(item: Mapping[str, Any], known: frozenset[str], path: Path, whole: str) -> Iterable[SuiteMistake]:
    for name in item:
        if name not in known:
            yield SuiteMistake((*path, name), f"{whole} has no key '{name}'", nearest(str(name), known))


class _Form(NamedTuple):
    """What a value must be, as a test and in words."""

    holds: Callable[[Any], bool]
    words: str


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, date) or bool(isinstance(value, str) and datetime.fromisoformat(value))
    except ValueError:
        return False


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _is_quantile_ranges(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"quantiles", "value_ranges"}:
        return False
    shares, ranges = value["quantiles"], value["value_ranges"]
    pairs = isinstance(ranges, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in ranges)  # noqa: PLR2004
    if not pairs or not isinstance(shares, list) or not all(map(_is_number, shares)):
        return False
    return len(shares) == len(ranges) > 0 and not any(None not in pair and pair[0] > pair[1] for pair in ranges)


_TEXT = _Form(lambda value: isinstance(value, str) and bool(value), "text")
_TEXTS = _Form(_is_texts, "a list of texts, at least one")
_FLAG = _Form(lambda value: isinstance(value, bool), "true or false")
_NUMBER = _Form(_is_number, "a number")
_BOUND = _Form(lambda value: _is_number(value) or _is_time(value), "a number, or a time such as 2026-07-01T00:00:00Z")
_LIST = _Form(lambda value: isinstance(value, list) and bool(value), "a list, with at least one value")
# `x NOT IN ('a', NULL)` is never true, so that a set with a null in it would pass every row
_VALUES = _Form(lambda value: _LIST.holds(value) and None not in value, "a list with at least one value and no null")
_FORMS: dict[str, _Form] = {
    **dict.fromkeys(("column", "column_A", "column_B", "type_", "regex", "like_pattern"), _TEXT),
    **dict.fromkeys(("column_list", "column_set", "type_list", "regex_list", "like_pattern_list"), _TEXTS),
    **dict.fromkeys(("strict_min", "strict_max", "or_equal", "ties_okay", "exact_match", "double_sided"), _FLAG),
    **dict.fromkeys(("threshold", "multiplier", "sum_total", "value"), _NUMBER),
    **dict.fromkeys(("min_value", "max_value"), _BOUND),
    "value_set": _VALUES,
    "row_condition": _Form(lambda value: isinstance(value, (str, dict)), 'a condition such as col("a") > 1'),
    "value_pairs_set": _LIST,
    "condition_parser": _Form(
        lambda value: str(value).startswith("great_expectations"), "great_expectations: pandas and Spark read no SQL"
    ),
    "mostly": _Form(lambda value: _is_number(value) and 0 <= value <= 1, "a share from 0 to 1"),
    "escape": _Form(lambda value: isinstance(value, str) and len(value) == 1, "one character"),
    "match_on": _Form(lambda value: value in {"any", "all"}, "any or all"),
    "method": _Form(lambda value: value == "std", "std: the library has no interquartile range for DuckDB"),
    "quantile_ranges": _Form(_is_quantile_ranges, "`quantiles` and as many `value_ranges`, each [low, high]"),
    "other_table_name": _Form(lambda value: value in CANONICAL, f"one of {', '.join(CANONICAL)}"),
}
