"""Figures against late outcomes, beside scikit-learn, SciPy, statsmodels and published tables."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from governance.checks._intervals import (
    Ranks,
    auc_interval,
    auc_variance,
    bounded_mean_interval,
    difference_interval,
    f1_interval,
    score_interval,
    share_ratio_interval,
)
from governance.checks.performance_classification import PerformanceClassification
from governance.engines.duckdb import Engine
from governance.measurement.statistics import newcombe, wilson
from tests.checks.real_decisions import People, acs, compas, lay_out

SharedData = Callable[[str], Path]


@pytest.fixture(name="justice", scope="module")
def justice_fixture(shared_data: SharedData) -> Iterator[People]:
    with Engine() as engine:
        yield compas(engine, shared_data("decisions/compas_two_years.csv.gz"))


@pytest.fixture(name="employment", scope="module")
def employment_fixture(shared_data: SharedData) -> Iterator[People]:
    with Engine() as engine:
        yield acs(engine, shared_data("decisions/acs_employment_ma_2015.parquet"))


class TestPublished:
    def test_confusion_of_compas_is_that_of_propublica(self, justice: People, shared_data: SharedData) -> None:
        published = json.loads(shared_data("oracles/compas_error_rates.json").read_text())["propublica"]
        fields = {"outcome": "recidivism", "metric": "precision", "positive_when": "adverse", "min": 0.5}
        seen = justice.found("performance-classification", by=[[], "race"], **fields)
        for group, subject in (("all", ()), ("African-American", ("African-American",)), ("Caucasian", ("Caucasian",))):
            one, _ = seen[subject]
            assert {name: one.counts[name] for name in ("tn", "fp", "fn", "tp")} == {
                name: published[group][name] for name in ("tn", "fp", "fn", "tp")
            }
            assert round(one.value or 0, 2) == published[group]["ppv"]

    def test_recall_of_compas_is_that_of_propublica(self, justice: People, shared_data: SharedData) -> None:
        published = json.loads(shared_data("oracles/compas_error_rates.json").read_text())["propublica"]
        fields = {"outcome": "recidivism", "metric": "recall", "positive_when": "adverse", "min": 0.5}
        seen = justice.found("performance-classification", by=["race"], **fields)
        for group in ("African-American", "Caucasian"):
            one, _ = seen[(group,)]
            assert round(100 * (1 - (one.value or 0)), 2) == published[group]["fnr_pct"]
        small, judged = seen[("Asian",)]
        assert (small.n, str(judged.verdict)) == (9, "not_assessed")


class TestBesideScikitLearn:
    @pytest.mark.parametrize("metric", ["accuracy", "precision", "recall", "f1"])
    def test_classes(self, employment: People, metric: str) -> None:
        from sklearn import metrics

        fields = {"outcome": "employed", "metric": metric, "positive_when": "favourable", "min": 0.1}
        seen = employment.found("performance-classification", by=[[], "sex"], **fields)
        function = getattr(metrics, f"{metric}_score")
        for subject, where in (((), "true"), (("1",), "sex = '1'"), (("2",), "sex = '2'")):
            positive, favourable = employment.arrays("positive", "favourable", where=where)
            assert seen[subject][0].value == pytest.approx(function(positive, favourable), rel=1e-12)

    @pytest.mark.parametrize(("metric", "limit"), [("auc", {"min": 0.1}), ("brier", {"max": 0.9})])
    def test_scores(self, employment: People, metric: str, limit: dict[str, float]) -> None:
        from sklearn.metrics import brier_score_loss, roc_auc_score

        seen = employment.found(
            "performance-classification", by=[[], "race"], outcome="employed", metric=metric, **limit
        )
        function = roc_auc_score if metric == "auc" else brier_score_loss
        compared = 0
        for subject, (one, _) in seen.items():
            where = f"race = '{subject[0]}'" if subject else "true"
            positive, score = employment.arrays("positive", "score", where=where)
            if one.value is not None:
                assert one.value == pytest.approx(function(positive, score), rel=1e-10)
                compared += 1
        assert compared >= 8

    def test_equal_scores(self, justice: People) -> None:
        from sklearn.metrics import roc_auc_score

        seen = justice.found("performance-classification", outcome="recidivism", metric="auc", min=0.5)
        positive, score = justice.arrays("positive", "score")
        assert seen[()][0].value == pytest.approx(roc_auc_score(positive, score), rel=1e-12)


class TestIntervals:
    def test_variance_of_the_area_is_that_of_all_pairs(self, justice: People) -> None:
        """The placements of DeLong, from the 7,214 x 7,214 table of comparisons itself."""
        import numpy as np

        one, _ = justice.found("performance-classification", outcome="recidivism", metric="auc", min=0.5)[()]
        positive, score = justice.arrays("positive", "score")
        own, other = score[positive], score[~positive]
        wins = (own[:, None] > other[None, :]) + 0.5 * (own[:, None] == other[None, :])
        variance = wins.mean(axis=1).var(ddof=1) / len(own) + wins.mean(axis=0).var(ddof=1) / len(other)
        area, half = wins.mean(), 1.959963984540054 * math.sqrt(variance)
        logit, spread = math.log(area / (1 - area)), half / (area * (1 - area))
        ends = [1 / (1 + math.exp(-logit + sign * spread)) for sign in (1, -1)]
        assert one.interval == pytest.approx(tuple(ends), rel=1e-9)
        assert np.ptp(ends) == pytest.approx(2 * half, rel=1e-3)

    def test_area_without_a_variance_solves_newcombes_equation(self) -> None:
        from scipy.optimize import brentq

        for p, n in ((5, 5), (1, 40), (30, 2)):
            ranks = Ranks(p, n, 2 * p * n, float(p), float(n))
            low, high = auc_interval(ranks)

            def miss(limit: float, p: int = p, n: int = n) -> float:
                spread = 1 + ((p + n) / 2 - 1) * ((1 - limit) / (2 - limit) + limit / (1 + limit))
                return float((1 - limit) ** 2 - 1.959963984540054**2 * limit * (1 - limit) / (p * n) * spread)

            assert low == pytest.approx(brentq(miss, 1e-9, 1 - 1e-9), rel=1e-9)
            assert high == 1
        assert auc_variance(Ranks(1, 40, 80, 1.0, 40.0)) is None

    def test_area_covers_as_often_as_it_says(self) -> None:
        import numpy as np

        generator = np.random.default_rng(7)
        for p, n, shift in ((12, 30, 0.5), (8, 8, 1.5)):
            truth = 0.5 * (1 + math.erf(shift / 2))
            covered = 0
            for _ in range(2000):
                own, other = generator.normal(shift, 1, p), generator.normal(0, 1, n)
                wins = own[:, None] > other[None, :]
                ranks = Ranks(
                    p, n, 2 * int(wins.sum()), float((wins.mean(1) ** 2).sum()), float((wins.mean(0) ** 2).sum())
                )
                low, high = auc_interval(ranks)
                covered += low <= truth <= high
            assert 0.93 <= covered / 2000 <= 0.98

    def test_f1_covers_as_often_as_it_says(self) -> None:
        import numpy as np

        generator = np.random.default_rng(11)
        chances = np.array([0.2, 0.1, 0.1, 0.6])
        truth, covered = 2 * 0.2 / (0.4 + 0.2), 0
        for tp, fp, fn, _ in generator.multinomial(80, chances, 3000):
            low, high = f1_interval(int(tp), int(fp + fn))
            covered += low <= truth <= high
        assert 0.93 <= covered / 3000 <= 0.97

    def test_bounded_mean(self) -> None:
        from scipy import stats

        values = [0.01, 0.25, 0.25, 0.36, 0.02]
        low, high = bounded_mean_interval(0.178, stats.tvar(values), 5)
        ends = stats.t.interval(0.95, 4, 0.178, stats.sem(values))
        assert (low, high) == pytest.approx((max(0, ends[0]), ends[1]), rel=1e-6)
        assert bounded_mean_interval(0.0, 0.0, 5) == pytest.approx(wilson(0, 5))
        assert bounded_mean_interval(0.25, None, 1) == pytest.approx(score_interval(0.25, 1))

    def test_ratio_of_shares_covers_as_often_as_it_says(self) -> None:
        """By enumeration of all outcomes, those among them of which the interval of Katz has no value or width."""
        from scipy.stats import binom

        for (n, p), (m, q) in (((12, 0.95), (10, 0.98)), ((15, 0.05), (20, 0.6)), ((30, 0.4), (30, 0.5))):
            covered = total = 0.0
            for k in range(n + 1):
                for j in range(1, m + 1):
                    chance = float(binom.pmf(k, n, p) * binom.pmf(j, m, q))
                    low, high = share_ratio_interval(k, n, j, m)
                    assert low <= k / n / (j / m) <= high
                    assert low < high
                    covered += chance * (low <= p / q <= high)
                    total += chance
            assert covered / total >= 0.93

    def test_ratio_of_everybody_to_everybody_has_the_ends_of_one_share(self) -> None:
        low = wilson(10, 10)[0]
        assert share_ratio_interval(10, 10, 10, 10) == pytest.approx((low, 1 / low), rel=1e-12)
        assert share_ratio_interval(0, 5, 3, 5)[0] == 0

    def test_difference_of_shares_is_newcombes(self) -> None:
        for k, n, j, m in ((5, 9, 1, 30), (0, 5, 5, 5), (40, 100, 38, 90)):
            seen = difference_interval(k / n, wilson(k, n), j / m, wilson(j, m))
            assert seen == pytest.approx(newcombe(k, n, j, m), rel=1e-12)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metric": "recall", "min": 0.5}, "recall needs `positive_when`"),
        ({"metric": "auc", "min": 0.5, "positive_when": "adverse"}, "auc has no use for `positive_when`"),
        ({"metric": "brier", "min": 0.5}, "brier is judged by `max` alone"),
        ({"metric": "auc", "max": 0.5}, "auc is judged by `min` alone"),
        ({"metric": "auc", "min": 0.5, "mature_after": "3 months"}, "'3 months' is no duration"),
    ],
)
def test_fields_without_effect_are_mistakes(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PerformanceClassification.model_validate(
            {"id": "a", "kind": "performance-classification", "outcome": "x"} | fields
        )


class TestCalibration:
    def test_bands_are_those_of_scikit_learn(self, employment: People) -> None:
        """The curve itself, and the error as the mean distance weighted by records."""
        import numpy as np
        from sklearn.calibration import calibration_curve

        one, _ = employment.found("performance-calibration", outcome="employed", max_ece=0.5)[()]
        positive, score = employment.arrays("positive", "score")
        observed, expected = calibration_curve(positive, score, n_bins=10)
        sizes = np.histogram(score, bins=np.linspace(0, 1, 11))[0]
        listed = one.counts["bands"]
        assert [band["n"] for band in listed] == list(sizes)
        assert [band["observed"] for band in listed] == pytest.approx(list(observed), rel=1e-10)
        assert [band["expected"] for band in listed] == pytest.approx(list(expected), rel=1e-10)
        assert one.value == pytest.approx(float(np.average(np.abs(observed - expected), weights=sizes)), rel=1e-9)

    def test_floor_holds_for_a_perfectly_calibrated_score(self) -> None:
        import numpy as np

        from governance.checks._calibration import Band, ece_floor

        generator = np.random.default_rng(3)
        for sizes, means in (
            ((40,), (0.3,)),
            ((30, 30, 60), (0.1, 0.5, 0.8)),
            ((50,) * 10, np.linspace(0.05, 0.95, 10)),
        ):
            bands = [Band(n, 0, p, n * p * (1 - p)) for n, p in zip(sizes, means, strict=True)]
            hits = generator.binomial(sizes, means, (4000, len(sizes)))
            errors = np.abs(hits - np.multiply(sizes, means)).sum(axis=1) / sum(sizes)
            assert 0.01 <= float((errors > ece_floor(bands)).mean()) <= 0.06

    def test_interval_covers_the_error_of_the_population(self) -> None:
        import numpy as np

        from governance.checks._calibration import Band, ece_interval

        generator = np.random.default_rng(5)
        sizes, means = np.array([60, 120, 90, 30]), np.array([0.1, 0.35, 0.6, 0.9])
        for off in (0.0, 0.03, 0.1):
            truth, covered = off, 0
            for hits in generator.binomial(sizes, means + np.array([off, -off, off, -off]), (2000, 4)):
                error = float(np.abs(hits - sizes * means).sum() / sizes.sum())
                rows = zip(sizes, hits, means, strict=True)
                low, high = ece_interval(
                    error, [Band(int(n), int(k), float(p), float(n * p * (1 - p))) for n, k, p in rows]
                )
                assert low <= error <= high
                covered += low <= truth <= high
            assert covered / 2000 >= 0.93, off

    def test_scores_of_exactly_0_and_1_have_no_noise(self) -> None:
        from governance.checks._calibration import Band, ece_floor, ece_interval

        bands = [Band(40, 40, 1.0, 0.0)]
        assert ece_floor(bands) == 0
        low, high = ece_interval(0.0, bands)
        assert low == 0
        assert 0.02 < high < 0.1


class TestRegression:
    def test_errors_are_those_of_scikit_learn(self, shared_data: SharedData) -> None:
        """The decile of a score as if it foretold the number of prior offences: any two numbers will do."""
        from scipy import stats
        from sklearn import metrics

        with Engine() as engine:
            people = lay_out(
                engine,
                "SELECT CAST(id AS VARCHAR) AS id, decile_score AS score, priors_count AS value_num, sex "
                f"FROM read_csv('{shared_data('decisions/compas_two_years.csv.gz')}')",
                ["sex"],
                "priors",
            )
            for where, subject in (("true", ()), ("sex = 'Male'", ("Male",)), ("sex = 'Female'", ("Female",))):
                score, truth = people.arrays("CAST(score AS DOUBLE)", "CAST(value_num AS DOUBLE)", where=where)
                errors = {
                    "mae": metrics.mean_absolute_error(truth, score),
                    "rmse": metrics.root_mean_squared_error(truth, score),
                    "bias": float((score - truth).mean()),
                }
                seen = {}
                for metric, expected in errors.items():
                    seen = people.found(
                        "performance-regression", outcome="priors", metric=metric, max=9, by=[[], "sex"]
                    )
                    assert seen[subject][0].value == pytest.approx(expected, rel=1e-11)
                ends = stats.t.interval(0.95, len(score) - 1, errors["bias"], stats.sem(score - truth))
                assert seen[subject][0].interval == pytest.approx(ends, rel=1e-6)
