"""What requests cost, against a budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field

from governance.checks import Check, Per, Row
from governance.checks._groups import REQUEST_ID, columns, grouped, unattributed
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import forecast

DAY = timedelta(days=1)
FORECAST_DAYS = 3  # chosen here: fewer days say nothing about a month


class CostBudget(Check):
    """Spending: what the requests cost, against a budget for each part of the calendar.

    What is measured: the sum, in exact decimals, of the cost that the log reports, or else of the cost computed from
    tokens and prices. A request without either is unpriced: it is counted, never taken as free. A cost in another
    currency is counted and left out; one without a currency is taken as US dollars. Requests that carry no value for a
    group in `by` are a subject of their own, so that the subjects add up to the bill.

    Why it matters: cost is part of the benefit that a system was approved for (NIST AI RMF, MAP 3.2), and a cost that
    runs away is often the first sign of a loop, a leaked key or a route to a dearer model.

    Example:
        - id: spend
          kind: cost-budget
          by: [business_unit]
          max_usd: 1200
          per: month
          warn_at: 0.8
          severity: medium

    Fields:
        max_usd: Budget of each subject; spending above it fails, exactly the budget passes.
        per: The part of the calendar that a budget is for; a month unless named, `null` for the window as a whole.
        warn_at: Share of the budget above which the check warns.

    Where the window ends inside a part of the calendar, the total of that part is forecast from its days so far, with
    a 95 % prediction interval; a forecast above the budget warns, from the third day on. The check warns too where the
    sum is within the budget but would not be if each unpriced request had cost what the others did on average.

    A failure can mean: more use than was planned for; a dearer model or longer prompts; retries that multiply; or a
    price that was entered wrongly (look at the ten dearest requests).
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.cost_reported|requests.cost_computed",)

    max_usd: Decimal = Field(ge=0)
    per: Per | None = "month"
    warn_at: Decimal | None = Field(default=None, gt=0, lt=1)
    minimum_n: int = Field(default=1, ge=1)

    def statement(self, scope: Scope) -> str:
        figures = (
            "CAST(sum(cost) FILTER (in_usd) AS DOUBLE) AS value, CAST(sum(cost) FILTER (in_usd) AS VARCHAR) AS spent, "
            "count(*) AS n, count(cost) FILTER (in_usd) AS priced, count(cost) FILTER (NOT in_usd) AS other_currency, "
            "count(cost) FILTER (currency IS NULL) AS no_currency, count(cost) FILTER (is_computed) AS computed, "
            "count(*) FILTER (cost IS NULL) AS unpriced, "
            "count(*) FILTER (cost IS NULL AND status <> 'ok') AS unpriced_failed, "
            "arg_max(id, (cost, id), 10) FILTER (in_usd AND cost IS NOT NULL) AS samples"
        )
        body = (
            f"WITH records AS (SELECT {columns(self, scope)}coalesce(r.cost_reported, r.cost_computed) AS cost, "
            "r.cost_reported IS NULL AS is_computed, r.cost_currency AS currency, "
            "coalesce(upper(r.cost_currency), 'USD') = 'USD' AS in_usd, r.status, "
            f"CAST({scope.local('r.start_ts')} AS DATE) AS local_day, {REQUEST_ID} AS id FROM {scope.requests()} r), "
            f"totals AS ({grouped(self, figures, 'records')})"
        )
        if self._running(scope) is None:
            return f"{body} SELECT * FROM totals ORDER BY axis, subject"
        spent = "CAST(sum(cost) FILTER (in_usd) AS DOUBLE) AS spent_day"
        return (
            f"{body}, daily AS ({grouped(self, spent, 'records', also=['local_day'])}) "
            "SELECT t.*, s.squares FROM totals t LEFT JOIN (SELECT axis, subject, "
            "sum(spent_day * spent_day) AS squares FROM daily GROUP BY axis, subject) s USING (axis, subject) "
            "ORDER BY axis, subject"
        )

    def _running(self, scope: Scope) -> Part | None:
        """The part of the calendar that the window ends inside of, if there is one of some days."""
        return running_part(scope, self.per) if self.per in ("week", "month", "quarter", "year") else None

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:
        running = self._running(scope)
        return [self._observation(row, running) for row in rows]

    def _observation(self, row: Row, running: Part | None) -> Observation:
        subject = subject_of(row["subject"])
        counts: dict[str, Any] = {
            "requests": row["n"],
            "priced": row["priced"],
            "computed": row["computed"],
            "unpriced": row["unpriced"],
            "unpriced_failed": row["unpriced_failed"],
            "other_currency": row["other_currency"],
            "no_currency": row["no_currency"],
            "spent_usd": row["spent"],
            "attributed": all(value is not None for _, value in subject),
        }
        reason = None
        if row["spent"] is None:
            reason = f"none of the {row['n']} requests has a cost in USD; log it, or its tokens and a price"
        elif running is not None and dict(subject)[str(self.per)] == running.label:
            expected, interval = forecast((row["value"], row["squares"], running.days), running.remaining_days)
            counts |= {"days": running.days, "forecast_usd": expected}
            counts["forecast_interval"] = [max(row["value"], interval[0]), interval[1]] if interval else None
        samples = tuple(row["samples"] or ())
        return Observation(subject, "spent_usd", row["value"], "usd", row["n"], counts, None, samples, reason)

    def limit(self) -> Mapping[str, Any]:
        warn_at = None if self.warn_at is None else float(self.warn_at)
        return {"max_usd": float(self.max_usd), "per": self.per, "warn_at": warn_at}

    def judge(self, observation: Observation) -> Judgement:
        counts = observation.counts
        spent, budget = Decimal(counts["spent_usd"]), self.max_usd
        missing = counts["unpriced"] + counts["other_currency"]
        likely = spent + spent / counts["priced"] * missing
        verdict, said = Verdict.PASSED, ""
        if spent > budget:
            verdict, said = Verdict.FAILED, f"{_usd(spent)} spent, above the budget of {_usd(budget)}"
        elif self.warn_at is not None and spent > self.warn_at * budget:
            verdict, said = Verdict.WARNED, f"{_usd(spent)} spent, above {self.warn_at:.0%} of {_usd(budget)}"
        elif "days" in counts and counts["days"] >= FORECAST_DAYS and counts["forecast_usd"] > budget:
            said = f"{_usd(spent)} spent in {counts['days']} days, on course for {_usd(counts['forecast_usd'])}"
            verdict, said = Verdict.WARNED, f"{said}, above {_usd(budget)}"
        elif likely > budget:
            said = f"{_usd(spent)} spent, but about {_usd(likely)} if the requests without a cost had cost as much"
            verdict, said = Verdict.WARNED, f"{said} as the others, above {_usd(budget)}"
        if missing:
            share = f"{missing:,} of {observation.n:,} requests ({missing / observation.n:.1%}) have no cost in USD"
            said = f"{said}; {share}" if said else share
        return Judgement(verdict, f"{unattributed(observation.subject)}{said}" if said else None, self.limit())


def _usd(amount: Decimal | float) -> str:
    """An amount to the cent, or to six digits where that would show nothing."""
    return f"{amount:,.2f} USD" if abs(float(amount)) >= 1 else f"{amount:.6f} USD"


class Part(NamedTuple):
    """A part of the calendar that is not over: its label, the days that were seen of it, and the days to come."""

    label: str
    days: int
    remaining_days: float


def running_part(scope: Scope, per: str) -> Part | None:
    """The part of the calendar in which the window ends, unless they end together."""
    zone = ZoneInfo(scope.timezone)
    last = (scope.window.end - timedelta(microseconds=1)).astimezone(zone)
    midnight = last.replace(hour=0, minute=0, second=0, microsecond=0)
    if per == "week":
        start = midnight - timedelta(days=midnight.weekday())
        label, end = f"{last:%G-W%V}", start + timedelta(days=7)
    else:
        months = {"month": 1, "quarter": 3, "year": 12}[per]
        first = (midnight.month - 1) // months * months
        start = midnight.replace(month=first + 1, day=1)
        end = start.replace(year=start.year + (first + months) // 12, month=(first + months) % 12 + 1)
        label = {"month": f"{last:%Y-%m}", "quarter": f"{last:%Y}-Q{first // 3 + 1}", "year": f"{last:%Y}"}[per]
    begin = max(start, scope.window.start)
    remaining = (end - scope.window.end) / DAY
    return Part(label, max(1, math.ceil((scope.window.end - begin) / DAY)), remaining) if remaining > 0 else None
