"""Ratios of intersections and of levels of a factor, beside fairlearn, SciPy and statsmodels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governance.checks._intervals import share_ratio_interval
from governance.checks._strata import Level, common_ratio_interval
from governance.engines.duckdb import Engine
from governance.measurement.statistics import ratio_interval
from tests.checks.real_decisions import People, compas, lay_out

SharedData = Callable[[str], Path]

# Applicants and admissions of the six largest departments, Berkeley 1973: Bickel, Hammel & O'Connell (1975), Science
# 187, 398-404, in the form of Freedman, Pisani & Purves, Statistics.
BERKELEY = {
    "A": ((512, 825), (89, 108)),
    "B": ((353, 560), (17, 25)),
    "C": ((120, 325), (202, 593)),
    "D": ((138, 417), (131, 375)),
    "E": ((53, 191), (94, 393)),
    "F": ((22, 373), (24, 341)),
}


@pytest.fixture(name="justice", scope="module")
def justice_fixture(shared_data: SharedData) -> Iterator[People]:
    with Engine() as engine:
        yield compas(engine, shared_data("decisions/compas_two_years.csv.gz"))


@pytest.fixture(name="adult", scope="module")
def adult_fixture(shared_data: SharedData) -> Iterator[People]:
    with Engine() as engine:
        yield lay_out(
            engine,
            "SELECT CAST(row_number() OVER () AS VARCHAR) AS id, true AS positive, income = '>50K' AS favourable, "
            "sex, race, workclass "
            f"FROM read_csv('{shared_data('decisions/adult.csv.gz')}') WHERE workclass IS NOT NULL",
            ["sex", "race", "workclass"],
        )


class TestIntersections:
    def test_groups_of_compas_are_those_of_scipy(self, justice: People) -> None:
        """Every group of race by sex by age: Fisher or z against everybody else, then Benjamini and Hochberg."""
        from scipy.stats import chi2_contingency, false_discovery_control, fisher_exact

        seen = justice.found("fairness-intersections", by=["race", "sex", "age_cat"], depth=3, minimum_n=30)
        race, sex, age, favourable = justice.arrays("race", "sex", "age_cat", "favourable")
        judged = {key: one.counts for key, (one, _) in seen.items() if "comparisons" in one.counts}
        people, favoured = (
            Counter(zip(race, sex, age, strict=True)),
            Counter(zip(race[favourable], sex[favourable], age[favourable], strict=True)),
        )
        total, approved, compared = len(race), int(favourable.sum()), 0
        for key, counts in judged.items():
            if len(key) < 3:
                continue
            own = key[0], key[1], key[2]
            n, k = people[own], favoured[own]
            table = [[k, n - k], [approved - k, total - n - approved + k]]
            is_small = min(n, total - n) * min(approved, total - approved) / total < 5
            p = fisher_exact(table)[1] if is_small else chi2_contingency(table, correction=False)[1]
            assert counts["p_against_others"] == pytest.approx(p, rel=1e-7)
            compared += 1
        assert compared >= 15
        assert {counts["comparisons"] for counts in judged.values()} == {len(judged)}
        expected = false_discovery_control([counts["p_against_others"] for counts in judged.values()])
        assert [counts["false_discovery_rate"] for counts in judged.values()] == pytest.approx(list(expected))

    def test_false_discoveries_stay_rare_where_nothing_differs(self) -> None:
        """Forty groups with one rate: some ratios fall below the limit, hardly ever does one fail."""
        runs, below, failed = 20, 0, 0
        for run in range(runs):
            with Engine() as engine:
                people = lay_out(
                    engine,
                    f"SELECT CAST(i AS VARCHAR) AS id, true AS positive, hash(i, {run}) % 100 < 40 AS favourable, "
                    f"'a' || hash(i, {run}, 1) % 8 AS a, 'b' || hash(i, {run}, 2) % 5 AS b FROM range(3000) t(i)",
                    ["a", "b"],
                )
                verdicts = [
                    str(judged.verdict) for _, judged in people.found("fairness-intersections", by=["a", "b"]).values()
                ]
            below += sum(verdict in ("failed", "warned") for verdict in verdicts)
            failed += "failed" in verdicts
        assert below > 5 * runs
        assert failed <= 3


class TestConditional:
    def test_berkeley(self) -> None:
        """The paradox itself, and the ratio within departments as statsmodels pools it."""
        import numpy as np
        from statsmodels.stats.contingency_tables import StratifiedTable

        rows = ", ".join(
            f"('{department}', '{sex}', {favourable}, {n if favourable else total - n})"
            for department, both in BERKELEY.items()
            for sex, (n, total) in zip(("male", "female"), both, strict=True)
            for favourable in (True, False)
        )
        with Engine() as engine:
            people = lay_out(
                engine,
                "SELECT CAST(row_number() OVER () AS VARCHAR) AS id, true AS positive, favourable, department, sex "
                f"FROM (VALUES {rows}) t(department, sex, favourable, n), range(900) r(i) WHERE i < n",
                ["sex", "department"],
            )
            fields = {"given": "department", "reference": "male", "each_level": True}
            seen = people.found("fairness-conditional", by=["sex"], **fields)
        one, judged = seen[("female",)]
        tables = [np.array([[k, n - k], [j, m - j]]) for (j, m), (k, n) in BERKELEY.values()]
        assert one.value == pytest.approx(StratifiedTable(tables).riskratio_pooled, rel=1e-12)
        assert one.counts["crude_ratio"] == pytest.approx((557 / 1835) / (1198 / 2691), rel=1e-12)
        assert one.counts["simpson"] is True
        assert str(judged.verdict) == "warned"
        assert judged.reason == (
            "the favourable rate is 1.058 of the reference group's within levels of department, 0.682 over all records "
            "(Simpson's paradox): department explains it, if it is a lawful factor"
        )
        assert seen[("female", "A")][0].value == pytest.approx((89 / 108) / (512 / 825), rel=1e-12)

    def test_common_ratio_covers_as_often_as_it_says(self) -> None:
        import numpy as np

        generator = np.random.default_rng(9)
        sizes, rates = ((40, 90), (60, 25), (80, 80)), (0.6, 0.35, 0.2)
        for truth in (1.0, 0.7):
            covered = 0
            for _ in range(2000):
                levels = [
                    Level(int(generator.binomial(n, truth * rate)), n, int(generator.binomial(m, rate)), m)
                    for (n, m), rate in zip(sizes, rates, strict=True)
                ]
                low, high = common_ratio_interval(levels) or (0.0, 0.0)
                covered += low <= truth <= high
            assert 0.935 <= covered / 2000 <= 0.97

    def test_one_level_has_the_interval_of_katz(self) -> None:
        assert common_ratio_interval([Level(9, 20, 10, 22), Level(3, 5, 0, 0)]) == pytest.approx(
            ratio_interval(9, 20, 10, 22), rel=1e-12
        )
        assert common_ratio_interval([Level(0, 20, 10, 22)]) is None
        assert common_ratio_interval([]) is None

    def test_everybody_favoured_is_no_certainty(self) -> None:
        low, high = common_ratio_interval([Level(4, 4, 5, 5), Level(2, 2, 3, 3)]) or (1.0, 1.0)
        assert (low, high) == pytest.approx(share_ratio_interval(6, 6, 8, 8))
        assert low < 0.7
        assert high > 1.4


class TestAdult:
    """Income above 50,000 as if it were the decision."""

    def test_intersections_are_those_of_fairlearn(self, adult: People) -> None:
        from fairlearn.metrics import MetricFrame, selection_rate

        favourable, sex, race = adult.arrays("favourable", "sex", "race")
        frame = MetricFrame(
            metrics=selection_rate, y_true=favourable, y_pred=favourable, sensitive_features={"sex": sex, "race": race}
        )
        seen = adult.found("fairness-intersections", by=["sex", "race"])
        assert len(seen) == 10
        for key, (one, _) in seen.items():
            assert one.counts["rate"] == pytest.approx(frame.by_group[key], rel=1e-12)
            assert one.value == pytest.approx(frame.by_group[key] / frame.by_group.max(), rel=1e-12)

    def test_levels_are_those_of_fairlearn(self, adult: People) -> None:
        from fairlearn.metrics import MetricFrame, selection_rate
        from statsmodels.stats.contingency_tables import StratifiedTable

        favourable, sex, work = adult.arrays("favourable", "sex", "workclass")
        frame = MetricFrame(
            metrics=selection_rate, y_true=favourable, y_pred=favourable,
            sensitive_features={"sex": sex}, control_features={"work": work},
        )  # fmt: skip
        fields = {"given": "workclass", "reference": "Male", "each_level": True}
        seen = adult.found("fairness-conditional", by=["sex"], **fields)
        rates = frame.by_group.to_dict()
        compared = 0
        for (*_, level), (one, _) in (
            (key, found) for key, found in seen.items() if len(key) == 2 and key[0] == "Female"
        ):
            if one.value is not None:
                assert one.value == pytest.approx(rates[level, "Female"] / rates[level, "Male"], rel=1e-12)
                compared += 1
        assert compared >= 6
        tables = [
            [
                [int((own & favourable).sum()), int((own & ~favourable).sum())]
                for own in (sex == "Female", sex == "Male")
            ]
            for favourable, sex in ((favourable[work == level], sex[work == level]) for level in sorted(set(work)))
        ]
        held = [table for table in tables if sum(table[0]) and sum(table[1])]
        assert seen[("Female",)][0].value == pytest.approx(StratifiedTable(held).riskratio_pooled, rel=1e-12)
