"""A model of employment from 2015 to 2018, as it was and with a fault planted: what is alarmed, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from governance.checks.drift_concept import Concept
from governance.engines.duckdb import Engine, literal
from governance.findings import Judgement, Observation
from tests.checks.real_decisions import People, lay_out, window

SharedData = Callable[[str], Path]
FAULT = "2017-08-01"


@pytest.fixture(name="people", scope="module")
def people_fixture(shared_data: SharedData) -> Iterator[People]:
    """All four years, spread over their days; `broken` outcomes are turned for one in eight from August 2017 on."""
    first, later, truth = (
        literal(str(shared_data(f"decisions/acs_employment_ma_{name}.parquet")))
        for name in ("2015", "2016_2018", "2016_2018_outcomes")
    )
    columns = (
        "CAST(id AS VARCHAR) AS id, CAST(year AS INTEGER) AS year, CAST(prediction AS INTEGER) = 1 AS favourable, "
    )
    columns += "predicted_probability AS score, CAST(employed AS INTEGER) = 1 AS truth, SEX AS sex"
    with Engine() as engine:
        engine.execute(
            "CREATE TABLE years AS SELECT *, make_timestamptz(year, 1, 1, 0, 0, 0.0, 'UTC') "
            "+ INTERVAL (CAST(hash(id) % 364 AS INTEGER)) DAY AS decision_ts "
            f"FROM (SELECT {columns} FROM read_parquet({first}) UNION ALL SELECT {columns} "
            f"FROM read_parquet({later}) later JOIN read_parquet({truth}) truth USING (id))"
        )
        people = lay_out(engine, "SELECT *, truth AS positive FROM years", ["sex"], "employed")
        turned = f"decision_ts >= TIMESTAMPTZ '{FAULT}' AND hash(id, 1) % 8 = 0"
        engine.execute(
            "CREATE OR REPLACE VIEW outcomes AS SELECT 't:' || id || '#0' AS decision_id, name, "
            f"CASE WHEN name = 'broken' AND {turned} THEN NOT truth ELSE truth END AS positive, "
            "decision_ts + INTERVAL 30 DAY AS known_ts FROM years, (VALUES ('employed'), ('broken')) t(name)"
        )
        yield people


def found(people: People, when: str, **fields: object) -> dict[tuple[str | None, ...], tuple[Observation, Judgement]]:
    """What the check finds in a window against 2015."""
    reference = {"window": "2015-01-01..2016-01-01"}
    return people.found("drift-concept", within=window(when), reference=reference, mature_after="30d", **fields)


class TestAsItWas:
    @pytest.mark.parametrize("metric", ["accuracy", "recall", "auc", "brier"])
    def test_losses_are_those_of_scikit_learn(self, people: People, metric: str) -> None:
        from sklearn import metrics

        functions = {"auc": metrics.roc_auc_score, "brier": metrics.brier_score_loss}
        by_class = metric in ("accuracy", "recall")
        functions |= {"accuracy": metrics.accuracy_score, "recall": metrics.recall_score}
        fields = {"positive_when": "favourable"} if by_class else {}
        one, judged = found(
            people, "2017-01-01..2018-01-01", outcome="employed", metric=metric, max_loss=0.02, **fields
        )[()]
        values = []
        for year in (2015, 2017):
            truth, prediction = people.arrays("truth", "favourable" if by_class else "score", where=f"year = {year}")
            values.append(functions[metric](truth, prediction))
        loss = values[1] - values[0] if metric == "brier" else values[0] - values[1]
        assert one.value == pytest.approx(loss, abs=1e-11)
        assert str(judged.verdict) == "passed"

    def test_a_certain_change_without_effect_is_no_alarm(self, people: People) -> None:
        """69,635 decisions: the calibration moved by 0.8 points, beyond all chance, and matters to nobody."""
        one, judged = found(people, "2017-01-01..2018-01-01", outcome="employed", metric="calibration", max_loss=0.03)[
            ()
        ]
        assert one.n > 60_000
        assert one.value is not None
        assert abs(one.value) > one.counts["noise_floor"]
        assert str(judged.verdict) == "passed"

    def test_no_month_of_three_years_is_alarmed(self, people: People) -> None:
        seen = found(
            people, "2016-01-01..2019-01-01", outcome="employed", metric="auc", max_loss=0.03, per="month", by=["sex"]
        )
        assert len(seen) == 2 * 36
        assert {str(judged.verdict) for _, judged in seen.values()} == {"passed"}


class TestWithAFault:
    def test_it_is_caught_in_the_month_in_which_it_begins(self, people: People) -> None:
        seen = found(people, "2017-01-01..2018-01-01", outcome="broken", metric="auc", max_loss=0.05, per="month")
        verdicts = {month: str(judged.verdict) for (month,), (_, judged) in seen.items()}
        assert {month for month, verdict in verdicts.items() if verdict == "failed"} == {
            month for month in verdicts if str(month) >= FAULT[:7]
        }
        assert {verdict for month, verdict in verdicts.items() if str(month) < FAULT[:7]} == {"passed"}

    def test_few_outcomes_are_no_proof(self, people: People) -> None:
        """Forty outcomes of a day after the fault: the loss may be large, and chance makes it as large."""
        seen = found(
            people, "2017-08-01..2017-09-01", outcome="broken", metric="accuracy", positive_when="favourable",
            max_loss=0.05, per="day", where="hash(request_id) % 5 = 0",
        )  # fmt: skip
        verdicts = [(one.value or 0, str(judged.verdict)) for one, judged in seen.values()]
        assert any(value > 0.05 and verdict == "not_assessed" for value, verdict in verdicts)
        assert not any(value <= 0.05 and verdict == "failed" for value, verdict in verdicts)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metric": "recall"}, "recall needs `positive_when`"),
        ({"metric": "auc", "positive_when": "adverse"}, "auc has no use for `positive_when`"),
        ({"metric": "auc", "reference": {"window": "yesterday"}}, "'yesterday' is not a window"),
    ],
)
def test_fields_without_effect_are_mistakes(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Concept.model_validate({"id": "a", "kind": "drift-concept", "outcome": "x", "max_loss": 0.1} | fields)
