"""Whether reviewers look before they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row
from governance.checks._bands import Edges, name_sql, number_sql
from governance.checks._groups import unattributed
from governance.checks._reviews import reviewed
from governance.checks._shares import Measure, breach, exceeds, observed, shares
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope
from governance.wording import percent

QUICK, CONFIRMED = "quick", "confirmed"
BAND = "confidence_band"


class RubberStamp(Check):
    """Human oversight: whether reviewers take the time to look, and ever disagree.

    What is measured, for each reviewer: with `min_seconds`, the share of completed reviews that took less time than
    that from start to end; with `max_confirmed`, the share of reviews that confirm the system, with `bands` also for
    each band of the model's confidence. All with their Wilson interval. Reviews whose start the log does not say (or
    that end before they start) are counted apart, and so are those that neither confirm nor overrule.

    Why it matters: a review that only stamps what the system said is not meaningful human involvement, so that the
    decision counts as one without a person (Regulation (EU) 2016/679, article 22, and the guidelines WP251rev.01,
    IV.A); people must stay aware of automation bias (Regulation (EU) 2024/1689, article 14(4)(b)).

    Example:
        - id: rubber-stamps
          kind: oversight-rubber-stamp
          min_seconds: 60
          max_quick: 0.05
          max_confirmed: 0.98
          bands: [0.6, 0.8]
          minimum_n: 30
          severity: high

    Fields:
        min_seconds: Seconds that a look takes; a review of exactly so long is long enough.
        max_quick: Share of shorter reviews above which the check fails; exactly on it passes.
        max_confirmed: Share of confirming reviews above which the check fails; exactly on it passes.

        bands: Edges between bands of the confidence of the decisions, each a band from one edge to below the next; the
            agreement in each is held against `max_confirmed` too. Who looks agrees less where the model is less sure.

    `by` is `reviewer` unless given; it may also name `trigger` and what decisions carry. With both limits each group
    has two findings, told apart by `measure`; those of a band name it as `confidence_band`, which is empty where the
    log has no confidence. A share of confirming reviews fails only where its whole interval lies above the limit, and
    warns where the share does but chance could explain it.

    A failure can mean: too many reviews for too few people; a screen that shows the system's answer first; reviewers
    who are measured by speed; or a log that notes the start when the case is closed.
    """

    needs: ClassVar[tuple[str, ...]] = ("reviews.started_ts", "reviews.completed_ts", "reviews.reviewer")

    by: tuple[tuple[str, ...], ...] = (("reviewer",),)
    min_seconds: float | None = Field(default=None, gt=0)
    max_quick: float = Field(default=0.0, ge=0, lt=1)
    max_confirmed: float | None = Field(default=None, gt=0, lt=1)
    bands: Edges | None = None

    @model_validator(mode="after")
    def _some_limit(self) -> RubberStamp:
        if self.min_seconds is None and self.max_confirmed is None:
            raise ValueError("give `min_seconds`, `max_confirmed` or both")
        if self.bands is not None and self.max_confirmed is None:
            raise ValueError("`bands` need `max_confirmed`: agreement is what is measured in them")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | ({} if self.min_seconds is None else {"min_seconds": self.min_seconds})

    def statement(self, scope: Scope) -> str:
        measures = []
        median = "median(seconds) AS median_seconds"
        if self.min_seconds is not None:
            measures.append(Measure(QUICK, "seconds < $min_seconds", "seconds IS NOT NULL", median))
        if self.max_confirmed is not None:
            measures.append(Measure(CONFIRMED, "NOT is_override", "is_override IS NOT NULL", median))
        figures = shares(self, measures, "reviewed")
        source = reviewed(self, scope)
        if self.bands is not None:
            band = name_sql(self.bands, number_sql(self.bands, "confidence"))
            source = f"SELECT *, {band} AS group_{BAND} FROM ({source})"
            figures += f" UNION ALL {shares(self, measures[-1:], 'reviewed', several=len(measures) > 1, key=BAND)}"
        return f"WITH reviewed AS ({source}) {figures} ORDER BY axis, subject"

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        counts = {"reviews": row["records"], row["measure"]: row["marked"], "unknown": row["records"] - row["n"]}
        counts["median_seconds"] = row["median_seconds"]
        reason = None
        if row["n"] == 0:
            what = "how long it took" if row["measure"] == QUICK else "whether it confirms"
            reason = f"none of the {row['records']} reviews says {what}"
        return observed(row, f"{row['measure']}_share", counts, reason)

    def limit(self) -> Mapping[str, Any]:
        own: dict[str, Any] = {}
        if self.min_seconds is not None:
            own |= {"min_seconds": self.min_seconds, "max_quick": self.max_quick}
        own |= {} if self.bands is None else {"bands": list(self.bands)}
        return own | ({} if self.max_confirmed is None else {"max_confirmed": self.max_confirmed})

    def judge(self, observation: Observation) -> Judgement:
        if observation.metric == f"{CONFIRMED}_share":
            return self._judge_confirmed(observation)
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        unknown = f"; {counts['unknown']} more do not say how long they took" if counts["unknown"] else ""
        if exceeds(counts[QUICK], n, self.max_quick):
            said = f"{counts[QUICK]:,} of {n:,} reviews took less than {self.min_seconds:g} s"
            said += f" (half of all took at most {counts['median_seconds']:.3g} s)"
            return Judgement(Verdict.FAILED, f"{who}{said}{unknown}", self.limit())
        return Judgement(Verdict.PASSED, f"{who}{unknown.removeprefix('; ')}" or None, self.limit())

    def _judge_confirmed(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        found = breach(observation, counts[CONFIRMED], None, self.max_confirmed)
        if found is None:
            return Judgement(Verdict.PASSED, who or None, self.limit())
        low, high = observation.interval or (0.0, 1.0)
        said = f"{counts[CONFIRMED]:,} of {n:,} reviews confirm the system ({observation.value:.1%}, "
        said += f"above {percent(found.bound)}; 95 % interval {low:.1%} to {high:.1%})"
        verdict = Verdict.FAILED if found.is_certain else Verdict.WARNED
        return Judgement(verdict, f"{who}{said}{'' if found.is_certain else ', which may be chance'}", self.limit())
