"""Whether people who were served by a fallback or a cache were treated like the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from governance.checks import Check, Row, above
from governance.checks._groups import columns, decided, grouped, unattributed
from governance.checks._references import own_columns
from governance.engines.duckdb import literal
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.sample_ids import ids
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import newcombe, welch
from governance.wording import points

Route = Literal["fallback", "cache"]
KEY = "served_by"

# A route that the log says for the decision itself comes before what it says for the request.
_ROUTES = (
    "CASE WHEN d.deciding_stage = 'fallback' OR r.fallbacks > 0 "
    "OR (r.fallbacks IS NULL AND r.fallback_from IS NOT NULL) THEN true "
    "WHEN r.fallbacks = 0 OR d.deciding_stage IS NOT NULL THEN false END AS by_fallback, "
    "CASE WHEN d.deciding_stage = 'cache' OR r.cache_status IN ('exact_hit', 'semantic_hit') THEN true "
    "WHEN r.cache_status IS NOT NULL OR d.deciding_stage IS NOT NULL THEN false END AS by_cache, "
    "coalesce(d.deciding_stage IN ('rule', 'human'), false) AS by_other"
)


class Service(Check):
    """Service: were people whose decision came from a fallback or a cache treated like those served by the model?

    What is measured: the share of favourable decisions among those that a fallback (or a cache) served, less the share
    among those that the intended model served afresh, with the interval of Newcombe; with `score` the difference of the
    means of an assessment instead, with the interval of Welch. With `by` within each group, so that nobody is compared
    with other kinds of people. Beside it: the share of each group that was served in that way. Decisions of a rule or a
    person are left out; those whose route the log does not say are counted as `unknown`. A decision's route is its
    deciding stage, else the fallbacks and the cache status of its request.

    Why it matters: whether someone meets the model, its substitute or an old answer is an accident of the hour; their
    treatment must not depend on it (Regulation (EU) 2024/1689, article 15(4); NIST AI RMF, MEASURE 2.11). A cached
    answer to somebody else's question is a decision on the wrong facts.

    Example:
        - id: same-treatment-by-fallback
          kind: fairness-service
          by: [[], sex]
          served_by: [fallback, cache]
          max_difference: 0.05
          minimum_n: 30
          severity: high

    Fields:
        served_by: `fallback`, `cache` or both; each has a finding of its own.
        max_difference: Difference, either way, above which the check fails; exactly on it passes.
        score: Name of an assessment that is compared instead of the favourable share; a request that was assessed
            several times counts with its mean.

    `minimum_n` holds for those served in that way and for the others. A difference above the limit whose interval holds
    no difference at all is a warning. For requests without decisions, such as chats, see `fallback`.

    A failure can mean: the substitute has another threshold or prompt; outages fall on hours at which other people
    apply (look at `per: hour`); or a cache whose key leaves out what matters.
    """

    needs: ClassVar[tuple[str, ...]] = ("requests.fallbacks|requests.cache_status",)

    served_by: tuple[Route, ...] = Field(default=("fallback", "cache"), min_length=1)
    max_difference: float = Field(ge=0)
    score: str | None = None

    @field_validator("served_by")
    @classmethod
    def _each_once(cls, value: tuple[Route, ...]) -> tuple[Route, ...]:
        return tuple(dict.fromkeys(value))

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | ({"score": self.score} if self.score is not None else {})

    def statement(self, scope: Scope) -> str:
        mark, joined = "CASE WHEN d.favourable THEN 1.0 WHEN NOT d.favourable THEN 0.0 END", ""
        if self.score is not None:
            mark, joined = "a.score", " LEFT JOIN judged a ON a.request_uid = d.request_uid"
        judged = (
            "judged AS (SELECT request_uid, avg(score) AS score FROM assessments "
            "WHERE name = $score AND score IS NOT NULL GROUP BY request_uid), "
        )
        parts = " UNION ALL ".join(self._route(route) for route in self.served_by)
        return (
            f"WITH {judged if joined else ''}records AS (SELECT {columns(self, scope)}{mark} AS mark, {_ROUTES}, "
            f"d.decision_ts AS ts, d.decision_id AS id FROM {decided(self, scope)} "
            f"LEFT JOIN requests r ON r.request_uid = d.request_uid{joined}){self._cells()} "
            f"SELECT * FROM ({parts}) ORDER BY axis, subject"
        )

    @property
    def _source(self) -> str:
        return "cells" if self.score is None else "records"

    def _cells(self) -> str:
        """Where marks are 0 or 1, equal records are counted once: all records are not kept in memory for each axis."""
        if self.score is not None:
            return ""
        return (
            f", cells AS (SELECT {own_columns(self)}mark, by_fallback, by_cache, by_other, count(*) AS n, "
            "min({'mark': mark, 'ts': ts, 'id': id}, 10) AS samples FROM records GROUP BY ALL)"
        )

    def _route(self, route: Route) -> str:
        """One row for each group: those that the route served beside those that none did."""
        other = "by_cache" if route == "fallback" else "by_fallback"
        ways = (
            f"CASE WHEN by_other THEN NULL WHEN by_{route} THEN true "
            f"WHEN NOT by_{route} AND NOT coalesce({other}, false) THEN false END AS served"
        )
        own = self.model_copy(update={"by": tuple((*axis, KEY) for axis in self.axes)})
        source = f"(SELECT *, {literal(route)} AS group_{KEY}, {ways}, by_{route} AS way FROM {self._source})"
        figures = grouped(own, _FIGURES if self.score is not None else _COUNTED, source)
        return f"SELECT *, '{route}' AS route, mean - other_mean AS value FROM ({figures})"

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        k, m = row["marks"], row["other_marks"]
        named = ("decisions", "served", "others", "unknown", "elsewhere")
        counts: dict[str, Any] = {name: row[name] for name in named}
        compared = row["served"] + row["others"]
        counts |= {"served_share": row["served"] / compared if compared else None}
        counts |= {"served_judged": k, "others_judged": m, "served_mean": row["mean"], "others_mean": row["other_mean"]}
        reason, interval = self._why_no_difference(row), None
        if reason is None and self.score is not None and (row["variance"] or row["other_variance"]):
            own = (row["mean"], row["variance"] or 0.0, k)
            interval = welch(own, (row["other_mean"], row["other_variance"] or 0.0, m))
        elif reason is None and self.score is None:
            counts |= {"served_favourable": round(row["total"]), "others_favourable": round(row["other_total"])}
            interval = newcombe(counts["served_favourable"], k, counts["others_favourable"], m)
        metric, unit = ("favourable_share_difference", "share") if self.score is None else ("score_difference", "score")
        samples, value = ids(row["samples"]), row["value"] if reason is None else None
        subject = subject_of(row["subject"])
        return Observation(subject, metric, value, unit, min(k, m), counts, interval, samples, reason)

    def _why_no_difference(self, row: Row) -> str | None:
        what = "says whether it was favourable" if self.score is None else f"has an assessment '{self.score}'"
        route = f"a {row['route']}"
        if row["served"] + row["others"] == 0:
            return f"the log of {row['decisions']} decisions does not say whether {route} served them"
        if row["served"] == 0:
            return f"{route} served none of the {row['served'] + row['others']} decisions"
        if row["marks"] == 0:
            return f"none of the {row['served']} decisions that {route} served {what}"
        if row["other_marks"] == 0:
            return f"none of the {row['others']} decisions that the model served afresh {what}"
        return None

    def limit(self) -> Mapping[str, Any]:
        own = {"max_difference": self.max_difference, "score": self.score}
        return {name: value for name, value in own.items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        counts, who = observation.counts, unattributed(observation.subject)
        form = ".1%" if self.score is None else ".3g"  # shares of favourable decisions, or means of a score
        said = f"{counts['served_mean']:{form}} for the {counts['served_judged']} served in that way, "
        said += f"{counts['others_mean']:{form}} for {counts['others_judged']} others"
        if not self._is_beyond(observation):
            return Judgement(Verdict.PASSED, f"{who}{said}" if who else None, self.limit())
        limit = points(self.max_difference) if self.score is None else f"{self.max_difference:g}"
        reason = f"{who}{said}: more than {limit} apart"
        if observation.interval is not None and observation.interval[0] <= 0 <= observation.interval[1]:
            return Judgement(Verdict.WARNED, f"{reason}, which may be chance", self.limit())
        return Judgement(Verdict.FAILED, reason, self.limit())

    def _is_beyond(self, observation: Observation) -> bool:
        counts = observation.counts
        if self.score is not None:
            return above(abs(observation.value or 0.0), self.max_difference)
        own = Fraction(counts["served_favourable"], counts["served_judged"])
        other = Fraction(counts["others_favourable"], counts["others_judged"])
        return abs(own - other) > Fraction(str(self.max_difference))


_FIGURES = (
    "count(*) AS decisions, count(*) FILTER (served) AS served, count(*) FILTER (NOT served) AS others, "
    "count(*) FILTER (NOT by_other AND way IS NULL) AS unknown, count(*) FILTER (by_other) AS elsewhere, "
    + ", ".join(
        f"count(mark) FILTER ({which}) AS {prefix}marks, sum(mark) FILTER ({which}) AS {prefix}total, "
        f"avg(mark) FILTER ({which}) AS {prefix}mean, var_samp(mark) FILTER ({which}) AS {prefix}variance"
        for prefix, which in (("", "served"), ("other_", "NOT served"))
    )
    + ", arg_min({'ts': ts, 'id': id}, (mark, ts, id), 10) FILTER (served AND mark IS NOT NULL) AS samples"
)


def _sum(name: str, condition: str) -> str:
    return f"CAST(coalesce(sum(n) FILTER ({condition}), 0) AS BIGINT) AS {name}"


# The same of cells; nobody reads the variance of shares
_COUNTED = (
    ", ".join(
        _sum(name, condition)
        for name, condition in (
            ("decisions", "true"),
            ("served", "served"),
            ("others", "NOT served"),
            ("unknown", "NOT by_other AND way IS NULL"),
            ("elsewhere", "by_other"),
            ("marks", "served AND mark IS NOT NULL"),
            ("other_marks", "NOT served AND mark IS NOT NULL"),
        )
    )
    + ", "
    + ", ".join(
        f"sum(mark * n) FILTER ({which}) AS {prefix}total, "
        f"sum(mark * n) FILTER ({which}) / nullif(sum(n) FILTER ({which} AND mark IS NOT NULL), 0) AS {prefix}mean"
        for prefix, which in (("", "served"), ("other_", "NOT served"))
    )
    + ", list_transform(list_sort(flatten(list(samples) FILTER (served AND mark IS NOT NULL)))[:10], "
    "lambda one: {'ts': one.ts, 'id': one.id}) AS samples"
)
