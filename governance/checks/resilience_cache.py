"""Whether the cache answers, and whether it answers what it should not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row
from governance.checks._groups import REQUEST_ID, columns, unattributed
from governance.checks._shares import Measure, breach, exceeds, observed, shares
from governance.findings import Judgement, Observation, Verdict
from governance.scopes import Scope

HITS, DECIDED, WRONG = "hits", "decided", "wrong"


class ResilienceCache(Check):
    """Cache: how often it answers, whether it decides about people by resemblance, and how often it is wrong.

    What is measured, each with its Wilson interval: with `min_hits`, the share of the requests that asked the cache
    and got an answer from it; with `max_decided`, of the requests that led to decisions, the share that was answered
    from a *similar* request (`semantic_hit`); with `max_wrong`, of the answers from the cache that were assessed, the
    share with a score below `good`. A request that was assessed several times counts once, with its mean.

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
          severity: high

    Fields:
        min_hits: Share of hits below which the check fails; exactly on it passes.
        max_decided: Share of deciding requests answered by resemblance above which the check fails; exactly on it
            passes, and one request is enough for it.
        score: Name of the assessment by which answers are judged; for `max_wrong`.
        good: Score below which an answer is wrong; exactly so good is right.
        max_wrong: Share of wrong answers above which the check fails, if the whole interval lies above; else it warns.

    With several limits each group has several findings, told apart by `measure`. Requests whose cache status the log
    does not say are counted apart; those for which no cache was asked (`none`, `disabled`) are no misses.

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

    @model_validator(mode="after")
    def _some_limit(self) -> ResilienceCache:
        if self.min_hits is None and self.max_decided is None and self.max_wrong is None:
            raise ValueError("give `min_hits`, `max_decided` or `max_wrong`")
        if not (self.score is None) == (self.good is None) == (self.max_wrong is None):
            raise ValueError("`score`, `good` and `max_wrong` belong together")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | ({} if self.score is None else {"score": self.score, "good": self.good})

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
        also = (
            "count(*) FILTER (is_hit) AS hits, count(*) FILTER (cache_status = 'semantic_hit') AS semantic_hits, "
            "count(*) FILTER (cache_status IS NULL) AS unknown"
        )
        return (
            f"WITH {scored}answers AS (SELECT {columns(self, scope)}r.cache_status, {score}"
            "r.n_decisions > 0 AS decides, "
            "coalesce(r.cache_status IN ('exact_hit', 'semantic_hit'), false) AS is_hit, "
            "coalesce(r.cache_status IN ('exact_hit', 'semantic_hit', 'miss'), false) AS is_asked, "
            f"{REQUEST_ID} AS id, r.start_ts AS ts FROM {scope.requests()} r{joined}) "
            f"{shares(self, [found._replace(also=also) for found in measures], 'answers')} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        counts = {"requests": row["records"], "hits": row["hits"], "semantic_hits": row["semantic_hits"]}
        counts |= {"unknown": row["unknown"], "looked_at": row["n"], "found": row["marked"]}
        reason = None
        if row["n"] == 0:
            reason = f"none of the {row['records']} requests {_NOTHING[row['measure']]}"
        return observed(row, _METRICS[row["measure"]], counts, reason)

    def verdict(self, observation: Observation) -> Judgement:
        if observation.metric == _METRICS[DECIDED] and observation.value is not None:
            return self.judge(observation)  # a rule about each request, no estimate
        return super().verdict(observation)

    def limit(self) -> Mapping[str, Any]:
        named = ("min_hits", "max_decided", "score", "good", "max_wrong")
        return {name: value for name in named if (value := getattr(self, name)) is not None}

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        found, said, verdict = counts["found"], "", Verdict.PASSED
        if observation.metric == _METRICS[HITS]:
            beyond = breach(observation, found, self.min_hits, None)
            if beyond is not None:
                said, verdict = f"{found} hits in {n} requests, below {beyond.bound:.4g}", Verdict.FAILED
        elif observation.metric == _METRICS[DECIDED]:
            if exceeds(found, n, self.max_decided or 0.0):
                said = f"{found} of {n} requests that decide were answered from a similar one"
                verdict = Verdict.FAILED
        else:
            beyond = breach(observation, found, None, self.max_wrong)
            if beyond is not None:
                said = f"{found} of {n} assessed answers of the cache have a {self.score} below {self.good:g}"
                said += "" if beyond.is_certain else f" (above {beyond.bound:.4g}), which may be chance"
                verdict = Verdict.FAILED if beyond.is_certain else Verdict.WARNED
        return Judgement(verdict, f"{who}{said}" or None, self.limit())


_METRICS = {HITS: "cache_hit_share", DECIDED: "semantic_decision_share", WRONG: "wrong_cached_share"}
_NOTHING = {
    HITS: "says that it asked a cache",
    DECIDED: "that the log gives a cache status for led to a decision",
    WRONG: "has an answer of the cache that was assessed",
}
