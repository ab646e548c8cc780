"""Every kind of check on the cases of its file, its manual, and the form of its statement."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pydantic import ValidationError

from governance.checks import Check
from governance.extensions import checks
from governance.findings import Verdict
from governance.measurement.scopes import subject_text
from governance.tables import CANONICAL, PER_MODEL
from tests.checks.cases import CASES, REQUIRED, Case, Measured, measured, number, outcomes, read_cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from governance.findings import Judgement, Observation

KINDS = sorted(checks())
WITHOUT_SQL = ("integrity",)  # reads the files of the store, not its tables
ALL = [case for kind in KINDS for case in read_cases(kind)]


def _param(case: Case) -> Any:
    """A case; the plainest two of each kind are quick ones, all of them take half a minute."""
    is_plain = case.name.lower().startswith(("passes", "fails"))
    return pytest.param(case, id=f"{case.kind}: {case.name}", marks=() if is_plain else pytest.mark.slow)


@pytest.fixture(params=[_param(case) for case in ALL], scope="module")
def found(request: pytest.FixtureRequest) -> Iterator[Measured]:
    measurement = measured(request.param)
    yield measurement
    measurement.engine.close()


class TestCases:
    def test_verdicts(self, found: Measured) -> None:
        seen = {subject_text(observation.subject): (observation, judged) for observation, judged in outcomes(found)}
        expected = {subject_text(tuple(item["subject"].items())): item for item in found.case.expect}
        assert seen.keys() == expected.keys()
        for subject, item in expected.items():
            assert_finding(item, *seen[subject])

    def test_statement_gives_the_same_figures(self, found: Measured) -> None:
        if found.case.kind in WITHOUT_SQL:
            assert not found.measurement.sql
            return
        for observation, _ in found.findings:
            assert_repeats(found, observation)


def assert_finding(expected: dict[str, Any], seen: Observation, judged: Judgement) -> None:
    if "value" in expected:
        value = number(expected["value"])
        assert seen.value == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12))
    assert str(judged.verdict) == expected["verdict"], judged.reason
    assert expected.get("reason", "") in (judged.reason or "")
    assert expected.get("n", seen.n) == seen.n
    for name, count in expected.get("counts", {}).items():
        assert seen.counts[name] == (pytest.approx(count, rel=1e-9) if isinstance(count, float) else count), name
    if "interval" in expected:
        assert seen.interval == pytest.approx(tuple(expected["interval"]), abs=5e-5)
    if "samples" in expected:
        assert list(seen.samples) == expected["samples"]


def assert_repeats(found: Measured, seen: Observation) -> None:
    """The statement, run by DuckDB alone with the parameters it names, has one row for the subject, with its value."""
    measurement = found.measurement
    sql = (measurement.sql_of or {}).get(seen.subject) or measurement.sql
    parameters = {name: value for name, value in measurement.parameters.items() if f"${name}" in sql}
    connection: duckdb.DuckDBPyConnection = found.engine.connection
    cursor = connection.execute(f"SELECT subject, CAST(value AS DOUBLE) FROM ({sql})", parameters or None)
    rows = [value for subject, value in cursor.fetchall() if subject == subject_text(seen.subject)]
    assert len(rows) == 1
    if seen.value is not None:
        assert rows[0] == pytest.approx(seen.value, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
class TestKinds:
    def test_has_cases(self, kind: str) -> None:
        assert (CASES / f"{kind}.yaml").is_file(), f"write tests/cases/{kind}.yaml"
        named = {case.name.lower() for case in read_cases(kind)}
        missing = [name for name in REQUIRED if not any(found.startswith(name) for found in named)]
        assert not missing, f"tests/cases/{kind}.yaml has no case called {missing}"

    def test_cases_are_what_their_names_say(self, kind: str) -> None:
        for case in read_cases(kind):
            verdicts = {item["verdict"] for item in case.expect}
            if case.name.startswith("passes"):
                assert verdicts == {"passed"}
            if case.name.startswith(("no records", "too few")):
                assert verdicts == {"not_assessed"}
            if case.name.startswith("two subjects of which one fails"):
                assert sorted(item["verdict"] for item in case.expect) == ["failed", "passed"]
            assert case.name.startswith("fails") <= ("failed" in verdicts)

    def test_manual(self, kind: str) -> None:
        manual = checks()[kind].manual()
        for part in ("What is measured", "Why it matters:", "Example:", "Fields:", "A failure can mean:"):
            assert part in manual, f"the manual of {kind} does not say '{part}'"

    def test_example_loads(self, kind: str) -> None:
        listed = example(checks()[kind])
        assert listed
        for item in listed:
            assert item["kind"] == kind
            assert isinstance(checks()[kind].model_validate(item), checks()[kind])

    def test_fields_are_in_the_manual(self, kind: str) -> None:
        manual = checks()[kind].manual()
        own = checks()[kind].model_fields.keys() - Check.model_fields.keys()
        assert [name for name in own if f"{name}:" not in manual and f"`{name}`" not in manual] == []

    def test_needs_exist(self, kind: str) -> None:
        for needed in "|".join(checks()[kind].needs).split("|") if checks()[kind].needs else ():
            table, _, column = needed.partition(".")
            assert column == "*" or CANONICAL[table].column(column) is not None, needed
            assert column == "*" or table not in PER_MODEL, f"{needed}: what is in a model's columns is not looked at"


def test_case_files_are_of_kinds() -> None:
    assert sorted(path.stem for path in CASES.glob("*.yaml")) == KINDS


def test_every_kind_has_a_case_for_each_verdict_it_promises() -> None:
    for kind in KINDS:
        verdicts = {item["verdict"] for case in read_cases(kind) for item in case.expect}
        assert verdicts >= {str(Verdict.PASSED), str(Verdict.FAILED), str(Verdict.NOT_ASSESSED)}, kind


def example(check: type[Check]) -> list[dict[str, Any]]:
    """The list of checks under `Example:` in a manual."""
    lines = check.manual().split("Example:\n", 1)[1].splitlines()
    taken = []
    for line in lines:
        if line and not line.startswith(" "):
            break
        taken.append(line)
    found: list[dict[str, Any]] = yaml.safe_load(textwrap.dedent("\n".join(taken)))
    return found


class TestAxes:
    def test_an_axis_that_is_named_twice_is_measured_once(self) -> None:
        check = checks()["latency-slo"].model_validate(
            {"id": "x", "kind": "latency-slo", "max_ms": 1, "share": 1, "by": ["model", ["model"], ["model", "team"]]}
        )
        assert check.axes == (("model",), ("model", "team"))
        assert check.dimensions == ("model", "team")

    def test_an_axis_without_groups_is_a_mistake_where_groups_are_compared(self) -> None:
        with pytest.raises(ValidationError, match="an axis names no column"):
            checks()["fairness-impact-ratio"].model_validate({"id": "x", "kind": "fairness-impact-ratio", "by": [[]]})


def test_fingerprint_is_of_the_whole_file_of_a_kind_and_the_private_files_it_is_made_of() -> None:
    import inspect
    from hashlib import sha256

    from governance.checks import _groups, _quantiles, latency_slo

    sources = [inspect.getsource(module) for module in (latency_slo, _groups, _quantiles)]
    assert latency_slo.LatencySlo.method() == f"latency-slo:{sha256(''.join(sources).encode()).hexdigest()[:16]}"
