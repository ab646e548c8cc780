"""How often people overrule the system, by direction and reviewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from governance.checks import Check, Row
from governance.checks._groups import unattributed
from governance.checks._reviews import reviewed
from governance.checks._shares import Measure, breach, observed, shares
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope
from governance.wording import percent

_OF = {"any": "true", "to-favourable": "NOT favourable", "to-adverse": "favourable"}

_ALSO = (
    "count(*) FILTER (is_override AND NOT favourable) AS to_favourable, "
    "count(*) FILTER (is_override AND favourable) AS to_adverse, count(*) FILTER (is_override IS NULL) AS undecided, "
    "count(*) FILTER (favourable IS NULL) AS unknown_favourable"
)


class Overrides(Check):
    """Human oversight: how often reviewers overrule the system, and in whose favour.

    What is measured: of the completed reviews that confirm or overrule, the share that overrules, with its Wilson
    interval; for one direction, of the reviews of decisions that were adverse (or favourable) to the person. A review
    without an outcome overrules if its final decision is another than the original one. How many were overruled to the
    favour of the person and how many against it stands beside it.

    Why it matters: the person who oversees must be able to disregard or reverse the output (Regulation (EU) 2024/1689,
    article 14(4)(d)). A share near zero can mean that nobody dares or looks; a high one, that the system is not fit for
    its purpose; one that differs between reviewers, that the outcome depends on who is on duty.

    Example:
        - id: overrides
          kind: oversight-overrides
          by: [reviewer]
          direction: to-favourable
          min_share: 0.01
          max_share: 0.25
          severity: medium

    Fields:
        direction: `any`, `to-favourable` (reviews of adverse decisions) or `to-adverse` (of favourable ones).
        min_share: Share overruled below which the check fails; exactly on it passes.
        max_share: Share overruled above which the check fails; exactly on it passes.

    Besides the columns of decisions and protected attributes, `by` may name `reviewer` and `trigger`. The check fails
    where the whole interval lies beyond a bound, and warns where only the share itself does: a few reviews prove
    little.

    A failure can mean: reviewers who trust the system too much, or who have no time; a model that drifted; a new
    instruction to reviewers; or a reviewer who needs training.
    """

    needs: ClassVar[tuple[str, ...]] = ("reviews.outcome", "reviews.completed_ts")

    direction: Literal["any", "to-favourable", "to-adverse"] = "any"
    min_share: float | None = Field(default=None, gt=0, le=1)
    max_share: float | None = Field(default=None, ge=0, lt=1)

    @model_validator(mode="after")
    def _some_bound(self) -> Overrides:
        if self.min_share is None and self.max_share is None:
            raise ValueError("give `min_share`, `max_share` or both")
        if self.min_share is not None and self.max_share is not None and self.min_share > self.max_share:
            raise ValueError("`min_share` is above `max_share`: no share could pass")
        return self

    def statement(self, scope: Scope) -> str:
        of = _OF[self.direction]
        measure = Measure("overridden", "is_override", f"is_override IS NOT NULL AND ({of})", _ALSO)
        return (
            f"WITH reviewed AS ({reviewed(self, scope)}) {shares(self, [measure], 'reviewed')} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        counts = {"reviews": row["records"], "judged": row["n"], "overridden": row["marked"]}
        counts |= {name: row[name] for name in ("to_favourable", "to_adverse", "undecided", "unknown_favourable")}
        reason = None
        if row["n"] == 0 and row["undecided"] == row["records"]:
            reason = f"none of the {row['records']} reviews says whether it overrules"
        elif row["n"] == 0:
            what = "adverse" if self.direction == "to-favourable" else "favourable"
            reason = f"none of the {row['records']} reviews is of a decision that is known to be {what}"
        return observed(row, "overridden_share", counts, reason)

    def limit(self) -> Mapping[str, Any]:
        own = {"direction": self.direction, "min_share": self.min_share, "max_share": self.max_share}
        return {name: value for name, value in own.items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        found = breach(observation, counts["overridden"], self.min_share, self.max_share)
        if found is None:
            return Judgement(Verdict.PASSED, who or None, self.limit())
        low, high = observation.interval or (0.0, 1.0)
        said = f"{counts['overridden']:,} of {n:,} reviews overrule ({observation.value:.1%}, "
        said += f"{found.side} {percent(found.bound)}; 95 % interval {low:.1%} to {high:.1%})"
        verdict = Verdict.FAILED if found.is_certain else Verdict.WARNED
        return Judgement(verdict, f"{who}{said}{'' if found.is_certain else ', which may be chance'}", self.limit())
