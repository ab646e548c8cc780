"""Drift by group, model and part of the calendar, against the registered sample, of outputs; and its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from governance.engines.duckdb import Engine
from governance.findings import Verdict
from governance.measurement.scopes import subject_of
from tests.checks.drifted import Columns, Moved, built, lay_out


@pytest.fixture(name="engine")
def engine_fixture() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


def moved(engine: Engine, reference: list[Any], now: list[Any]) -> Moved:
    """One model with one input."""
    return lay_out(engine, {"m": ({"x": reference}, {"x": now})})


class TestGroups:
    @pytest.mark.parametrize("measure", ["psi", "js", "ks", "wasserstein"])
    def test_each_group_has_its_own_reference(self, engine: Engine, measure: str) -> None:
        """Women's incomes are twice men's; nothing changes but the mix, so neither group moves."""
        men, women = [float(i % 50) for i in range(200)], [100.0 + i % 50 for i in range(200)]
        before: Columns = {"x": men + women[:50], "s.sex": ["male"] * 200 + ["female"] * 50}
        now: Columns = {"x": men[:50] + women, "s.sex": ["male"] * 50 + ["female"] * 200}
        own = lay_out(engine, {"m": (before, now)})
        assert own.found(measure=measure)[("x",)][1].verdict is Verdict.FAILED
        found = own.found(measure=measure, by=["sex"])
        assert {key: one.value for key, (one, _) in found.items()} == {("x", "male"): 0, ("x", "female"): 0}
        assert found[("x", "male")][0].n == 50
        assert found[("x", "male")][0].counts["reference_n"] == 200

    @pytest.mark.parametrize("measure", ["psi", "ks"])
    def test_several_axes_and_parts(self, engine: Engine, measure: str) -> None:
        n = 4 * 86_400
        side: Columns = {"x": [i % 10 for i in range(0, n, 600)], "d.business_unit": ["a", None] * (n // 1200)}
        own = lay_out(engine, {"m": (side, side)})
        found = own.found(measure=measure, by=["business_unit", ["business_unit", "environment"]], per="day")
        assert ("x", "a", "2026-07-01") in found
        assert ("x", None, None, "2026-07-01") in found
        assert found[("x", None, "2026-07-01")][1].reason == (
            f"no business_unit in the log: {'PSI' if measure == 'psi' else 'KS distance'} is 0, within 0.1"
        )

    @pytest.mark.parametrize("measure", ["psi", "ks"])
    def test_models_apart(self, engine: Engine, measure: str) -> None:
        same: Columns = {"x": [1, 2, 3] * 30}
        own = lay_out(engine, {"credit-a": (same, same), "credit-b": (same, {"x": [3] * 90}), "other": (same, same)})
        found = own.found(own.scope(filters={"model": ("credit-*",)}), measure=measure)
        assert {key: judged.verdict for key, (_, judged) in found.items()} == {
            ("x", "credit-a"): "passed",
            ("x", "credit-b"): "failed",
        }
        assert found[("x", "credit-b")][0].samples[0].startswith("credit-b-")
        assert list(own.found(own.scope(filters={"model": ("other",)}), measure=measure)) == [("x",)]

    def test_only_decisions_that_the_policy_is_about(self, engine: Engine) -> None:
        now: Columns = {"x": [1] * 50 + [9] * 50, "d.business_unit": ["retail"] * 50 + ["test"] * 50}
        own = lay_out(engine, {"m": ({"x": [1] * 100, "d.business_unit": ["retail"] * 100}, now)})
        assert own.one()[1].verdict is Verdict.FAILED
        for narrowed in ({"filters": {"business_unit": ("retail",)}}, {"predicates": ("(business_unit = 'retail')",)}):
            ((found, judged),) = own.found(own.scope(**narrowed)).values()
            assert (found.n, judged.verdict) == (50, Verdict.PASSED)


class TestTraining:
    def test_against_the_registered_sample(self, engine: Engine) -> None:
        own = lay_out(engine, {"m": ({"x": [1.0], "y": ["a"]}, {"x": [float(i) for i in range(50)], "y": ["a"] * 50})})
        engine.execute('CREATE TABLE "background:m" AS SELECT (i % 50)::INTEGER AS x FROM range(200) t(i)')
        own = Moved(engine, own.columns | {"background:m": ("x",)})
        for measure in ("psi", "js", "ks", "wasserstein"):
            found = own.found(reference={"training": True}, measure=measure)
            assert (found[("x",)][0].value, found[("x",)][0].counts["reference_n"]) == (0, 200)
            assert "none of the 200 records of the registered sample has a value" in (found[("y",)][1].reason or "")
        by_group = own.found(reference={"training": True}, by=["business_unit"], features=["x"])
        assert by_group[("x", None)][0].counts["reference_n"] == 200

    def test_without_one(self, engine: Engine) -> None:
        _, judged = moved(engine, [1.0], [1.0]).one(reference={"training": True})
        assert judged.reason == "model m is registered without a background sample, or not at all"


class TestEvidence:
    @pytest.mark.parametrize("measure", ["psi", "js", "ks", "wasserstein"])
    def test_figures_repeat_to_the_last_digit(self, engine: Engine, measure: str) -> None:
        numbers = np.random.default_rng(3)
        own = lay_out(
            engine,
            {
                "m": (
                    {"x": list(numbers.normal(0, 1, 5000)), "y": list(numbers.poisson(3, 5000))},
                    {"x": list(numbers.normal(0.1, 1, 4000)), "y": list(numbers.poisson(3, 4000))},
                )
            },
        )
        found = own.measured(measure=measure, per="day")
        assert found.sql_of is not None
        for threads in (1, 2, 4):
            engine.execute(f"SET threads = {threads}")
            for one in found.observations:
                rows = engine.records(found.sql_of[one.subject], found.parameters)
                (again,) = (row["value"] for row in rows if subject_of(row["subject"]) == one.subject)
                assert float(again) == one.value

    def test_samples_show_what_grew(self, engine: Engine) -> None:
        own = moved(engine, [float(i) for i in range(100)], [float(i) for i in range(50)] + [99.5] * 50)
        for measure in ("psi", "ks"):
            found, judged = own.one(measure=measure)
            assert judged.verdict is Verdict.FAILED
            assert len(found.samples) == 10
            rows = engine.rows(
                'SELECT min(x) FROM "features:m" WHERE list_contains($ids, decision_id)', {"ids": list(found.samples)}
            )
            assert rows[0][0] == 99.5


class TestOutput:
    def test_what_the_decisions_have(self, engine: Engine) -> None:
        side: Columns = {"x": [1] * 80, "d.score": [i / 80 for i in range(80)], "d.decision": ["yes", "no"] * 40}
        own = lay_out(engine, {"m": (side, {**side, "d.decision": ["yes"] * 80})})
        found = own.found(kind="drift-output")
        assert {key[0]: judged.verdict for key, (_, judged) in found.items()} == {
            "score": "passed",
            "decision": "failed",
        }
        assert list(own.found(kind="drift-output", measure="ks")) == [("score",)]
        assert own.found(kind="drift-output", of="score", per="month")[("score", "2026-07")][0].value == 0

    def test_what_the_requests_have(self, engine: Engine) -> None:
        own = lay_out(engine, {})
        engine.execute(
            "INSERT INTO requests BY NAME SELECT 'r' || i AS request_uid, 'chat' AS operation, 'ok' AS status, "
            "'assistant' AS model_served, TIMESTAMPTZ '2026-06-30 00:00:00Z' + INTERVAL (i * 864) SECOND AS start_ts, "
            "CASE WHEN i < 100 THEN 500 + i ELSE 50 END AS output_tokens, "
            "CASE WHEN i < 100 THEN ['stop'] ELSE ['length'] END AS finish_reasons FROM range(200) t(i)"
        )
        found = own.found(kind="drift-output", by=["model"])
        assert {key: judged.verdict for key, (_, judged) in found.items()} == {
            ("output_tokens", "assistant"): "failed",
            ("finish_reason", "assistant"): "failed",
            ("status", "assistant"): "passed",
        }
        assert found[("finish_reason", "assistant")][0].samples[0] == "r100"
        assert own.found(kind="drift-output", of=["score"]) == {}

    @pytest.mark.parametrize(
        ("fields", "mistake"),
        [
            ({"reference": {"training": True}}, "holds no outputs"),
            ({"reference": {"window": "last-30d"}}, "must not move"),
            ({"reference": {"window": "2026-13"}}, "is not a window"),
            ({"reference": {}}, "give `window`, `as_of`, both, or"),
            ({"reference": {"window": "2026-06", "training": True}}, "stands alone"),
            ({"max": 0}, "greater than 0"),
            ({"measure": "tv"}, "'psi', 'wasserstein', 'js' or 'ks'"),
            ({"of": []}, "at least 1 item"),
            ({"of": "colour"}, "Input should be"),
        ],
    )
    def test_mistakes(self, fields: dict[str, Any], mistake: str) -> None:
        with pytest.raises(ValidationError, match=mistake):
            built("drift-output", **fields)
