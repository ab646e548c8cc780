"""Whether people review the decisions of which the model is unsure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar

from pydantic import Field, field_validator

from governance.checks import Check, Row
from governance.checks._groups import columns, decided, grouped, unattributed
from governance.checks._references import own_columns
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.sample_ids import ids
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import wilson
from governance.wording import percent

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


class Escalation(Check):
    """Human oversight: decisions of low confidence are reviewed by a person, in time and before they take effect.

    What is measured: of the decisions with a confidence below `below`, the share with a completed review that was in
    time, with its Wilson interval. A review is found by the decision that it names, or by the request, and then counts
    for all decisions of that request. Abandoned reviews are none.

    Why it matters: oversight has to be carried out, not only to be possible (Regulation (EU) 2024/1689, articles 14(4)
    and 26(2); Regulation (EU) 2016/679, article 22(3)); a review after the effect is no safeguard.

    Example:
        - id: human-review
          kind: escalation
          below: 0.6
          min_share: 0.95
          before_effect: true
          within: 5d
          minimum_n: 30
          severity: high

    Fields:
        below: Confidence below which a decision is due for review; one of exactly this confidence is not.
        min_share: Share reviewed below which the check fails; exactly on it passes.
        before_effect: Whether the review must be complete when the decision takes effect; the same moment is in time.
        within: Time from the decision to the end of the review: 90s, 30m, 12h, 5d or 2w; exactly so long is in time.

    Counted apart, and not judged: reviewed decisions whose moment of effect the log does not say (with `before_effect`;
    the bounds show how far they could move the share), and decisions whose time for review was not over when the last
    review in the store was completed, nor at the end of the window. Without any review in the store nothing is
    assessed: nobody can tell then whether there were none, or whether they were not logged.

    A failure can mean: too few reviewers; a queue that nobody looks at; a threshold of confidence that was moved; or
    reviews that are kept in another system than the one that was read.
    """

    needs: ClassVar[tuple[str, ...]] = ("decisions.confidence", "reviews.completed_ts")

    below: float = Field(gt=0, le=1)
    min_share: float = Field(default=1.0, gt=0, le=1)
    before_effect: bool = False
    within: str | None = None

    @field_validator("within")
    @classmethod
    def _is_duration(cls, value: str | None) -> str | None:
        if value is not None and not _DURATION.fullmatch(value):
            raise ValueError(f"'{value}' is no duration; write 90s, 30m, 12h, 5d or 2w")
        return value

    @property
    def within_us(self) -> int | None:
        """Microseconds from the decision in which the review must be complete, or None."""
        if self.within is None:
            return None
        number, unit = _DURATION.fullmatch(self.within).groups()  # type: ignore[union-attr]
        return int(Fraction(number) * _SECONDS[unit] * 1_000_000)

    def bound(self, scope: Scope) -> dict[str, Any]:
        own: dict[str, Any] = {"below": self.below}
        return scope.parameters | own | ({"within_us": self.within_us} if self.within is not None else {})

    def statement(self, scope: Scope) -> str:
        in_time = "true"
        pending = "false"
        if self.within is not None:
            in_time = "epoch_us(v.completed_ts) - epoch_us(d.decision_ts) <= $within_us"
            pending = "epoch_us(known_until) - epoch_us(decision_ts) < $within_us"
        own = own_columns(self)
        effect = "v.completed_ts <= v.effective_ts" if self.before_effect else "true"
        joined = (
            f"SELECT d.decision_id, {in_time} AS is_quick, {effect} AS is_before FROM due d "
            "JOIN done v ON {} = d.{}"
        )
        return (
            "WITH done AS (SELECT decision_id, request_uid, completed_ts, effective_ts, "
            "coalesce(target_id = decision_id, false) OR request_uid IS NULL AS names_decision "
            "FROM reviews WHERE completed_ts IS NOT NULL AND outcome IS DISTINCT FROM 'abandoned'), "
            "known AS (SELECT count(*) AS reviews, "
            "greatest(max(completed_ts), CAST($end AS TIMESTAMPTZ)) AS known_until FROM done), "
            f"due AS MATERIALIZED (SELECT {columns(self, scope)}d.decision_id, d.request_uid, d.decision_ts "
            f"FROM {decided(self, scope)} WHERE d.confidence < $below), "
            f"looked AS ({joined.format('v.decision_id', 'decision_id')} AND v.names_decision UNION ALL "
            f"{joined.format('v.request_uid', 'request_uid')} AND NOT v.names_decision), "
            "reviewed AS (SELECT decision_id, max(CASE WHEN NOT is_quick THEN 1 WHEN is_before THEN 3 "
            "WHEN is_before IS NULL THEN 2 ELSE 1 END) AS state FROM looked GROUP BY decision_id), "
            f"judged AS (SELECT {own}decision_ts AS ts, r.decision_id AS id, true AS is_due, false AS is_unknown, "
            f"CASE WHEN v.state IS NULL AND {pending} THEN 0 ELSE coalesce(v.state, 1) END AS state, "
            "v.state IS NOT NULL AS is_reviewed, k.reviews FROM due r "
            "CROSS JOIN known k LEFT JOIN reviewed v ON v.decision_id = r.decision_id "
            f"UNION ALL SELECT {columns(self, scope)}NULL, NULL, false, d.confidence IS NULL, NULL, false, k.reviews "
            f"FROM {decided(self, scope)} CROSS JOIN known k WHERE coalesce(d.confidence >= $below, true)) "
            f"{grouped(self, _FIGURES, 'judged')} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        n, in_time = row["n"], row["in_time"]
        named = ("decisions", "due", "reviewed", "in_time", "effect_unknown", "pending", "confidence_unknown")
        counts = {name: row[name] for name in named}
        reason, interval = self._why_no_share(row), None
        if reason is None:
            known = n + row["effect_unknown"]
            counts |= {"share_worst": in_time / known, "share_best": (in_time + row["effect_unknown"]) / known}
            interval = wilson(in_time, n)
        value = row["value"] if reason is None else None
        samples = ids(row["samples"])
        return Observation(
            subject_of(row["subject"]), "reviewed_share", value, "share", n, counts, interval, samples, reason
        )

    def _why_no_share(self, row: Row) -> str | None:
        if row["confidence_unknown"] == row["decisions"]:
            return f"none of the {row['decisions']} decisions carries a confidence"
        if row["due"] == 0:
            return f"none of the {row['decisions']} decisions has a confidence below {self.below:g}"
        if row["reviews"] == 0:
            return f"{row['due']} decisions are due for review, but the store holds no completed review; ingest reviews"
        if row["n"] == 0 and row["pending"] == row["due"]:
            return f"the time for the review of all {row['due']} decisions is not over"
        if row["n"] == 0:
            return f"no review of the {row['due']} decisions says when the decision took effect"
        return None

    def limit(self) -> Mapping[str, Any]:
        own = {"below": self.below, "min_share": self.min_share, "within": self.within}
        return {name: value for name, value in own.items() if value is not None} | {"before_effect": self.before_effect}

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        said = f"{counts['in_time']:,} of {n:,} decisions with a confidence below {self.below:g} were reviewed in time"
        late = counts["reviewed"] - counts["in_time"] - counts["effect_unknown"]
        said += f", {late} too late" if late else ""
        said += f"; {counts['effect_unknown']} more without a moment of effect" if counts["effect_unknown"] else ""
        if Fraction(counts["in_time"], n) < Fraction(str(self.min_share)):
            reason = f"{who}{said} ({observation.value:.1%}, below {percent(self.min_share)})"
            return Judgement(Verdict.FAILED, reason, self.limit())
        return Judgement(Verdict.PASSED, f"{who}{said}" if who or counts["effect_unknown"] else None, self.limit())


_FIGURES = (
    "count(*) FILTER (is_due AND state = 3) / nullif(count(*) FILTER (is_due AND state IN (1, 3)), 0) AS value, "
    "count(*) FILTER (is_due AND state IN (1, 3)) AS n, count(*) AS decisions, count(*) FILTER (is_due) AS due, "
    "count(*) FILTER (is_due AND is_reviewed) AS reviewed, count(*) FILTER (is_due AND state = 3) AS in_time, "
    "count(*) FILTER (is_due AND state = 2) AS effect_unknown, count(*) FILTER (is_due AND state = 0) AS pending, "
    "count(*) FILTER (is_unknown) AS confidence_unknown, max(reviews) AS reviews, "
    "min({'ts': ts, 'id': id}, 10) FILTER (is_due AND state = 1) AS samples"
)
