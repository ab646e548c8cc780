"""A suite of Great Expectations as a check: verdicts, reasons, evidence, and mistakes in what was written."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from governance.checks.expectations import Expectations
from governance.engines.duckdb import Engine, identifier
from governance.expectations.figures import sql_literal
from governance.findings import Verdict, Window
from governance.measurement.scopes import Scope

SCOPE = Scope(Window(datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 2, tzinfo=UTC), "2026-07-01"))
RE2 = "(_duckdb.InvalidInputException) Invalid Input Error: invalid perl operator: (?="
SUITE = [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "digit", "max_value": 5, "mostly": 0.8}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "digit", "max_value": 5}},
    {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "nothing", "max_value": 5}},
    {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "name", "regex": "(?=n)"}},
    {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 2000}},
]


@pytest.fixture(name="engine")
def engine_fixture() -> Iterator[Engine]:
    with Engine() as engine:
        engine.execute(
            "CREATE VIEW requests AS SELECT 'r' || i AS request_id, i % 7 AS digit, 'n' || i AS name, "
            "CAST(NULL AS DOUBLE) AS nothing, TIMESTAMPTZ '2026-07-01 00:00:00Z' + INTERVAL (i) MINUTE AS start_ts "
            "FROM range(1000) t(i)"
        )
        yield engine


def check(**fields: object) -> Expectations:
    """A check of the kind."""
    return Expectations.model_validate({"id": "plausible", "kind": "expectations", "records": "requests", **fields})


def verdicts(engine: Engine, own: Expectations, scope: Scope = SCOPE) -> list[Verdict]:
    """The verdicts of a check, in the order of its suite."""
    return [own.verdict(observation).verdict for observation in own.measure(engine, scope).observations]


def test_each_expectation_is_judged_apart_and_carries_its_own_statement(engine: Engine) -> None:
    own = check(suite=SUITE)
    measured = own.measure(engine, SCOPE)
    judged = [own.verdict(observation) for observation in measured.observations]
    assert [one.verdict for one in judged] == ["passed", "failed", "not_assessed", "errored", "failed"]
    assert [one.reason for one in judged] == [
        None,
        "142 of 1,000 records are not as expected (14.20%): '6', '6', '6'",
        "none of 1,000 records has a value that the expectation could look at",
        f"the expectation could not run: {RE2}",
        "row count is 1000 rows; observed 1000",
    ]
    assert judged[0].limit["max_value"] == 5
    assert measured.observations[1].samples[:2] == ("r104", "r111")
    assert [observation.subject for observation in measured.observations][:2] == [
        (("expectation", "expect_column_values_to_be_between(digit)"),),
        (("expectation", "expect_column_values_to_be_between(digit) #2"),),
    ]
    assert measured.sql_of is not None
    for observation in measured.observations:
        if observation.value is not None:
            row = engine.records(measured.sql_of[observation.subject])[0]
            assert json.loads(row["subject"]) == dict(observation.subject)
            assert float(row["value"]) == observation.value


def test_no_records_are_never_a_pass(engine: Engine) -> None:
    empty = Scope(Window(datetime(2025, 7, 1, tzinfo=UTC), datetime(2025, 7, 2, tzinfo=UTC), "2025-07-01"))
    suite = [
        *SUITE[:3],
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "digit"}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "digit"}},
        {"type": "expect_column_median_to_be_between", "kwargs": {"column": "digit", "max_value": 5}},
        {"type": "expect_column_to_exist", "kwargs": {"column": "digit"}},
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 0}},
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}},
    ]
    found = verdicts(engine, check(suite=suite), empty)
    assert found == [Verdict.NOT_ASSESSED] * 8 + [Verdict.FAILED]


def test_fewer_records_than_asked_for_are_not_assessed(engine: Engine) -> None:
    assert verdicts(engine, check(suite=SUITE[:2], minimum_n=1001)) == [Verdict.NOT_ASSESSED] * 2


def test_the_inputs_of_each_model_are_looked_at_apart(engine: Engine) -> None:
    engine.execute(
        "CREATE VIEW decisions AS SELECT request_id, 'd' || request_id AS decision_id, start_ts AS decision_ts, "
        "CASE WHEN digit < 3 THEN 'a' ELSE 'b' END AS model FROM requests"
    )
    for model in ("a", 'b"', "unused"):
        engine.execute(
            f"CREATE VIEW {identifier('features:' + model)} AS SELECT decision_id, r.digit AS age FROM decisions "
            f"JOIN requests r USING (request_id) WHERE model = {sql_literal(model[0])}"
        )
    suite = [{"type": "expect_column_max_to_be_between", "kwargs": {"column": "age", "max_value": 2}}]
    own = check(suite=suite, records="features")
    measured = own.measure(engine, SCOPE)
    found = {dict(one.subject)["model"]: (one.n, own.verdict(one).verdict) for one in measured.observations}
    assert found == {"a": (429, "passed"), 'b"': (571, "failed")}


def test_a_suite_may_lie_in_a_file_beside_the_policy(engine: Engine, tmp_path: Path) -> None:
    document = {"name": "scores", "expectations": SUITE[:2]}
    (tmp_path / "scores.json").write_text(json.dumps(document, indent="\t"))
    (tmp_path / "scores.yaml").write_text(yaml.safe_dump(document))
    for name in ("scores.json", "scores.yaml"):
        fields = {"id": "a", "kind": "expectations", "file": name, "records": "requests"}
        own = Expectations.model_validate(fields, context={"folder": tmp_path})
        assert verdicts(engine, own) == [Verdict.PASSED, Verdict.FAILED]
        assert own.limit()["file"] == name


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("../suite.json", None, "outside the policy's folder"),
        ("none.json", None, "there is no file"),
        ("suite.json", "[{]", "is not JSON"),
        ("suite.json", "[" * 100_000, "is not JSON"),
        ("suite.yaml", "- type: a\n  type: b\n", "suite.yaml:2"),
        ("suite.yaml", "- type: expect_column_to_exist\n  kwargs:\n    colum: a\n", "suite.yaml:3: 0.kwargs.colum"),
    ],
)
def test_mistakes_in_a_file_are_named_with_their_place(
    tmp_path: Path, name: str, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ValidationError) as caught:
        Expectations.model_validate({"id": "a", "kind": "expectations", "file": name}, context={"folder": tmp_path})
    errors = caught.value.errors()
    assert {error["loc"] for error in errors} == {("file",)}
    assert any(words in error["msg"] for error in errors), errors


def test_a_suite_may_be_named(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "expectations").mkdir()
    document = {"name": "scores", "expectations": SUITE[:2]}
    (tmp_path / "expectations" / "scores.json").write_text(json.dumps(document))
    fields = {"id": "a", "kind": "expectations", "suite": "scores", "records": "requests"}
    own = Expectations.model_validate(fields, context={"folder": tmp_path})
    assert verdicts(engine, own) == [Verdict.PASSED, Verdict.FAILED]
    assert own.limit()["file"] == "expectations/scores.json"
    for name, words in [("score", "did you mean 'scores'?"), ("../a", "there is no file"), ("two", "is two files")]:
        for ending in ("json", "yaml"):
            (tmp_path / "expectations" / f"two.{ending}").write_text("[]")
        with pytest.raises(ValidationError) as caught:
            Expectations.model_validate(fields | {"suite": name}, context={"folder": tmp_path})
        assert [error["loc"] for error in caught.value.errors()] == [("suite",)]
        assert words in str(caught.value)


def test_mistakes_in_a_suite_are_all_named_with_their_place() -> None:
    wrong = [
        {"type": "expect_colum_to_exist", "kwargs": {"column": "a"}},
        {"type": "expect_column_to_exist", "kwargs": {}},
    ]
    with pytest.raises(ValidationError) as caught:
        check(suite=wrong)
    assert [(error["loc"], error["msg"]) for error in caught.value.errors()] == [
        (
            ("suite", 0, "type"),
            "no expectation is called 'expect_colum_to_exist'; did you mean 'expect_column_to_exist'?",
        ),
        (("suite", 1, "kwargs"), "'expect_column_to_exist' needs the argument 'column'"),
    ]


@pytest.mark.parametrize("fields", [{}, {"suite": SUITE, "file": "a.json"}, {"suite": SUITE, "by": ["digit"]}])
def test_what_a_suite_cannot_be_asked_for_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        check(**fields)


def test_the_example_of_the_manual_is_a_check() -> None:
    manual = Expectations.manual()
    example = textwrap.dedent(manual.split("Example:\n")[1].split("Fields:")[0])
    own = Expectations.model_validate(yaml.safe_load(example)[0])
    assert len(own.expectations) == 3
