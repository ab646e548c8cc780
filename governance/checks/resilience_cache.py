"""Whether the cache answers, and whether it answers what it should not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row
from governance.checks._groups import REQUEST_ID, columns, unattributed
from governance.checks._shares import Ids, Measure, breach, exceeds, observed, shares
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope

HITS, DECIDED, WRONG, OLD = "hits", "decided", "wrong", "old"


class ResilienceCache(Check):
    """Cache: how often it answers, how old its answers are, whether they decide about people, and how many are wrong.

    What is measured, each with its Wilson interval: with `min_hits`, the share of the requests that asked the cache
    and got an answer from it; with `max_decided`, of the requests that led to decisions, the share that was answered
    from a *similar* request (`semantic_hit`); with `max_wrong`, of the answers from the cache that were assessed, the
    share with a score below `good`. A request that was assessed several times counts once, with its mean. With
    `max_age_hours`, of the answers from the cache of which the log holds the first request, the share that was older
    than that when it was given again. The first request is the one that was answered afresh with the same response id,
    or whose own id that is; it may lie long before the window.

    Why it matters: a semantic cache gives one person the answer that was made for another; for a decision about a
    person that is no assessment of their case (12 CFR 1002.9(b)(2) asks for the reasons that were really used), and a
    stored answer outlives the facts that it was made from. A hit rate that falls is cost and latency.

    Example:
        - id: cached-answers
          kind: resilience-cache
          min_hits: 0.2
          max_decided: 0
          score: groundedness
          good: 0.7
          max_wrong: 0.05
          max_age_hours: 24
          severity: high

    Fields:
        min_hits: Share of hits below which the check fails; exactly on it passes.
        max_decided: Share of deciding requests answered by resemblance above which the check fails; exactly on it
            passes, and one request is enough for it.
        score: Name of the assessment by which answers are judged; for `max_wrong`.
        good: Score below which an answer is wrong; exactly so good is right.
        max_wrong: Share of wrong answers above which the check fails, if the whole interval lies above; else it warns.
        max_age_hours: Age above which an answer is too old; exactly so old is not.
        max_old: Share of answers that may be too old; exactly on it passes, none unless given, and one is enough.

    With several limits each group has several findings, told apart by `measure`. Requests whose cache status the log
    does not say are counted apart; those for which no cache was asked (`none`, `disabled`) are no misses. An age can be
    judged only where the log gives a hit the response id of the answer that it repeats, as LiteLLM's does; hits without
    one, or whose first request is not in the store, are counted as `age_unknown`.

    A failure can mean: a similarity threshold that is too low; entries that live too long; a cache in front of a
    decision; or prompts that changed, so that nothing is found.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.cache_status",)

    min_hits: float | None = Field(default=None, gt=0, le=1)
    max_decided: float | None = Field(default=None, ge=0, lt=1)
    score: str | None = None
    good: float | None = None
    max_wrong: float | None = Field(default=None, ge=0, lt=1)
    max_age_hours: float | None = Field(default=None, gt=0)
    max_old: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _some_limit(self) -> ResilienceCache:
        if all(limit is None for limit in (self.min_hits, self.max_decided, self.max_wrong, self.max_age_hours)):
            raise ValueError("give `min_hits`, `max_decided`, `max_wrong` or `max_age_hours`")
        if not (self.score is None) == (self.good is None) == (self.max_wrong is None):
            raise ValueError("`score`, `good` and `max_wrong` belong together")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        own = {"score": self.score, "good": self.good, "max_age_hours": self.max_age_hours}
        return scope.parameters | {name: value for name, value in own.items() if value is not None}

    def statement(self, scope: Scope) -> str:
        measures, scored, joined, score = [], "", "", ""
        if self.min_hits is not None:
            measures.append(Measure(HITS, "is_hit", "is_asked"))
        if self.max_decided is not None:
            measures.append(Measure(DECIDED, "cache_status = 'semantic_hit'", "decides AND cache_status IS NOT NULL"))
        if self.max_wrong is not None:
            measures.append(Measure(WRONG, "score < $good", "is_hit AND score IS NOT NULL"))
            scored = (
                "scored AS (SELECT request_uid, avg(score) AS score FROM assessments WHERE name = $score "
                "AND score IS NOT NULL GROUP BY request_uid), "
            )
            joined, score = " LEFT JOIN scored s ON s.request_uid = r.request_uid", "s.score, "
        age = "CAST(NULL AS DOUBLE) AS age_hours, "
        if self.max_age_hours is not None:
            measures.append(Measure(OLD, "age_hours > $max_age_hours", "is_hit AND age_hours IS NOT NULL"))
            scored += f"first_answers AS ({_first_answers(scope)}), "
            joined += " LEFT JOIN first_answers a ON a.response_id = r.response_id AND a.made_ts <= r.start_ts"
            age = "(epoch_us(r.start_ts) - epoch_us(a.made_ts)) / 3.6e9 AS age_hours, "
        also = (
            "count(*) FILTER (is_hit) AS hits, count(*) FILTER (cache_status = 'semantic_hit') AS semantic_hits, "
            "count(*) FILTER (cache_status IS NULL) AS unknown, "
            "count(*) FILTER (is_hit AND age_hours IS NULL) AS age_unknown, "
            "max(age_hours) FILTER (is_hit) AS oldest_hours"
        )
        ids: Ids = "here" if joined else "again"
        kept = "" if joined else " NOT MATERIALIZED"
        measures = [found._replace(also=also) for found in measures]
        return (
            f"WITH {scored}answers AS{kept} (SELECT {columns(self, scope)}r.cache_status, {score}{age}"
            "r.n_decisions > 0 AS decides, "
            "coalesce(r.cache_status IN ('exact_hit', 'semantic_hit'), false) AS is_hit, "
            "coalesce(r.cache_status IN ('exact_hit', 'semantic_hit', 'miss'), false) AS is_asked, "
            f"{REQUEST_ID} AS id, r.start_ts AS ts FROM {scope.requests()} r{joined}) "
            f"{shares(self, measures, 'answers', ids=ids)} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        counts = {"requests": row["records"], "hits": row["hits"], "semantic_hits": row["semantic_hits"]}
        counts |= {"unknown": row["unknown"], "looked_at": row["n"], "found": row["marked"]}
        if row["measure"] == OLD:
            counts |= {"age_unknown": row["age_unknown"], "oldest_hours": row["oldest_hours"]}
        reason = None
        if row["n"] == 0:
            reason = f"none of the {row['records']} requests {_NOTHING[row['measure']]}"
        return observed(row, _METRICS[row["measure"]], counts, reason)

    def verdict(self, observation: Observation) -> Judgement:
        if observation.metric in (_METRICS[DECIDED], _METRICS[OLD]) and observation.value is not None:
            return self.judge(observation)  # a rule about each request, no estimate
        return super().verdict(observation)

    def limit(self) -> Mapping[str, Any]:
        named = ("min_hits", "max_decided", "score", "good", "max_wrong", "max_age_hours")
        own = {} if self.max_age_hours is None else {"max_old": self.max_old}
        return {name: value for name in named if (value := getattr(self, name)) is not None} | own

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        found, said, verdict = counts["found"], "", Verdict.PASSED
        if observation.metric == _METRICS[HITS]:
            beyond = breach(observation, found, self.min_hits, None)
            if beyond is not None:
                said, verdict = f"{found:,} hits in {n:,} requests, below {beyond.bound:.4g}", Verdict.FAILED
        elif observation.metric == _METRICS[DECIDED]:
            if exceeds(found, n, self.max_decided or 0.0):
                said = f"{found:,} of {n:,} requests that decide were answered from a similar one"
                verdict = Verdict.FAILED
        elif observation.metric == _METRICS[OLD]:
            said = f"{found:,} of {n:,} answers of the cache were older than {self.max_age_hours:g} h"
            said += f"; the oldest {counts['oldest_hours']:.3g} h"
            said += f"; of {counts['age_unknown']:,} more the age is not known" if counts["age_unknown"] else ""
            verdict = Verdict.FAILED if exceeds(found, n, self.max_old) else Verdict.PASSED
        else:
            beyond = breach(observation, found, None, self.max_wrong)
            if beyond is not None:
                said = f"{found:,} of {n:,} assessed answers of the cache have a {self.score} below {self.good:g}"
                said += "" if beyond.is_certain else f" (above {beyond.bound:.4g}), which may be chance"
                verdict = Verdict.FAILED if beyond.is_certain else Verdict.WARNED
        return Judgement(verdict, f"{who}{said}" or None, self.limit())


_METRICS = {
    HITS: "cache_hit_share",
    DECIDED: "semantic_decision_share",
    WRONG: "wrong_cached_share",
    OLD: "old_cached_share",
}
_NOTHING = {
    HITS: "says that it asked a cache",
    DECIDED: "that the log gives a cache status for led to a decision",
    WRONG: "has an answer of the cache that was assessed",
    OLD: "has an answer of the cache that the log shows being made (by the response id of a request before it)",
}


def _first_answers(scope: Scope) -> str:
    """SELECT of the answers that hits in scope repeat: `response_id`, and when each was made."""
    fresh = "requests WHERE coalesce(cache_status NOT IN ('exact_hit', 'semantic_hit'), true)"
    repeated = (
        f"SELECT response_id FROM {scope.requests()} "
        "WHERE cache_status IN ('exact_hit', 'semantic_hit') AND response_id IS NOT NULL"
    )
    named = " UNION ALL ".join(
        f"SELECT {name} AS response_id, coalesce(end_ts, start_ts) AS made_ts FROM {fresh} AND {name} IN ({repeated})"
        for name in ("response_id", "request_id")
    )
    return f"SELECT response_id, min(made_ts) AS made_ts FROM ({named}) GROUP BY response_id"
