"""The library itself: what it knows, and that it may be missing."""

from __future__ import annotations

import sys

import pytest

from governance.engines.duckdb import Engine
from governance.errors import MissingExtraError
from governance.expectations.batches import load_library
from governance.expectations.runs import evaluate
from governance.expectations.suites import ARGUMENTS, UNSUPPORTED


def test_the_static_table_is_the_librarys_own() -> None:
    """Rebuild the table in `expectation_suites` when this fails after an upgrade."""
    load_library()
    from great_expectations.expectations import registry

    known = registry.list_registered_expectation_implementations()
    assert set(known) <= set(ARGUMENTS) | set(UNSUPPORTED)
    assert set(ARGUMENTS) <= set(known)
    common = {
        "row_condition",
        "condition_parser",
        "id",
        "meta",
        "notes",
        "description",
        "severity",
        "batch_id",
        "windows",
    }
    common |= {"result_format", "catch_exceptions", "rendered_content", "library_metadata", "table"}
    for kind, words in ARGUMENTS.items():
        fields = registry.get_expectation_impl(kind).__fields__
        ours = {word.rstrip("!") for word in words.split()}
        assert ours == set(fields) - common, kind
        required = {word[:-1] for word in words.split() if word.endswith("!")}
        # without these the library falls back to what cannot fail, or to what it cannot do on DuckDB
        ours_alone = {"regex", "type_list", "column_list", "column_set", "method"}
        assert {name for name, field in fields.items() if field.required} - common <= required, kind
        assert required <= {name for name, field in fields.items() if field.required} | ours_alone, kind


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    load_library.cache_clear()
    monkeypatch.setitem(sys.modules, "duckdb_engine", None)
    with Engine() as engine, pytest.raises(MissingExtraError) as caught:
        evaluate(engine, "SELECT 1 AS a", ())
    assert caught.value.hint == "pip install 'governance[gx]'"
    assert "great_expectations" in caught.value.what
