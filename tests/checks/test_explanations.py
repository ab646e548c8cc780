"""Principal reasons in SQL beside the same rule written out in Python, on many random attributions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from governance.checks import Check
from governance.checks._attributions import Reason, reasons_of
from governance.checks.explanation_forbidden import Forbidden
from governance.engines.duckdb import Engine
from governance.extensions import checks
from governance.findings import Observation
from governance.measurement.scopes import Scope
from tests.checks.real_decisions import ALWAYS, lay_out

INPUTS = {
    "first": ["age", "debt", "income", "sex", "town_a", "town_b"],
    "second": ["age", "married", "sex", 'it\'s "x"'],
}
GROUPS = {"town": ["town_a", "town_b"], "family": ["married", "sex"]}
N = 4000


@pytest.fixture(name="people", scope="module")
def people_fixture() -> Iterator[tuple[Engine, dict[str, tuple[str, ...]]]]:
    """Two models with whole-number contributions, so that many pushes are equal."""
    with Engine() as engine:
        laid = lay_out(
            engine,
            f"SELECT CAST(i AS VARCHAR) AS id, true AS positive, hash(i) % 3 = 0 AS favourable, "
            f"CASE hash(i, 1) % 9 WHEN 0 THEN 'rule' WHEN 1 THEN 'human' WHEN 2 THEN 'model' END AS deciding_stage "
            f"FROM range({N}) t(i)",
            [],
        )
        columns = dict(laid.columns)
        for place, (model, names) in enumerate(INPUTS.items()):
            listed = ", ".join(
                f'CAST(hash(i, {place}, {number}) % 9 AS DOUBLE) - 4 AS "{name.replace(chr(34), chr(34) * 2)}"'
                for number, name in enumerate(names)
            )
            engine.execute(
                f"CREATE TABLE \"attributions:{model}\" AS SELECT 't:' || i || '#0' AS decision_id, 'shap' AS method, "
                "TIMESTAMPTZ '2026-01-01' AS computed_ts, "
                "CASE WHEN hash(i, 7) % 10 = 0 THEN 1.0 ELSE 0.0 END AS score_error, "
                f"0.5 AS score_tolerance, {listed} FROM range({N}) t(i) WHERE hash(i, 8) % 10 < 9 AND i % 2 = {place}"
            )
            columns[f"attributions:{model}"] = tuple(engine.columns(f'"attributions:{model}"'))
        yield engine, columns


def reasons(engine: Engine, adverse: str) -> Iterator[tuple[set[str], list[str]]]:
    """The inputs and the ordered reasons of each adverse, explained decision of a model, by the rule itself."""
    for model, names in INPUTS.items():
        rows = engine.records(
            f'SELECT a.* FROM "attributions:{model}" a JOIN decisions d USING (decision_id) '
            "WHERE NOT d.favourable AND coalesce(d.deciding_stage, 'model') = 'model' "
            "AND score_error <= score_tolerance"
        )
        for row in rows:
            pushes: Counter[str] = Counter()
            for name in names:
                group = next((group for group, listed in GROUPS.items() if name in listed), name)
                pushes[group] += row[name] if adverse == "up" else -row[name]
            ordered = sorted(
                (name for name, push in pushes.items() if push > 0), key=lambda name: (-pushes[name], name)
            )
            yield set(names), ordered


def observation(people: tuple[Engine, dict[str, tuple[str, ...]]], kind: str, **fields: Any) -> Observation:
    engine, columns = people
    check: Check = checks()[kind].model_validate({"id": "a", "kind": kind, "groups": GROUPS, **fields})
    (one,) = check.measure(engine, Scope(ALWAYS, columns=columns)).observations
    return one


@pytest.mark.parametrize("adverse", ["up", "down"])
@pytest.mark.parametrize("top", [1, 2, 4])
def test_forbidden_reasons(people: Any, adverse: str, top: int) -> None:
    seen = observation(people, "explanation-forbidden", forbidden=["sex", "town_?", "it's*"], adverse=adverse, top=top)
    expected: Counter[str] = Counter()
    total = marked = 0
    for _, ordered in reasons(people[0], adverse):
        first = set(ordered[:top])
        hits = {"sex": "family" in first, "town_?": "town" in first, "it's*": 'it\'s "x"' in first}
        expected.update(name for name, hit in hits.items() if hit)
        total, marked = total + 1, marked + any(hits.values())
    assert (seen.n, seen.counts["with_forbidden"]) == (total, marked)
    assert seen.counts["by_name"] == dict(expected)
    assert seen.value == pytest.approx(marked / total)
    assert total > N / 3


@pytest.mark.parametrize("adverse", ["up", "down"])
def test_first_reasons(people: Any, adverse: str) -> None:
    seen = observation(people, "explanation-concentration", adverse=adverse, max_share=0.5)
    firsts = Counter(ordered[0] for _, ordered in reasons(people[0], adverse) if ordered)
    assert {one["reason"]: one["n"] for one in seen.counts["reasons"]} == dict(firsts)
    name, most = max(firsts.items(), key=lambda pair: (pair[1], pair[0]))
    assert seen.counts["first_reason"] == name
    assert seen.value == pytest.approx(most / firsts.total())
    assert math.isclose(seen.n, firsts.total())


def test_groups_hold_the_inputs_that_a_model_has() -> None:
    found = reasons_of(["b", "a2", "a1", "c"], {"a": ["a1", "a2", "a3"], "z": ["none"]})
    assert found == [Reason("a", ("a2", "a1")), Reason("b", ("b",)), Reason("c", ("c",))]
    assert found[0].is_called("a1")
    assert found[0].is_called("a")
    assert not found[1].is_called("a*")


def test_more_names_than_bits_are_a_mistake() -> None:
    names = [f"x{place}" for place in range(61)]
    with pytest.raises(ValidationError, match="at most 60"):
        Forbidden.model_validate({"id": "a", "kind": "explanation-forbidden", "forbidden": names, "adverse": "up"})


def test_an_input_is_in_one_group() -> None:
    groups = {"a": ["x"], "b": ["y", "x"]}
    with pytest.raises(ValidationError, match="the input 'x' is in the groups 'a' and 'b'"):
        Forbidden.model_validate(
            {"id": "a", "kind": "explanation-forbidden", "forbidden": ["x"], "adverse": "up", "groups": groups}
        )
