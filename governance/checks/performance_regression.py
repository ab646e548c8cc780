"""How far predicted numbers lie from what happened later."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from governance.checks import Check, Row, above
from governance.checks._groups import grouped, unattributed
from governance.checks._intervals import Interval
from governance.checks._labels import COUNTS, Duration, Truth
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.sample_ids import ids
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import mean_interval

_USED = "is_mature AND positive IS NOT NULL AND score IS NOT NULL"
_ERRORS = {
    "mae": "abs(score - positive)",
    "rmse": "(score - positive) * (score - positive)",
    "bias": "score - positive",
}


class PerformanceRegression(Check):
    """Performance of predicted numbers: how far the score lies from the number that became known later.

    What is measured: of the decisions that are old enough and whose outcome is a known number, the mean absolute error
    (`mae`), the root of the mean squared error (`rmse`) or the mean of score less outcome (`bias`), with a 95 %
    interval by Student's t: of the mean itself, for rmse of the mean square, and then its root. Beside it: the means of
    scores and outcomes, and how many decisions have an outcome yet.

    Why it matters: prices, limits and waiting times follow predicted numbers; a bias in one group is money or time that
    this group loses (Regulation (EU) 2024/1689, article 15; SR 26-2, outcomes analysis; NIST AI RMF, MEASURE 2.3).

    Example:
        - id: bias-of-estimates
          kind: performance-regression
          by: [[], region]
          outcome: repair_cost_usd
          metric: bias
          max: 50
          mature_after: 30d
          minimum_n: 50

    Fields:
        outcome: Name of the outcome, as the log has it; in the unit of the score.
        metric: mae, rmse or bias.
        max: Error above which the check fails, for bias either way; exactly on it passes.
        mature_after: Time after which a decision's outcome counts, such as 30d; younger ones are counted apart.
        min_labelled: Share of the old enough decisions that must have the outcome; otherwise nothing is assessed.

    A failure can mean: prices or habits have changed since the model was built; outcomes or inputs in another unit; a
    few extreme outcomes (rmse far above mae); or outcomes that are known only for some.
    """

    needs: ClassVar[tuple[str, ...]] = ("outcomes.value_num", "decisions.score")

    outcome: str = Field(min_length=1)
    metric: Literal["mae", "rmse", "bias"]
    max: float = Field(ge=0)
    mature_after: Duration | None = None
    min_labelled: float = Field(default=0.0, ge=0, le=1)

    @property
    def truth(self) -> Truth:
        """The outcome that scores are compared with."""
        return Truth(self.outcome, self.mature_after, self.min_labelled, is_number=True)

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | self.truth.parameters

    def statement(self, scope: Scope) -> str:
        finite = "CASE WHEN isfinite(d.score) THEN d.score END AS score"
        records = self.truth.records(self, scope, [finite])
        error = _ERRORS[self.metric]
        figures = (
            f"{COUNTS}, count(*) FILTER ({_USED}) AS scored, avg({error}) FILTER ({_USED}) AS mean, "
            f"var_samp({error}) FILTER ({_USED}) AS variance, avg(score) FILTER ({_USED}) AS mean_score, "
            f"avg(positive) FILTER ({_USED}) AS mean_outcome, "
            f"arg_max({{'ts': ts, 'id': id}}, (abs(score - positive), id), 10) FILTER ({_USED}) AS samples"
        )
        value = "sqrt(mean)" if self.metric == "rmse" else "mean"
        return (
            f"WITH {self.truth.tables()}, records AS ({records}) SELECT *, {value} AS value "
            f"FROM ({grouped(self, figures, 'records')}) ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        n = row["scored"]
        counts = self.truth.counts(row) | {name: row[name] for name in ("scored", "mean_score", "mean_outcome")}
        reason = self.truth.why_unlabelled(row)
        if reason is None and n == 0:
            reason = f"none of the {row['labelled']} decisions with an outcome has a score"
        elif reason is None and row["value"] is None:
            reason = "the errors are too large to be added up"
        value, interval = (None, None) if reason else (row["value"], self._interval(row))
        subject, samples = subject_of(row["subject"]), ids(row["samples"])
        return Observation(subject, self.metric, value, "score", n, counts, interval, samples, reason)

    def _interval(self, row: Row) -> Interval | None:
        """None where the errors do not vary: nobody knows then how far the next would lie."""
        found = mean_interval(row["mean"], row["variance"], row["scored"]) if row["variance"] else None
        if found is None or self.metric == "bias":
            return found
        low, high = max(0.0, found[0]), found[1]
        return (math.sqrt(low), math.sqrt(high)) if self.metric == "rmse" else (low, high)

    def limit(self) -> Mapping[str, Any]:
        own = {"metric": self.metric, "outcome": self.outcome, "max": self.max, "mature_after": self.mature_after}
        return {name: value for name, value in own.items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        who, value, counts = unattributed(observation.subject), observation.value or 0.0, observation.counts
        known = f"outcomes of {counts['labelled']:,} decisions are known"
        known += f", of {counts['unlabelled']:,} not" if counts["unlabelled"] else ""
        known += f"; {counts['immature']} are too young" if counts["immature"] else ""
        if above(abs(value), self.max):
            reason = f"{who}{self.metric} is {value:.4g}, beyond {self.max:g}; {known}"
            return Judgement(Verdict.FAILED, reason, self.limit())
        said = f"{who}{known}" if who or counts["unlabelled"] or counts["immature"] else None
        return Judgement(Verdict.PASSED, said, self.limit())
