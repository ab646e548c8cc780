"""Whether people were right where they overruled the system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from governance.checks import Check, Row
from governance.checks._groups import unattributed
from governance.checks._reviews import reviewed
from governance.checks._shares import Measure, breach, observed, shares
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope
from governance.measurement.statistics import wilson
from governance.wording import percent


class OversightOutcomes(Check):
    """Human oversight: whether the reviewers were right where they overruled the system, by what became known later.

    What is measured: of the overruled decisions of which an outcome is known, the share where the outcome proves the
    reviewer right and the system wrong, with its Wilson interval; beside it the same share of the confirmed decisions,
    where both were right. An overruled adverse decision was rightly overruled if the outcome speaks for the person, an
    overruled favourable one if it speaks against. Of several values of one outcome the last known one counts.

    Why it matters: a person in the loop is a safeguard only if their corrections are corrections (Regulation (EU)
    2024/1689, article 14(2); the outcomes analysis of SR 26-2 includes overrides).

    Example:
        - id: overrides-were-right
          kind: oversight-outcomes
          outcome: default
          speaks_for: negative
          min_share: 0.5
          by: [[], reviewer]
          severity: medium

    Fields:
        outcome: Name of the outcome.
        speaks_for: Which outcome shows that a favourable decision was right: `positive` (hired and still there) or
            `negative` (no default).
        min_share: Share rightly overruled below which the check fails, if the whole interval lies below; else it warns.
            Exactly on it passes.

    `by` may name `reviewer` and `trigger` besides what decisions carry. Outcomes are known of those who were finally
    accepted, and rarely of the others: decisions overruled against the person are mostly missing here, and the counts
    say how many.

    A failure can mean: reviewers who know less than the model; a reason that the outcome does not measure; or outcomes
    that are not ripe yet, so that only the early, bad ones are known.
    """

    needs: ClassVar[tuple[str, ...]] = ("reviews.outcome", "outcomes.positive")

    outcome: str = Field(min_length=1)
    speaks_for: Literal["positive", "negative"]
    min_share: float = Field(gt=0, le=1)

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | {"outcome": self.outcome}

    def statement(self, scope: Scope) -> str:
        good = "positive" if self.speaks_for == "positive" else "NOT positive"
        right = "is_good <> favourable"  # the decision was adverse and should not have been, or the other way round
        known = "is_good IS NOT NULL AND favourable IS NOT NULL"
        also = (
            "count(*) FILTER (is_override) AS overridden, "
            f"count(*) FILTER (is_override AND NOT ({known})) AS without_outcome, "
            f"count(*) FILTER (NOT is_override AND {known}) AS confirmed_known, "
            f"count(*) FILTER (NOT is_override AND {known} AND NOT ({right})) AS confirmed_right"
        )
        measure = Measure("right", right, f"is_override AND {known}", also)
        return (
            f"WITH truths AS (SELECT decision_id, arg_max({good}, (known_ts, outcome_id)) AS is_good FROM outcomes "
            "WHERE name = $outcome AND positive IS NOT NULL AND decision_id IS NOT NULL GROUP BY decision_id), "
            f"reviewed AS (SELECT v.*, t.is_good FROM ({reviewed(self, scope)}) v "
            "LEFT JOIN truths t ON t.decision_id = v.decision_id) "
            f"{shares(self, [measure], 'reviewed')} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        named = ("overridden", "without_outcome", "confirmed_known", "confirmed_right")
        counts: dict[str, Any] = {"reviews": row["records"], "known": row["n"], "right": row["marked"]}
        counts |= {name: row[name] for name in named}
        k, n = row["confirmed_right"], row["confirmed_known"]
        counts["confirmed_interval"] = list(wilson(k, n)) if n else None
        reason = None
        if row["overridden"] == 0:
            reason = f"none of the {row['records']} reviews overrules the system"
        elif row["n"] == 0:
            reason = f"no outcome '{self.outcome}' is known of the {row['overridden']} overruled decisions"
        return observed(row, "rightly_overridden_share", counts, reason)

    def limit(self) -> Mapping[str, Any]:
        return {"min_share": self.min_share, "outcome": self.outcome, "speaks_for": self.speaks_for}

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        found = breach(observation, counts["right"], self.min_share, None)
        if found is None:
            return Judgement(Verdict.PASSED, who or None, self.limit())
        low, high = observation.interval or (0.0, 1.0)
        said = (
            f"{counts['right']:,} of {n:,} overruled decisions were rightly overruled ({observation.value:.1%}, below"
        )
        said += f" {percent(found.bound)}; 95 % interval {low:.1%} to {high:.1%})"
        missing = f"; no outcome is known of {counts['without_outcome']:,} more" if counts["without_outcome"] else ""
        verdict = Verdict.FAILED if found.is_certain else Verdict.WARNED
        chance = "" if found.is_certain else ", which may be chance"
        return Judgement(verdict, f"{who}{said}{chance}{missing}", self.limit())
