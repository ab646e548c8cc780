"""Whether a candidate is worse than what it is compared with, in an A/B test or in the shadow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field, model_validator

from governance.checks import Check, Row, above
from governance.checks._groups import REQUEST_ID, columns, grouped, unattributed
from governance.checks._shares import LISTED
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import newcombe, welch


class Yardstick(NamedTuple):
    """What is compared: SQL of a mark for each request, its unit, whether more is worse, whether it is 0 or 1."""

    mark: str
    unit: str
    more_is_worse: bool = True
    is_share: bool = False


_YARDSTICKS = {
    "errors": Yardstick("CASE WHEN r.status IN ('error', 'timeout') THEN 1.0 ELSE 0.0 END", "share", is_share=True),
    "latency": Yardstick("r.latency_us / 1000.0", "ms"),
    "cost": Yardstick("CAST(coalesce(r.cost_reported, r.cost_computed) AS DOUBLE)", "usd"),
    "favourable": Yardstick("f.mark", "share", more_is_worse=False, is_share=True),
    "score": Yardstick("f.mark", "score", more_is_worse=False),
}


class ChangeComparison(Check):
    """Comparison: whether a candidate does worse than what it is to replace, with an interval of the difference.

    What is measured: by how much the requests of the candidate do worse than those it is compared with, in one measure:
    errors and timeouts (share), latency (mean, milliseconds), cost (mean), favourable decisions (share of requests
    whose decisions are all favourable), or an assessment (mean score). The interval is Newcombe's for shares and
    Welch's for means. The candidate is an arm of an experiment, or what answered in the shadow.

    Why it matters: a change is tested before it is used, and against what it replaces (Regulation (EU) 2024/1689,
    article 9(6) and (8); SR 26-2 on outcomes analysis); a difference that chance explains is no reason for or against.

    Example:
        - id: new-prompt-not-worse
          kind: change-comparison
          arm: prompt-5
          against: prompt-4
          of: score
          score: groundedness
          worse_by: 0.02
          minimum_n: 100
          severity: medium

    Fields:
        arm: The candidate's `experiment_arm`.
        against: The arm that it is compared with; for `arm`.
        shadow: Instead of the two: compares what answered in the shadow with what the callers saw.
        of: `errors`, `latency`, `cost`, `favourable` or `score`.
        score: Name of the assessment; for `of: score`.
        worse_by: Difference above which the candidate is worse, in the unit of the measure; exactly on it passes.

    The check fails where the candidate is worse by more than `worse_by` and the interval of the difference lies above
    zero, and warns where chance could explain it. `minimum_n` holds for both sides, and the policy must apply to the
    models of both. The arms are taken to be drawn at random: people who chose an arm are no comparison.

    A failure can mean: a worse candidate; other requests that it was given; or a candidate that is still cold.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.experiment_arm|requests.is_shadow",)

    arm: str | None = None
    against: str | None = None
    shadow: bool = False
    of: Literal["errors", "latency", "cost", "favourable", "score"]
    score: str | None = None
    worse_by: float = Field(ge=0)

    @model_validator(mode="after")
    def _two_sides(self) -> ChangeComparison:
        if self.shadow == (self.arm is not None) or (self.arm is None) != (self.against is None):
            raise ValueError("give `arm` and `against`, or `shadow: true`")
        if self.arm is not None and self.arm == self.against:
            raise ValueError("an arm cannot be compared with itself")
        if (self.of == "score") != (self.score is not None):
            raise ValueError("`of: score` and `score` belong together")
        return self

    @property
    def yardstick(self) -> Yardstick:
        """What is compared."""
        return _YARDSTICKS[self.of]

    def bound(self, scope: Scope) -> dict[str, Any]:
        own = {"arm": self.arm, "against": self.against, "score": self.score}
        return scope.parameters | {name: value for name, value in own.items() if value is not None}

    def statement(self, scope: Scope) -> str:
        is_candidate = "CASE r.experiment_arm WHEN $arm THEN true WHEN $against THEN false END"
        if self.shadow:
            is_candidate = "coalesce(r.is_shadow, false)"
        sign = "" if self.yardstick.more_is_worse else "-"
        sides = {"own": "is_candidate", "other": "NOT is_candidate"}
        figures = ", ".join(
            f"count(mark) FILTER ({which}) AS {side}_n, avg(mark) FILTER ({which}) AS {side}_mean, "
            f"var_samp(mark) FILTER ({which}) AS {side}_variance, count(*) FILTER ({which}) AS {side}_requests"
            for side, which in sides.items()
        )
        value = f"{sign}(avg(mark) FILTER (is_candidate) - avg(mark) FILTER (NOT is_candidate)) AS value"
        worst = "arg_max" if self.yardstick.more_is_worse else "arg_min"
        sides_only = "(SELECT * FROM compared WHERE is_candidate IS NOT NULL)"
        samples = f"{worst}(id, (mark, id), {LISTED}) FILTER (is_candidate AND mark IS NOT NULL) AS samples"
        return (
            f"WITH {self._marks(scope)}compared AS (SELECT {columns(self, scope)}{is_candidate} AS is_candidate, "
            f"{self.yardstick.mark} AS mark, {REQUEST_ID} AS id FROM {scope.requests()} r{self._joined()}) "
            f"{grouped(self, f'{value}, {figures}, {samples}', sides_only)} ORDER BY axis, subject"
        )

    def _marks(self, scope: Scope) -> str:
        """The marks that stand in other tables, one for each request."""
        if self.of == "score":
            return (
                "marks AS (SELECT request_uid, avg(score) AS mark FROM assessments WHERE name = $score "
                "AND score IS NOT NULL GROUP BY request_uid), "
            )
        if self.of == "favourable":
            return (
                "marks AS (SELECT request_uid, min(CASE WHEN favourable THEN 1.0 ELSE 0.0 END) AS mark "
                f"FROM {scope.decisions()} WHERE favourable IS NOT NULL GROUP BY request_uid), "
            )
        return ""

    def _joined(self) -> str:
        is_elsewhere = self.of in ("score", "favourable")
        return " LEFT JOIN marks f ON f.request_uid = r.request_uid" if is_elsewhere else ""

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        k, m = row["own_n"], row["other_n"]
        counts = {
            "requests": row["own_requests"],
            "other_requests": row["other_requests"],
            "marked": k,
            "other_marked": m,
            "mean": row["own_mean"],
            "other_mean": row["other_mean"],
        }
        reason = None
        if not k or not m:
            side, found = ("candidate", row["own_requests"]) if not k else ("other side", row["other_requests"])
            reason = f"none of the {found:,} requests of the {side} has a mark to compare ({self.of})"
        interval = None if reason else self._interval(row)
        value = None if reason else row["value"]
        samples = tuple(row["samples"] or ())
        subject = subject_of(row["subject"])
        unit = self.yardstick.unit
        return Observation(subject, f"{self.of}_worse", value, unit, min(k, m), counts, interval, samples, reason)

    def _interval(self, row: Row) -> tuple[float, float] | None:
        """95 % interval of how much worse the candidate is."""
        sides = [(row[f"{side}_mean"], row[f"{side}_variance"] or 0.0, row[f"{side}_n"]) for side in ("own", "other")]
        worse, better = sides if self.yardstick.more_is_worse else sides[::-1]
        if not self.yardstick.is_share:
            return welch(worse, better)
        (share, _, n), (other, _, m) = worse, better
        return newcombe(round(share * n), n, round(other * m), m)

    def limit(self) -> Mapping[str, Any]:
        own = {"arm": self.arm, "against": self.against, "score": self.score}
        named = {name: value for name, value in own.items() if value is not None}
        return {"of": self.of, "worse_by": self.worse_by} | named | ({"shadow": True} if self.shadow else {})

    def judge(self, observation: Observation) -> Judgement:
        counts, value, who = observation.counts, observation.value or 0.0, unattributed(observation.subject)
        said = f"{self.of}: {counts['mean']:.4g} against {counts['other_mean']:.4g} {self.yardstick.unit}"
        low, high = observation.interval or (0.0, 0.0)
        said += f", worse by {value:.4g} (95 % interval {low:.4g} to {high:.4g})"
        if not above(value, self.worse_by):
            return Judgement(Verdict.PASSED, f"{who}{said}" if value > 0 else who or None, self.limit())
        if observation.interval is None or low <= 0:
            return Judgement(Verdict.WARNED, f"{who}{said}, which may be chance", self.limit())
        return Judgement(Verdict.FAILED, f"{who}{said}, above {self.worse_by:g}", self.limit())
