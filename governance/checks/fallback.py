"""How often a fallback answers, and how good its answers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row, above
from governance.checks._groups import REQUEST_ID, columns, grouped, unattributed
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import newcombe, welch, wilson
from governance.wording import percent

SHARE, QUALITY = "share", "quality"
_KNOWN = (
    "count(*) AS requests, count(*) FILTER (by_fallback) AS fallbacks, count(*) FILTER (NOT by_fallback) AS others, "
    "arg_min(id, (ts, id), 10) FILTER (by_fallback) AS samples"
)
_COMPARED = ", ".join(
    f"coalesce(sum(marks) FILTER ({which}), 0) AS {prefix}marks, sum(total) FILTER ({which}) AS {prefix}total, "
    f"sum(total) FILTER ({which}) / sum(marks) FILTER ({which}) AS {prefix}mean, "
    f"var_samp(total) FILTER ({which} AND marks = 1) AS {prefix}variance"
    for prefix, which in (("", "by_fallback"), ("other_", "NOT by_fallback"))
)
_VALUES = {
    SHARE: "count(*) FILTER (by_fallback) / nullif(count(by_fallback), 0)",
    QUALITY: "sum(total) FILTER (NOT by_fallback) / sum(marks) FILTER (NOT by_fallback) "
    "- sum(total) FILTER (by_fallback) / sum(marks) FILTER (by_fallback)",
}


class Fallback(Check):
    """Fallbacks: how often another model than the intended one answers, and whether its answers are worse.

    What is measured: with `max_share`, the share of requests that a fallback answered, with its Wilson interval; with
    `worse_by`, how far the answers of the fallback stay behind the others: in the mean of an assessment `score`
    (interval by Welch), or without one in the share of favourable decisions (interval by Newcombe). A request counts as
    answered by a fallback if the log says so: `fallbacks` above 0, a decision whose deciding stage is `fallback`, or,
    where `fallbacks` is not logged, a `fallback_from`. Requests whose log does not say are counted apart.

    Why it matters: redundancy keeps a service up (Regulation (EU) 2024/1689, article 15(4)) while latency and errors
    stay green; only a comparison shows that people were treated worse meanwhile (NIST AI RMF, MANAGE 2.4).

    Example:
        - id: fallback-quality
          kind: fallback
          max_share: 0.05
          worse_by: 0.05
          score: groundedness
          per: week
          minimum_n: 20
          severity: high

    Fields:
        max_share: Share of the requests above which the check fails; exactly on it passes.
        worse_by: Difference to the other answers above which the check fails; exactly on it passes.
        score: Name of the assessment that `worse_by` compares; the favourable share of decisions without it.

    With both limits each group has two findings, told apart by `measure`. For `worse_by`, `minimum_n` holds for the
    answers of the fallback and for the others alike; a request that was assessed several times counts once, with its
    mean. The policy must apply to the models that stand in, or their answers are not seen.

    A failure can mean: an outage or a rate limit upstream; a circuit breaker that does not close again; a model that is
    no fit substitute; or prompts that only the first model understands.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.fallbacks|decisions.deciding_stage",)

    max_share: float | None = Field(default=None, ge=0, lt=1)
    worse_by: float | None = Field(default=None, ge=0)
    score: str | None = None

    @model_validator(mode="after")
    def _some_limit(self) -> Fallback:
        if self.max_share is None and self.worse_by is None:
            raise ValueError("give `max_share`, `worse_by` or both")
        if self.score is not None and self.worse_by is None:
            raise ValueError("`score` is what `worse_by` compares; give that too")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | ({"score": self.score} if self.score is not None else {})

    def statement(self, scope: Scope) -> str:
        wanted = {SHARE: self.max_share, QUALITY: self.worse_by}
        measures = [measure for measure, limit in wanted.items() if limit is not None]
        compared = f", {_COMPARED}" if self.worse_by is not None else ""
        judged, joined = "", ""
        if self.worse_by is not None:
            judged = f"judged AS ({self._judged(scope)}), "
            joined = "LEFT JOIN judged j ON j.request_uid = r.request_uid"
        parts = [
            grouped(
                self,
                f"'{measure}' AS measure, {_VALUES[measure]} AS value, {_KNOWN}{compared}",
                "answers",
                measure=measure if len(measures) > 1 else None,
            )
            for measure in measures
        ]
        return (
            # Only a fallback, or a request that does not say it itself, makes a decision's stage worth looking up
            "WITH fallbacks AS (SELECT DISTINCT request_uid FROM decisions WHERE deciding_stage = 'fallback'), "
            f"silent AS (SELECT request_uid FROM {scope.requests()} r WHERE r.fallbacks IS NULL), "
            "staged AS (SELECT DISTINCT d.request_uid FROM decisions d SEMI JOIN silent s "
            "ON s.request_uid = d.request_uid WHERE d.deciding_stage IS NOT NULL), "
            f"{judged}answers AS (SELECT {columns(self, scope)}CASE WHEN r.fallbacks > 0 OR f.request_uid IS NOT NULL "
            "OR (r.fallbacks IS NULL AND r.fallback_from IS NOT NULL) THEN true "
            "WHEN r.fallbacks = 0 OR t.request_uid IS NOT NULL THEN false END AS by_fallback, "
            f"{'j.total, j.marks, ' if joined else ''}{REQUEST_ID} AS id, r.start_ts AS ts FROM {scope.requests()} r "
            "LEFT JOIN fallbacks f ON f.request_uid = r.request_uid "
            f"LEFT JOIN staged t ON t.request_uid = r.request_uid {joined}) "
            f"{' UNION ALL '.join(parts)} ORDER BY axis, subject"
        )

    def _judged(self, scope: Scope) -> str:
        """What is compared, for each request: the sum and the number of its marks."""
        if self.score is not None:
            return (
                "SELECT request_uid, avg(score) AS total, 1 AS marks FROM assessments "
                "WHERE name = $score AND score IS NOT NULL GROUP BY request_uid"
            )
        everywhere = replace(scope, filters={}, predicates=())  # which requests are meant is said by the requests
        return (
            "SELECT request_uid, sum(CASE WHEN favourable THEN 1.0 ELSE 0.0 END) AS total, count(*) AS marks "
            f"FROM {everywhere.decisions()} WHERE favourable IS NOT NULL GROUP BY request_uid"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._difference(row) if row["measure"] == QUALITY else self._share(row) for row in rows]

    def _share(self, row: Row) -> Observation:
        n, fallbacks = row["fallbacks"] + row["others"], row["fallbacks"]
        counts = {"requests": row["requests"], "fallbacks": fallbacks, "unknown": row["requests"] - n}
        reason = f"the log of {row['requests']} requests does not say whether a fallback answered" if n == 0 else None
        interval = wilson(fallbacks, n) if n else None
        samples = tuple(row["samples"] or ())
        subject = subject_of(row["subject"])
        return Observation(subject, "fallback_share", row["value"], "share", n, counts, interval, samples, reason)

    def _difference(self, row: Row) -> Observation:
        k, m = row["marks"], row["other_marks"]
        counts: dict[str, Any] = {
            "requests": row["requests"],
            "fallbacks": row["fallbacks"],
            "unknown": row["requests"] - row["fallbacks"] - row["others"],
            "fallbacks_judged": k,
            "others_judged": m,
            "fallback_mean": row["mean"],
            "other_mean": row["other_mean"],
        }
        reason = self._why_no_difference(row)
        interval = None
        if reason is None and self.score is not None:
            own = (row["mean"], row["variance"] or 0.0, k)
            interval = welch((row["other_mean"], row["other_variance"] or 0.0, m), own)
        elif reason is None:
            counts |= {"fallbacks_favourable": round(row["total"]), "others_favourable": round(row["other_total"])}
            interval = newcombe(counts["others_favourable"], m, counts["fallbacks_favourable"], k)
        metric = "favourable_share_lost" if self.score is None else f"{self.score}_lost"
        unit = "share" if self.score is None else "score"
        samples = tuple(row["samples"] or ())
        subject = subject_of(row["subject"])
        return Observation(subject, metric, row["value"], unit, min(k, m), counts, interval, samples, reason)

    def _why_no_difference(self, row: Row) -> str | None:
        what = "decision" if self.score is None else f"'{self.score}' assessment"
        if row["fallbacks"] + row["others"] == 0:
            return f"the log of {row['requests']} requests does not say whether a fallback answered"
        if row["marks"] == 0:
            return f"no {what} of an answer of a fallback ({row['fallbacks']} fallbacks)"
        if row["other_marks"] == 0:
            return f"no {what} of an answer without a fallback ({row['others']} of them)"
        return None

    def limit(self) -> Mapping[str, Any]:
        own = {"max_share": self.max_share, "worse_by": self.worse_by, "score": self.score}
        return {name: value for name, value in own.items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        counts, who = observation.counts, unattributed(observation.subject)
        if observation.metric == "fallback_share":
            limit = Fraction(str(self.max_share))  # there is one, or nothing would have been measured
            said = f"a fallback answered {counts['fallbacks']:,} of {observation.n:,} requests"
            if counts["unknown"]:
                said += f"; the log does not say for {counts['unknown']} more"
            if Fraction(counts["fallbacks"], observation.n) > limit:
                reason = f"{who}{said} ({observation.value:.1%}, above {percent(float(limit))})"
                return Judgement(Verdict.FAILED, reason, self.limit())
            return Judgement(Verdict.PASSED, f"{who}{said}" if who or counts["unknown"] else None, self.limit())
        value = observation.value or 0.0
        if above(value, self.worse_by or 0.0):
            reason = (
                f"{who}{counts['fallback_mean']:.3g} from the fallback against {counts['other_mean']:.3g} otherwise: "
                f"{value:.3g} worse, above {self.worse_by:g}"
            )
            return Judgement(Verdict.FAILED, reason, self.limit())
        return Judgement(Verdict.PASSED, who or None, self.limit())
