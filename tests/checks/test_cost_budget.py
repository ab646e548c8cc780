"""Forecasts of parts of the calendar that are not over, and money to the last digit."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.checks.cost_budget import CostBudget, running_part
from governance.findings import Judgement, Observation, Verdict, parse_window
from governance.measurement.scopes import Scope
from tests.checks.cases import NOW, Case, measured

if TYPE_CHECKING:
    from collections.abc import Sequence


def findings(rows: Sequence[dict[str, Any]], window: str, **check: Any) -> list[tuple[Observation, Judgement]]:
    found = measured(Case("cost-budget", "property", check, [], {"requests": list(rows)}, window))
    found.engine.close()
    return found.findings


def spent(amount: str, day: int, **more: str) -> dict[str, Any]:
    return {"start_ts": f"2026-07-{day:02}T10:00:00Z", "cost_reported": amount, "cost_currency": "USD", **more}


@pytest.mark.parametrize(
    ("window", "per", "expected"),
    [
        ("2026-07-01..2026-07-11", "month", ("2026-07", 10, 21)),
        ("2026-06-20..2026-07-11", "month", ("2026-07", 10, 21)),
        ("2026-07", "month", None),
        ("2026-07", "quarter", ("2026-Q3", 31, 61)),
        ("2026-12-01..2026-12-11", "month", ("2026-12", 10, 21)),
        ("2026-12-01..2026-12-11", "year", ("2026", 10, 21)),
        ("2026-07-08", "week", ("2026-W28", 1, 4)),
        ("2026-07-12", "week", None),
        ("2026-07-01..2026-07-01T12:00", "month", ("2026-07", 1, 30.5)),
    ],
)
def test_running_part(window: str, per: str, expected: tuple[str, int, float] | None) -> None:
    assert running_part(Scope(parse_window(window, now=NOW)), per) == expected


def test_a_part_of_the_calendar_ends_in_the_zone_of_the_workspace() -> None:
    window = parse_window("2026-07", now=NOW, timezone="America/New_York")
    assert running_part(Scope(window, timezone="America/New_York"), "month") is None
    part = running_part(Scope(window), "month")
    assert part is not None
    assert part.label == "2026-08"


class TestForecast:
    ROWS = (spent("1", 1), spent("2", 2), spent("1", 2), spent("5", 3))

    def test_days_without_requests_count(self) -> None:
        """9 USD in 6 days, of which 3 are empty: 1.5 a day, over 25 more days."""
        ((seen, judged),) = findings(self.ROWS, "2026-07-01..2026-07-07", max_usd=40)
        assert seen.value == 9
        assert seen.counts["forecast_usd"] == pytest.approx(9 + 1.5 * 25)
        low, high = seen.counts["forecast_interval"]
        assert low < seen.counts["forecast_usd"] < high
        assert judged.verdict is Verdict.WARNED
        assert "on course for 46.50 USD" in (judged.reason or "")

    def test_the_interval_never_lies_below_what_is_spent(self) -> None:
        ((seen, _),) = findings(self.ROWS, "2026-07-01..2026-07-04", max_usd=400)
        assert seen.counts["forecast_interval"][0] == 9

    def test_two_days_do_not_warn(self) -> None:
        ((seen, judged),) = findings(self.ROWS[:3], "2026-07-01..2026-07-03", max_usd=40)
        assert seen.counts["forecast_usd"] == pytest.approx(62)
        assert seen.counts["forecast_interval"] is None
        assert judged.verdict is Verdict.PASSED

    def test_a_month_that_is_over_has_none(self) -> None:
        rows = [spent("1", 1), spent("1", 31) | {"start_ts": "2026-08-01T00:00:00Z"}]
        july, august = (seen for seen, _ in findings(rows, "2026-07-01..2026-08-03", max_usd=40))
        assert "forecast_usd" not in july.counts
        assert august.counts["days"] == 2

    def test_each_group_has_its_own(self) -> None:
        rows = [spent("1", day, business_unit="a") for day in (1, 2, 3)] + [spent("8", 2)]
        found = findings(rows, "2026-07-01..2026-07-04", max_usd=1000, by=["business_unit"])
        forecasts = {dict(seen.subject)["business_unit"]: seen.counts["forecast_usd"] for seen, _ in found}
        assert forecasts == pytest.approx({"a": 31, None: 8 + 8 / 3 * 28})


@settings(max_examples=20)
@given(st.lists(st.decimals(0, 100_000, places=12), min_size=1, max_size=20))
def test_money_is_exact(amounts: list[Decimal]) -> None:
    rows = [spent(str(amount), 1, business_unit=f"u{place % 3}") for place, amount in enumerate(amounts)]
    total = sum(amounts)
    ((seen, judged),) = findings(rows, "2026-07", max_usd=str(total))
    assert Decimal(seen.counts["spent_usd"]) == total
    assert judged.verdict is Verdict.PASSED
    apart = findings(rows, "2026-07", max_usd=1, by=["business_unit"])
    assert sum(Decimal(part.counts["spent_usd"]) for part, _ in apart) == total


def test_judging_is_pure() -> None:
    """The same observation under another limit, without measuring again."""
    ((seen, _),) = findings([spent("5", 1)], "2026-07", max_usd=10)
    strict = CostBudget(id="x", kind="cost-budget", max_usd=Decimal(4))
    assert strict.verdict(seen).verdict is Verdict.FAILED
    assert strict.verdict(seen) == strict.verdict(seen)
