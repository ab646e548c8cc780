"""Whether each version was evaluated, and well enough, before it served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from governance.checks import Check, Row
from governance.checks._groups import REQUEST_ID, columns, unattributed
from governance.checks._shares import Measure, exceeds, observed, shares
from governance.findings import Judgement, Observation, Verdict
from governance.scopes import Scope

_OF = {
    "model": ("coalesce(r.model_served, r.model_requested)", "r.model_version", "model", "model_version"),
    "prompt": ("r.prompt_name", "r.prompt_version", "prompt_name", "prompt_version"),
}


class ChangeEvaluated(Check):
    """Change control: whether every request was served by a version that had been evaluated well enough before.

    What is measured: the share of requests whose version of the model (or prompt) had no evaluation on the suite that
    was finished before the request, or whose last one before it was not good enough; with its Wilson interval. The
    counts tell the two apart and give the evaluation that counted last, with its standard error. Requests that name no
    version are counted apart.

    Why it matters: testing is done before use, against metrics and thresholds that were set beforehand (Regulation (EU)
    2024/1689, article 9(8); SR 26-2 on validation before use); a score that comes after the first customers is a trial
    on them.

    Example:
        - id: evaluated-before-use
          kind: change-evaluated
          by: [[model, model_version]]
          suite: triage-regression
          metric: accuracy
          min: 0.9
          severity: high

    Fields:
        of: `model` or `prompt`: whose versions are meant.
        suite: Set of tasks, as the evaluations name it.
        metric: Figure over the scores, as the evaluations name it.
        min: Value below which an evaluation is not good enough; exactly on it is. Or `max` where less is better.
        max: Value above which an evaluation is not good enough; exactly on it is.
        max_days: Days after which an evaluation no longer counts.
        max_share: Share of requests above which the check fails; exactly on it passes.

    An evaluation counts from its end (from its start where the log gives no end), if it ended in success or says
    nothing about it. One request is enough for a verdict, unless `minimum_n` says otherwise. Without any evaluation on
    the suite in the store nothing is assessed: nobody can tell then whether there were none, or whether they were not
    read.

    A failure can mean: a release without tests; tests of another version than the one that was deployed; a version that
    the evaluations spell in another way than the log; or a provider that moved an alias.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.model_version|requests.prompt_version", "evaluations.value")

    of: Literal["model", "prompt"] = "model"
    suite: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    min: float | None = None
    max: float | None = None
    max_days: int | None = Field(default=None, ge=1)
    max_share: float = Field(default=0.0, ge=0, lt=1)
    minimum_n: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _one_limit(self) -> ChangeEvaluated:
        if (self.min is None) == (self.max is None):
            raise ValueError("give `min`, or `max` where less is better")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        own = {"suite": self.suite, "metric": self.metric, "limit": self.max if self.min is None else self.min}
        return scope.parameters | own | ({} if self.max_days is None else {"max_days": self.max_days})

    def statement(self, scope: Scope) -> str:
        name, version, own_name, own_version = _OF[self.of]
        is_good = "e.value <= $limit" if self.min is None else "e.value >= $limit"
        fresh = "" if self.max_days is None else " AND s.ts <= e.done_ts + to_days(CAST($max_days AS INTEGER))"
        also = (
            "count(*) FILTER (version IS NOT NULL AND score IS NULL) AS unevaluated, "
            "count(*) FILTER (version IS NOT NULL AND score IS NOT NULL AND NOT is_good) AS not_good, "
            "max(stored) AS stored, arg_max({'value': score, 'stderr': stderr, 'done': strftime(done_ts, "
            "'%Y-%m-%dT%H:%M:%SZ'), 'samples': samples_done}, (done_ts, id)) FILTER (score IS NOT NULL) AS last"
        )
        measure = Measure("unevaluated", "NOT is_good", "version IS NOT NULL", also)
        return (
            f"WITH ended AS (SELECT {own_name} AS name, {own_version} AS version, value, stderr, "
            "coalesce(completed, samples) AS samples_done, coalesce(ended_ts, started_ts) AS done_ts, evaluation_id "
            "FROM evaluations WHERE suite = $suite AND metric = $metric AND value IS NOT NULL "
            f"AND coalesce(status, 'success') = 'success' AND {own_version} IS NOT NULL), "
            "evaluated AS (SELECT *, lead(done_ts) OVER (PARTITION BY name, version ORDER BY done_ts, evaluation_id) "
            "AS until_ts FROM ended), "
            f"served AS (SELECT {columns(self, scope)}{name} AS name, {version} AS version, {REQUEST_ID} AS id, "
            f"r.start_ts AS ts FROM {scope.requests()} r), "
            f"judged AS (SELECT s.*, e.value AS score, e.stderr, e.samples_done, e.done_ts, k.stored, "
            f"coalesce({is_good}, false) AS is_good FROM served s CROSS JOIN (SELECT count(*) AS stored FROM ended) k "
            "LEFT JOIN evaluated e ON e.name = s.name AND e.version = s.version AND e.done_ts <= s.ts "
            f"AND (e.until_ts IS NULL OR e.until_ts > s.ts){fresh}) "
            f"{shares(self, [measure], 'judged')} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        counts: dict[str, Any] = {"requests": row["records"], "not_evaluated": row["marked"]}
        counts |= {"unevaluated": row["unevaluated"], "not_good": row["not_good"], "last": row["last"]}
        counts["unknown"] = row["records"] - row["n"]
        reason = None
        if row["stored"] == 0:
            reason = f"the store holds no evaluation of a version on '{self.suite}' ({self.metric})"
        elif row["n"] == 0:
            reason = f"none of the {row['records']} requests names the version of its {self.of}"
        return observed(row, "unevaluated_share", counts, reason)

    def limit(self) -> Mapping[str, Any]:
        own = {"min": self.min, "max": self.max, "max_days": self.max_days}
        named = {name: value for name, value in own.items() if value is not None}
        return {"max_share": self.max_share, "suite": self.suite, "metric": self.metric} | named

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        unknown = f"{counts['unknown']} more name no version" if counts["unknown"] else ""
        if exceeds(counts["not_evaluated"], n, self.max_share):
            limit = f"above {self.max:g}" if self.min is None else f"below {self.min:g}"
            causes = [f"{counts['unevaluated']} before an evaluation"] if counts["unevaluated"] else []
            causes += [f"{counts['not_good']} with {self.metric} {limit}"] if counts["not_good"] else []
            last = counts["last"]
            shown = f"; the last one gave {last['value']:.4g} on {last['done']}" if last else ""
            said = f"{counts['not_evaluated']} of {n} requests: {', '.join(causes)}{shown}"
            return Judgement(Verdict.FAILED, f"{who}{said}{'; ' if unknown else ''}{unknown}", self.limit())
        return Judgement(Verdict.PASSED, f"{who}{unknown}" or None, self.limit())
