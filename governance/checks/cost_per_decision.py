"""What one decision, conversation, person or upheld decision costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Literal

from pydantic import Field

from governance.checks import Check, Row
from governance.checks._costs import COST, usd
from governance.checks._groups import REQUEST_ID, columns, grouped, keys, unattributed
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import t_quantile

_IDS = {"conversation": "session_id", "end-user": "end_user_id", "user": "user_id"}


class CostPerDecision(Check):
    """Unit cost: what a decision, a conversation, a person or an upheld decision costs.

    What is measured: the cost of the requests in exact decimals (as in `cost-budget`), divided by the number of units,
    with a 95 % interval of the ratio. Requests that cost something and led to no decision are part of the cost; a
    request without a session or person is left out where that is the unit, and counted. An upheld decision is one that
    no completed review overruled. Requests without a cost in USD are counted, never taken as free.

    Why it matters: cost is part of the benefit that a system was approved for (NIST AI RMF, MAP 3.1 and 3.2); a bill
    grows with use, and only the cost of a unit tells whether each answer became dearer.

    Example:
        - id: cost-of-a-conversation
          kind: cost-per-decision
          unit: conversation
          by: [model]
          per: month
          max_usd: 0.05
          minimum_n: 100
          severity: low

    Fields:
        unit: `decision`, `upheld-decision`, `conversation` (session), `end-user`, `user` (calling account) or
            `request`.
        max_usd: Dollars for a unit; a higher cost fails, exactly so much passes.

    `minimum_n` holds for the units. The check warns where the cost is within the limit but would not be if each request
    without a cost had cost as much as the others did on average. The interval is that of a ratio of two means over
    requests (over conversations or people where these are the unit), which counts one as independent of the next.

    A failure can mean: longer prompts or conversations; a dearer model or route; retries that multiply; a cache that no
    longer hits; or many decisions that people had to overrule.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.cost_reported|requests.cost_computed",)

    unit: Literal["decision", "upheld-decision", "conversation", "end-user", "user", "request"] = "decision"
    max_usd: Decimal = Field(ge=0)

    def statement(self, scope: Scope) -> str:
        figures = (
            "CAST(sum(cost) AS DOUBLE) / nullif(sum(units), 0) AS value, CAST(sum(units) AS BIGINT) AS n, "
            "count(*) AS clusters, CAST(sum(requests) AS BIGINT) AS requests, CAST(sum(priced) AS BIGINT) AS priced, "
            "CAST(sum(cost) AS VARCHAR) AS spent, sum(power(CAST(cost AS DOUBLE), 2)) AS cost_squares, "
            "sum(CAST(cost AS DOUBLE) * units) AS cost_units, sum(power(units, 2)) AS unit_squares, "
            "arg_max(id, (cost, id), 10) FILTER (cost > 0) AS samples"
        )
        axes = []
        for place, axis in enumerate(self.axes):
            own = self.model_copy(update={"by": (axis,) if axis else ()})
            without = grouped(own, "count(*) FILTER (NOT has_unit) AS without_unit", "records")
            axes.append(
                f"SELECT {place} AS axis, w.subject, w.without_unit, f.* EXCLUDE (axis, subject) FROM ({without}) w "
                f"LEFT JOIN ({grouped(own, figures, f'({self._clusters(axis)})')}) f ON f.subject = w.subject"
            )
        return (
            f"WITH {self._units()}records AS (SELECT {columns(self, scope)}{COST} AS cost, {self._unit_columns()}, "
            f"{REQUEST_ID} AS id FROM {scope.requests()} r{self._joined()}) "
            f"{' UNION ALL '.join(axes)} ORDER BY axis, subject"
        )

    def _units(self) -> str:
        """The decisions of each request, and those that no review overruled."""
        if self.unit not in ("decision", "upheld-decision"):
            return ""
        upheld = "count(*)"
        reviews = ""
        if self.unit == "upheld-decision":
            overruled = "max(CASE WHEN outcome = 'overridden' THEN 1 ELSE 0 END) AS overruled"
            reviews = (
                f" LEFT JOIN (SELECT decision_id, {overruled} FROM reviews WHERE completed_ts IS NOT NULL "
                "GROUP BY decision_id) v ON v.decision_id = d.decision_id"
            )
            upheld = "count(*) FILTER (coalesce(v.overruled, 0) = 0)"
        return f"made AS (SELECT d.request_uid, {upheld} AS units FROM decisions d{reviews} GROUP BY d.request_uid), "

    def _joined(self) -> str:
        return " LEFT JOIN made m ON m.request_uid = r.request_uid" if self._units() else ""

    def _unit_columns(self) -> str:
        if self.unit in _IDS:
            column = _IDS[self.unit]
            return f"r.{column} AS unit, r.{column} IS NOT NULL AS has_unit, 1 AS units"
        return f"true AS has_unit, {'coalesce(m.units, 0)' if self._units() else '1'} AS units"

    def _clusters(self, axis: Sequence[str]) -> str:
        """What counts as independent: a request, or all requests of one conversation or person in a group."""
        if self.unit not in _IDS:
            return "SELECT *, 1 AS requests, CASE WHEN cost IS NULL THEN 0 ELSE 1 END AS priced FROM records"
        groups = "".join(f"{key}, " for key in keys(self, axis))
        return (
            f"SELECT {groups}unit, sum(cost) AS cost, 1 AS units, count(*) AS requests, count(cost) AS priced, "
            f"min(id) AS id FROM records WHERE has_unit GROUP BY {groups}unit"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        n, requests, priced = row["n"] or 0, row["requests"] or 0, row["priced"] or 0
        counts: dict[str, Any] = {
            "units": n,
            "requests": requests,
            "priced": priced,
            "unpriced": requests - priced,
            "without_unit": row["without_unit"],
            "spent_usd": row["spent"],
        }
        reason = None
        if n == 0:
            reason = f"none of the {requests or row['without_unit']} requests belongs to {_ARTICLE[self.unit]}"
        elif row["spent"] is None:
            reason = f"none of the {requests:,} requests has a cost in USD; log it, or its tokens and a price"
        value = None if reason else row["value"]
        interval = None if value is None else _ratio_interval(row, value)
        samples = tuple(row["samples"] or ())
        subject = subject_of(row["subject"])
        metric = f"cost_per_{self.unit.replace('-', '_')}"
        return Observation(subject, metric, value, "usd", n, counts, interval, samples, reason)

    def limit(self) -> Mapping[str, Any]:
        return {"max_usd": float(self.max_usd), "unit": self.unit}

    def judge(self, observation: Observation) -> Judgement:
        counts, who = observation.counts, unattributed(observation.subject)
        spent, most = Decimal(counts["spent_usd"]), self.max_usd * observation.n
        each = f"{usd(spent / observation.n)} for {_ARTICLE[self.unit]} ({usd(spent)} for {observation.n})"
        missing = counts["unpriced"]
        unpriced = f"; {missing:,} of {counts['requests']:,} requests have no cost in USD" if missing else ""
        if spent > most:
            return Judgement(Verdict.FAILED, f"{who}{each}, above {usd(self.max_usd)}{unpriced}", self.limit())
        if spent + spent / counts["priced"] * missing > most:
            reason = f"{who}{each}, but above {usd(self.max_usd)} if they had cost as much as the others{unpriced}"
            return Judgement(Verdict.WARNED, reason, self.limit())
        return Judgement(Verdict.PASSED, f"{who}{unpriced.removeprefix('; ')}" or None, self.limit())


_ARTICLE = {
    "request": "a request",
    "decision": "a decision",
    "upheld-decision": "an upheld decision",
    "conversation": "a conversation",
    "end-user": "an end user",
    "user": "a user",
}


def _ratio_interval(row: Row, ratio: float) -> tuple[float, float] | None:
    """95 % interval of a ratio of two means, not below 0; None for a single cluster or one that is all unpriced.

    Source: Cochran (1977), Sampling Techniques, section 6.4, without the correction for a finite population.
    """
    m = row["clusters"]
    if m < 2:  # noqa: PLR2004 - a spread needs two
        return None
    squares = row["cost_squares"] - 2 * ratio * row["cost_units"] + ratio**2 * row["unit_squares"]
    error = math.sqrt(max(0.0, squares) * m / (m - 1)) / row["n"]
    half = t_quantile(0.975, m - 1) * error
    return max(0.0, ratio - half), ratio + half
