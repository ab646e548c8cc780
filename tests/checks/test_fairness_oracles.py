"""Impact ratios against what others printed: the rule of New York City, the federal guidelines, fairlearn."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.checks._ratios import Group, flipping_outcomes, ratio_bounds
from tests.checks.cases import Case, measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from governance.findings import Observation

    SharedData = Callable[[str], Path]

KIND = "fairness-impact-ratio"
# Digits behind the point that the examples print: of rates (as shares) and of ratios.
PRINTED = {"sex": (2, 3), "race": (2, 2), "intersectional": (3, 3)}


def oracle(shared_data: SharedData, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shared_data(f"oracles/{name}.json").read_text(encoding="utf-8"))
    return found


def observed(
    rows: Iterable[dict[str, Any]], by: Sequence[str], **check: Any
) -> dict[tuple[str | None, ...], Observation]:
    """Group -> what the check observed."""
    case = Case(KIND, "oracle", {"by": list(by), "minimum_n": 1, **check}, [], {"decisions": list(rows)})
    found = measured(case)
    found.engine.close()
    return {tuple(value for _, value in seen.subject): seen for seen, _ in found.findings}


def decisions(groups: dict[str, tuple[int, int]], name: str = "group") -> list[dict[str, Any]]:
    """Rows of groups with so many members and so many of them favoured."""
    rows = []
    for group, (n, favoured) in groups.items():
        rows.append({"repeat": favoured, "favourable": True, "subjects": {name: group}})
        rows.append({"repeat": n - favoured, "favourable": False, "subjects": {name: group}})
    return rows


def half(digits: int) -> float:
    """Half of the last printed digit, and what a double may be off."""
    return 0.5 / float(10**digits) + 1e-12


class TestNewYorkCity:
    @pytest.mark.parametrize("axis", PRINTED)
    def test_selection_rows(self, shared_data: SharedData, axis: str) -> None:
        printed = oracle(shared_data, "ll144_rule_examples")["selection"][axis]
        rate_digits, ratio_digits = PRINTED[axis]
        found = observed(decisions({name: (row[0], row[1]) for name, row in printed.items()}), ["group"])
        assert len(found) == len(printed)
        for name, (n, selected, rate, ratio) in printed.items():
            seen = found[(name,)]
            assert (seen.n, seen.counts["favourable"]) == (n, selected)
            assert seen.counts["rate"] == pytest.approx(float(rate.rstrip("%")) / 100, abs=half(rate_digits))
            assert seen.value == pytest.approx(ratio, abs=half(ratio_digits))

    def test_all_selection_rows_are_compared(self, shared_data: SharedData) -> None:
        printed = oracle(shared_data, "ll144_rule_examples")["selection"]
        assert sum(len(rows) for rows in printed.values()) == 23

    def test_scoring_rows(self, shared_data: SharedData) -> None:
        """168 people with distinct scores, 84 above the median; 36 of them in the races that the example cuts off."""
        printed = oracle(shared_data, "ll144_rule_examples")["scoring"]
        people = scored(printed["sex"], printed["race"])
        found = observed(people, ["sex", "race"], outcome="above-median", denominator="highest")
        compared = 0
        for axis in ("sex", "race"):
            for name, (n, rate, ratio) in printed[axis].items():
                seen = found[(name,)]
                assert seen.n == n
                # The note of the example: a rate is truncated, not rounded; so a whole digit and not a half
                assert seen.counts["rate"] == pytest.approx(float(rate.rstrip("%")) / 100, abs=0.001)
                assert seen.value == pytest.approx(ratio, abs=half(2))
                compared += 1
        assert compared == 7
        assert found[("White",)].counts["unknown"] == 36

    def test_small_categories_may_be_left_out_with_count_and_rate_shown(self, shared_data: SharedData) -> None:
        printed = oracle(shared_data, "ll144_rule_examples")["selection"]["race"]
        groups = {name: (row[0], row[1]) for name, row in printed.items()}
        found = observed(decisions(groups), ["group"], smallest_share=0.02)
        left_out = {name: seen for (name,), seen in found.items() if seen.value is None}
        assert list(left_out) == ["Native American or Alaska Native"]
        seen = left_out["Native American or Alaska Native"]
        assert (seen.n, seen.counts["favourable"]) == (41, 18)
        assert seen.counts["rate"] == pytest.approx(18 / 41)
        assert "below the smallest share of 2.0%" in (seen.reason or "")


def scored(sexes: dict[str, Any], races: dict[str, Any]) -> list[dict[str, Any]]:
    """People whose scores put, in each printed group, the printed share above the median."""
    rows = []
    for is_above in (True, False):
        columns = [
            [name for name, n, above in counted(groups) for _ in range(above if is_above else n - above)]
            for groups in (sexes, races)
        ]
        for place, (sex, race) in enumerate(itertools.zip_longest(*columns)):
            score = 1000 + place if is_above else place
            rows.append({"score": float(score), "subjects": {"sex": sex, "race": race}})
    return rows


def counted(groups: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Name, size and number above the median, from the printed rate (truncated or rounded) of each group."""
    return [(name, n, round(float(rate.rstrip("%")) / 100 * n)) for name, (n, rate, _) in groups.items()]


class TestFederalGuidelines:
    def test_four_fifths(self, shared_data: SharedData) -> None:
        printed = oracle(shared_data, "four_fifths")
        groups = {name: (100, rate) for name, rate in printed["hiring_rates_pct"].items()}
        case = Case(KIND, "oracle", {"by": ["group"], "min": 0.8}, [], {"decisions": decisions(groups)})
        found = measured(case)
        found.engine.close()
        ratios = {dict(seen.subject)["group"]: seen.value for seen, _ in found.findings}
        for name, percent in printed["impact_ratios_pct"].items():
            assert ratios[name] == pytest.approx(percent / 100)
        failed = [dict(seen.subject)["group"] for seen, judged in found.findings if judged.verdict == "failed"]
        assert failed == printed["adverse_impact_indicated_for"]

    @pytest.mark.parametrize("times", [1, 7, 1000])
    def test_exactly_four_fifths_is_not_below(self, times: int) -> None:
        """3/5 against 6/8: the quotient of doubles is 0.7999999999999999."""
        assert 0.6 / 0.75 < 0.8
        groups = {"low": (5 * times, 3 * times), "high": (8 * times, 6 * times)}
        case = Case(KIND, "oracle", {"by": ["group"], "minimum_n": 1}, [], {"decisions": decisions(groups)})
        found = measured(case)
        found.engine.close()
        assert [str(judged.verdict) for _, judged in found.findings] == ["passed", "passed"]


class TestFairlearn:
    def test_smallest_ratio_is_the_demographic_parity_ratio_of_its_docs(self, shared_data: SharedData) -> None:
        printed = oracle(shared_data, "fairlearn_docs")
        rows = [
            {"favourable": bool(outcome), "subjects": {"group": group}}
            for outcome, group in zip(printed["y_pred"], printed["group"], strict=True)
        ]
        found = observed(rows, ["group"])
        values = [seen.value for seen in found.values() if seen.value is not None]
        rates = [seen.counts["rate"] for seen in found.values()]
        assert min(values) == pytest.approx(printed["expected"]["demographic_parity_ratio"])
        assert max(rates) - min(rates) == pytest.approx(printed["expected"]["demographic_parity_difference"])


def groups_of(most: int) -> st.SearchStrategy[Group]:
    return st.integers(1, most).flatmap(lambda n: st.builds(Group, st.integers(0, n), st.just(n)))


class TestBoundsUnderUnknowns:
    @given(st.lists(groups_of(6), min_size=2, max_size=3), st.integers(0, 3), st.integers(0, 3))
    def test_no_attribution_leaves_the_bounds(self, groups: list[Group], favoured: int, refused: int) -> None:
        own, *others = groups
        known = sum(group.n for group in groups)
        bounds = ratio_bounds(own, others, Group(favoured, favoured + refused), known, is_highest=True)
        possible = [
            float(rates[0] / max(rates)) for rates in attributions(groups, favoured, refused) if max(rates[1:]) > 0
        ]
        if bounds.worst is not None and possible:
            assert min(possible) == pytest.approx(bounds.worst)
        if bounds.best is not None and possible:
            assert max(possible) <= bounds.best + 1e-12

    @given(groups_of(6), groups_of(6), st.integers(0, 3), st.integers(0, 3))
    def test_bounds_against_a_named_reference_are_reached(
        self, own: Group, reference: Group, favoured: int, refused: int
    ) -> None:
        unknown = Group(favoured, favoured + refused)
        bounds = ratio_bounds(own, [reference], unknown, own.n + reference.n, is_highest=False)
        possible = [
            float(rates[0] / rates[1]) for rates in attributions([own, reference], favoured, refused) if rates[1] > 0
        ]
        if reference.favourable:
            assert bounds.worst == pytest.approx(min(possible))
            assert bounds.best == pytest.approx(max(possible))

    @given(groups_of(8), groups_of(8), st.sampled_from([Fraction(4, 5), Fraction(1, 2), Fraction(1)]))
    def test_flips_are_the_fewest_that_turn_the_verdict(self, own: Group, reference: Group, limit: Fraction) -> None:
        def passes(favourable: int) -> bool:
            return Fraction(favourable, own.n) >= limit * reference.rate

        turning = [abs(k - own.favourable) for k in range(own.n + 1) if passes(k) != passes(own.favourable)]
        assert flipping_outcomes(own, reference, limit) == min(turning, default=None)


def attributions(groups: Sequence[Group], favoured: int, refused: int) -> Iterable[list[Fraction]]:
    """The rates of the groups under every way to share out the unknowns among them."""
    for up in itertools.product(range(favoured + 1), repeat=len(groups)):
        for down in itertools.product(range(refused + 1), repeat=len(groups)):
            if sum(up) == favoured and sum(down) == refused:
                yield [
                    Fraction(group.favourable + more, group.n + more + less)
                    for group, more, less in zip(groups, up, down, strict=True)
                ]
