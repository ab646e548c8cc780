"""Each planted fault crosses the limit of the check that must find it; the clean twin keeps away from all limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from governance.errors import NotFoundError
from governance.simulator import (
    SEED,
    DriftedInput,
    FallbackStorm,
    FaultPlan,
    GroupRefused,
    LoggingDown,
    OverBudget,
    UnreviewedWeeks,
    WorseAnswers,
)
from tests.simulator.figures import (
    bad_answers,
    bad_fallbacks,
    drift,
    limits,
    many_fallbacks,
    overspent,
    silent_minutes,
    unfairness,
    unreviewed,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from governance.simulator import Fault
    from tests.simulator.simulated import Files, Simulate


@pytest.fixture(
    scope="module", params=[SEED, pytest.param(7, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.slow)]
)
def clean_files(request: pytest.FixtureRequest, simulated: Simulate) -> Files:
    return simulated(clean=True, seed=request.param)


@pytest.fixture(scope="module", params=["shipped", "other"])
def faulty_files(request: pytest.FixtureRequest, simulated: Simulate) -> Files:
    return simulated() if request.param == "shipped" else simulated(seed=41, faults=OTHER_PLAN)


class TestCleanTwin:
    def test_no_fault_is_planted(self, clean_files: Files) -> None:
        assert clean_files.made.faults == ()

    def test_inputs_are_stable(self, clean_files: Files) -> None:
        assert max(drift(clean_files).values()) < -0.08

    def test_no_group_is_near_the_limit(self, clean_files: Files) -> None:
        assert max(unfairness(clean_files).values()) < -0.02

    def test_unsure_decisions_are_reviewed(self, clean_files: Files) -> None:
        assert -0.05 <= unreviewed(clean_files) < -0.02

    def test_answers_are_good(self, clean_files: Files) -> None:
        assert max(bad_answers(clean_files).values()) < -0.04

    def test_fallbacks_are_few_and_as_good(self, clean_files: Files) -> None:
        assert max(bad_fallbacks(clean_files).values()) < -0.01
        assert many_fallbacks(clean_files) < -0.005

    def test_budgets_hold_without_a_warning(self, clean_files: Files) -> None:
        check = limits("llm-assistant", "monthly-budget")
        assert max(overspent(clean_files).values()) < -(1 - check["warn_at"]) * check["max_usd"]

    def test_logs_have_no_gaps(self, clean_files: Files) -> None:
        assert silent_minutes(clean_files, "requests", "llm-assistant") < -30
        assert silent_minutes(clean_files, "applications", "credit-decisions") < -30


OTHER_PLAN = FaultPlan(
    drifted_input=DriftedInput(feature="PAY_AMT2", month="2026-07", factor=3.0),
    worse_answers=WorseAnswers(month="2026-09", drop=0.1),
    fallback_storm=FallbackStorm(month="2026-08", days=2, share=0.9, drop=0.2),
    over_budget=OverBudget(unit="legal", month="2026-09", times=1.9),
    unreviewed_weeks=UnreviewedWeeks(month="2026-07", weeks=2),
    logging_down=LoggingDown(stream="credit", month="2026-07", hours=4),
    group_refused=GroupRefused(group={"sex": "male"}, month="2026-08", share=0.3),
    seed=99,
)


def planted(files: Files, name: str) -> Fault:
    return next(fault for fault in files.made.faults if fault.name == name)


class TestFaults:
    def test_each_names_a_check_of_the_shipped_policies(self, faulty_files: Files) -> None:
        assert len(faulty_files.made.faults) == 7
        assert all(limits(fault.policy, fault.check)["kind"] for fault in faulty_files.made.faults)

    def test_one_input_drifts_and_no_other(self, faulty_files: Files) -> None:
        worst = drift(faulty_files)
        drifted = planted(faulty_files, "drifted-input").subject["feature"]
        assert worst.pop(drifted) > 0.1
        assert max(worst.values()) < -0.08

    def test_the_group_is_refused_too_often(self, faulty_files: Files) -> None:
        group = planted(faulty_files, "group-refused").subject
        assert unfairness(faulty_files)[group.get("sex"), group.get("age_band")] > 0.02

    def test_unsure_decisions_go_unreviewed(self, faulty_files: Files) -> None:
        assert unreviewed(faulty_files) > 0.05

    def test_the_released_model_answers_worse_and_not_slower(self, faulty_files: Files, clean: Files) -> None:
        assert bad_answers(faulty_files)[planted(faulty_files, "worse-answers").subject["model"]] > 0.02
        green = """SELECT quantile_cont(endTime - startTime, 0.95), avg((status = 'failure')::INT)
            FROM requests WHERE model = 'mistral-large-2411'"""
        assert faulty_files.rows(green)[0] == pytest.approx(clean.rows(green)[0], rel=0.1, abs=0.005)
        assert faulty_files.rows(green)[0][0] < 60

    def test_the_storm_brings_worse_answers(self, faulty_files: Files) -> None:
        month = int(planted(faulty_files, "fallback-storm").month[-2:])
        assert bad_fallbacks(faulty_files)[month] > 0.02
        assert many_fallbacks(faulty_files) > 0.02

    def test_one_unit_overspends_and_no_other(self, faulty_files: Files) -> None:
        over = [subject for subject, usd in overspent(faulty_files).items() if usd > 0]
        fault = planted(faulty_files, "over-budget")
        assert over == [(fault.subject["business_unit"], int(fault.month[-2:]))]

    def test_one_log_falls_silent_and_not_the_other(self, faulty_files: Files) -> None:
        fault = planted(faulty_files, "logging-down")
        over = {
            "llm-assistant": silent_minutes(faulty_files, "requests", "llm-assistant"),
            "credit-decisions": silent_minutes(faulty_files, "applications", "credit-decisions"),
        }
        assert over.pop(fault.policy) > 60
        assert max(over.values()) < 0

    @pytest.mark.slow
    def test_without_one_fault_the_others_stay(self, simulated: Simulate) -> None:
        files = simulated(faults=FaultPlan(group_refused=None))
        assert max(unfairness(files).values()) < 0
        assert len(files.made.faults) == 6


class TestMistakes:
    @pytest.mark.parametrize(
        ("make", "known"),
        [
            (lambda: GroupRefused(group={"sex": "other"}), "male, female"),
            (lambda: GroupRefused(group={"race": "any"}), "sex, age_band"),
            (lambda: OverBudget(unit="treasury"), "claims"),
            (lambda: DriftedInput(feature="PAY_0"), "LIMIT_BAL"),
            (lambda: OverBudget(month="2026-04"), "2026-07, 2026-08, 2026-09"),
        ],
    )
    def test_an_unknown_name_is_refused_with_the_known_ones(self, make: Callable[[], object], known: str) -> None:
        with pytest.raises(NotFoundError) as caught:
            make()
        assert known in str(caught.value.hint)
