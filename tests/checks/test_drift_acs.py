"""Drift of a model in operation: employment in Massachusetts, 2015 (the reference) to 2018, about 70,000 people a year.

Nothing much happens in these years, though almost every p-value is tiny at this size; what is planted must be found.
Data: US Census ACS PUMS through NannyML, see `shared/data/README.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from scipy import stats

from governance.engines.duckdb import Engine, literal
from governance.findings import Verdict, Window
from tests.checks.drifted import Moved
from tests.conftest import shared_data

YEARS = ("2016", "2017", "2018")
WINDOW = Window(datetime(2016, 1, 1, tzinfo=UTC), datetime(2019, 1, 1, tzinfo=UTC), "2016..2018")
REFERENCE = {"window": "2015-01-01..2016-01-01"}
LIMITS = {"psi": 0.1, "js": 0.1, "ks": 0.1, "wasserstein": 0.1}


@pytest.fixture(name="acs", scope="module")
def acs_fixture() -> Iterator[Moved]:
    before = literal(str(shared_data("decisions/acs_employment_ma_2015.parquet")))
    after = literal(str(shared_data("decisions/acs_employment_ma_2016_2018.parquet")))
    with Engine() as engine:
        engine.execute(
            "CREATE TABLE people AS SELECT 'p' || id AS decision_id, make_timestamptz(year, 1, 1, 0, 0, 0.0, 'UTC') + "
            "INTERVAL (id % 8000) HOUR AS decision_ts, * EXCLUDE (id, employed, year) FROM "
            f"(SELECT * FROM read_parquet({before}) UNION ALL BY NAME SELECT * FROM read_parquet({after}))"
        )
        engine.execute(
            'CREATE TABLE "features:employment" AS SELECT * EXCLUDE (prediction, predicted_probability) FROM people'
        )
        engine.execute(
            "CREATE TABLE decisions AS SELECT decision_id, decision_id AS request_id, decision_ts, "
            "'employment' AS model, predicted_probability AS score, CAST(prediction AS VARCHAR) AS decision, "
            "prediction = 1 AS favourable FROM people"
        )
        yield Moved(engine, {"features:employment": ()})


@pytest.mark.parametrize("measure", LIMITS)
def test_years_without_a_practical_change_pass(acs: Moved, measure: str) -> None:
    inputs = acs.found(
        acs.scope(window=WINDOW), reference=REFERENCE, measure=measure, max=LIMITS[measure], per="year", minimum_n=500
    )
    figures = {key: one for key, (one, _) in inputs.items() if one.value is not None}
    assert {key[1] for key in figures} == set(YEARS)
    assert len(figures) == 3 * (16 if measure in ("psi", "js") else 1)
    assert {judged.verdict for key, (_, judged) in inputs.items() if key in figures} == {Verdict.PASSED}
    outputs = acs.found(
        acs.scope(window=WINDOW), kind="drift-output", reference=REFERENCE, measure=measure, max=0.1, per="year"
    )
    assert {judged.verdict for _, judged in outputs.values()} == {Verdict.PASSED}


def test_size_alone_would_alarm(acs: Moved) -> None:
    """The same years by p-value: the age of 2018 is another "at the 5 % level", and its KS distance is below 0.03."""
    found, judged = acs.found(
        acs.scope(window=WINDOW), reference=REFERENCE, measure="ks", max=0.1, per="year", features=["AGEP"]
    )[("AGEP", "2018")]
    ages = [
        [row[0] for row in acs.engine.rows(f"SELECT AGEP FROM people WHERE year(decision_ts) = {year}")]
        for year in (2015, 2018)
    ]
    tested = stats.ks_2samp(*ages, method="asymp")
    assert found.value == pytest.approx(tested.statistic, abs=1e-12)
    assert tested.pvalue < 0.05
    assert found.value is not None
    assert found.value > found.counts["noise_floor"]
    assert judged.verdict is Verdict.PASSED


@pytest.mark.parametrize("measure", LIMITS)
def test_a_change_in_one_year_is_found_in_that_year(acs: Moved, measure: str) -> None:
    """Everybody of 2017 is eight years older, as if the clock of a feed were wrong: a third of a standard deviation."""
    acs.engine.execute(
        'CREATE OR REPLACE TABLE "features:older" AS SELECT * REPLACE '
        '(AGEP + CASE WHEN year(decision_ts) = 2017 THEN 8 ELSE 0 END AS AGEP) FROM "features:employment"'
    )
    older = Moved(acs.engine, {"features:older": ()})
    limit = {"psi": 0.1, "js": 0.1, "ks": 0.1, "wasserstein": 0.25}[measure]
    found = older.found(
        older.scope(window=WINDOW),
        reference=REFERENCE,
        measure=measure,
        max=limit,
        per="year",
        features=["AGEP", "SEX"],
    )
    failed = [key for key, (_, judged) in found.items() if judged.verdict is Verdict.FAILED]
    assert failed == [("AGEP", "2017")], {key: one.value for key, (one, _) in found.items()}


def test_a_group_that_changes_is_found_in_that_group(acs: Moved) -> None:
    """Scores of women of 2018 are halved."""
    acs.engine.execute("CREATE TABLE subjects AS SELECT decision_id, SEX AS sex FROM people")
    acs.engine.execute(
        "UPDATE decisions SET score = score / 2 WHERE year(decision_ts) = 2018 AND decision_id IN "
        "(SELECT decision_id FROM subjects WHERE sex = '2')"
    )
    own = Moved(acs.engine, {"subjects": ("sex",)})
    found = own.found(
        own.scope(window=WINDOW), kind="drift-output", reference=REFERENCE, of="score", by=["sex"], per="year"
    )
    failed = [key for key, (_, judged) in found.items() if judged.verdict is Verdict.FAILED]
    assert failed == [("score", "2", "2018")]
    assert found[failed[0]][0].counts["reference_n"] < 40_000
