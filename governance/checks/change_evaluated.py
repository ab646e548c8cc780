"""Whether each version was evaluated, and well enough, before it served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from governance.checks import Check, Row, above, below
from governance.checks._groups import REQUEST_ID, columns, unattributed
from governance.checks._shares import LISTED, Measure, exceeds, observed, shares
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql
from governance.measurement.statistics import Z95

_OF = {
    "model": ("coalesce(r.model_served, r.model_requested)", "r.model_version", "model", "model_version"),
    "prompt": ("r.prompt_name", "r.prompt_version", "prompt_name", "prompt_version"),
}


class ChangeEvaluated(Check):
    """Change control: whether each served version had been evaluated, and well enough, before its first request.

    What is measured: for each version of a model (or prompt) that served in the window, the figure of its last
    evaluation on the suite that was finished before its first request (in the window or earlier), with the 95 %
    interval that its standard error gives. A version that no evaluation was finished for by then fails without a
    figure.

    With `by`, the share of the requests of each group whose version had no such evaluation before the request, or whose
    last one before it was not good enough, with its Wilson interval: there a later evaluation heals what comes after
    it. The counts tell the two apart and give the evaluation that counted last. Requests that name no version are
    counted apart.

    Why it matters: testing is done before use, against metrics and thresholds that were set beforehand (Regulation (EU)
    2024/1689, article 9(8); SR 26-2 on validation before use); a score that comes after the first customers is a trial
    on them.

    Example:
        - id: evaluated-before-use
          kind: change-evaluated
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
        max_share: Share of requests above which the check fails; exactly on it passes. For checks with `by`, which may
            be `[[]]` for all requests together.

    An evaluation counts from its end (from its start where the log gives no end), if it ended in success or says
    nothing about it. The first request of a version is the first one stored that the policy applies to; n is its
    requests in the window. One request is enough for a verdict, unless `minimum_n` says otherwise. Without any
    evaluation on the suite in the store nothing is assessed: nobody can tell then whether there were none, or whether
    they were not read.

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
        if not self.by and (self.per or self.max_share):
            raise ValueError("without `by` the subjects are versions: `per` and `max_share` are for shares of requests")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        own = {"suite": self.suite, "metric": self.metric, "limit": self.max if self.min is None else self.min}
        own |= {} if self.max_days is None else {"max_days": self.max_days}
        return scope.with_past().parameters | own

    def _ended(self) -> str:
        """SELECT of the evaluations that count."""
        _, _, own_name, own_version = _OF[self.of]
        return (
            f"SELECT {own_name} AS name, {own_version} AS version, value, stderr, coalesce(completed, samples) AS "
            "samples_done, coalesce(ended_ts, started_ts) AS done_ts, evaluation_id FROM evaluations "
            "WHERE suite = $suite AND metric = $metric AND value IS NOT NULL "
            f"AND coalesce(status, 'success') = 'success' AND {own_version} IS NOT NULL"
        )

    def statement(self, scope: Scope) -> str:
        return self._shares(scope) if self.by else self._versions(scope)

    def _versions(self, scope: Scope) -> str:
        """Each version that served, and its last evaluation before its first request."""
        name, version, _, _ = _OF[self.of]
        served = f"SELECT {name} AS name, {version} AS version, r.start_ts AS ts"
        both = scope.with_past()
        fresh = "" if self.max_days is None else " AND s.first_ts <= e.done_ts + to_days(CAST($max_days AS INTEGER))"
        seen = f"e.done_ts <= s.first_ts{fresh}"
        figures = ", ".join(
            f"arg_max({column}, (e.done_ts, e.evaluation_id)) FILTER ({seen}) AS {shown}"
            for column, shown in (("e.value", "value"), ("{'n': e.samples_done, 'stderr': e.stderr}", "evaluation"))
        )
        subject = subject_sql([self.of, f"{self.of}_version"], ["s.name", "s.version"])
        return (
            f"WITH ended AS ({self._ended()}), "
            f"earlier AS (SELECT name, version, min(ts) AS ts FROM ({served} FROM {both.requests(reference=True)} r) "
            "GROUP BY name, version), "
            "served AS (SELECT name, version, count(*) AS n, min(ts) AS ts, "
            f"arg_min(id, (ts, id), {LISTED}) AS samples FROM ({served}, {REQUEST_ID} AS id FROM {scope.requests()} r) "
            "GROUP BY name, version), "
            "first AS (SELECT s.* EXCLUDE (ts), least(s.ts, e.ts) AS first_ts FROM served s LEFT JOIN earlier e "
            "ON e.name = s.name AND e.version = s.version WHERE s.name IS NOT NULL OR s.version IS NOT NULL) "
            f"SELECT 0 AS axis, {subject} AS subject, {figures}, any_value(s.n) AS n, "
            "bool_and(s.version IS NOT NULL) AS is_named, any_value(k.stored) AS stored, "
            f"{_moment('any_value(s.first_ts)')} AS first_request, "
            f"{_moment(f'max(e.done_ts) FILTER ({seen})')} AS done, "
            f"{_moment('min(e.done_ts) FILTER (e.done_ts > s.first_ts)')} AS later, any_value(s.samples) AS samples "
            "FROM first s CROSS JOIN (SELECT count(*) AS stored FROM ended) k "
            "LEFT JOIN ended e ON e.name = s.name AND e.version = s.version GROUP BY s.name, s.version ORDER BY subject"
        )

    def _shares(self, scope: Scope) -> str:
        """The share of the requests of each group that came without a good evaluation before them."""
        name, version, _, _ = _OF[self.of]
        is_good = "e.value <= $limit" if self.min is None else "e.value >= $limit"
        fresh = "" if self.max_days is None else " AND s.ts <= e.done_ts + to_days(CAST($max_days AS INTEGER))"
        also = (
            "count(*) FILTER (version IS NOT NULL AND score IS NULL) AS unevaluated, "
            "count(*) FILTER (version IS NOT NULL AND score IS NOT NULL AND NOT is_good) AS not_good, "
            f"max(stored) AS stored, arg_max({{'value': score, 'stderr': stderr, 'done': {_moment('done_ts')}, "
            "'samples': samples_done}, (done_ts, id)) FILTER (score IS NOT NULL) AS last"
        )
        measure = Measure("unevaluated", "NOT is_good", "version IS NOT NULL", also)
        return (
            f"WITH ended AS ({self._ended()}), evaluated AS (SELECT *, lead(done_ts) OVER (PARTITION BY name, version "
            "ORDER BY done_ts, evaluation_id) AS until_ts FROM ended), "
            f"served AS (SELECT {columns(self, scope)}{name} AS name, {version} AS version, {REQUEST_ID} AS id, "
            f"r.start_ts AS ts FROM {scope.requests()} r), "
            f"judged AS (SELECT s.*, e.value AS score, e.stderr, e.samples_done, e.done_ts, k.stored, "
            f"coalesce({is_good}, false) AS is_good FROM served s CROSS JOIN (SELECT count(*) AS stored FROM ended) k "
            "LEFT JOIN evaluated e ON e.name = s.name AND e.version = s.version AND e.done_ts <= s.ts "
            f"AND (e.until_ts IS NULL OR e.until_ts > s.ts){fresh}) "
            f"{shares(self, [measure], 'judged')} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._share(row) if self.by else self._version(row) for row in rows]

    def _version(self, row: Row) -> Observation:
        found = row["evaluation"] or {"n": None, "stderr": None}
        value, error = row["value"], found["stderr"]
        counts: dict[str, Any] = {"requests": row["n"], "tasks": found["n"], "stderr": error}
        counts |= {name: row[name] for name in ("first_request", "done", "later")}
        reason = None
        if not row["is_named"]:
            reason = f"{row['n']} requests do not name the version of their {self.of}"
        elif row["stored"] == 0:
            reason = f"the store holds no evaluation of a version on '{self.suite}' ({self.metric})"
        value = None if reason else value
        interval = None if value is None or error is None else (value - Z95 * error, value + Z95 * error)
        subject, samples = subject_of(row["subject"]), tuple(row["samples"] or ())
        return Observation(subject, self.metric, value, "score", row["n"], counts, interval, samples, reason)

    def verdict(self, observation: Observation) -> Judgement:
        """As for every check; but a version that was not evaluated in time fails without a figure."""
        is_missing = not self.by and observation.value is None and observation.reason is None
        if is_missing and observation.n >= self.minimum_n:
            counts = observation.counts
            days = "" if self.max_days is None else f" within the {self.max_days} days"
            said = f"first served on {counts['first_request']}, and no evaluation on '{self.suite}' ({self.metric})"
            later = f"; the first one after it on {counts['later']}" if counts["later"] else ""
            return Judgement(Verdict.FAILED, f"{said} was done{days} before{later}", self.limit())
        return super().verdict(observation)

    def _share(self, row: Row) -> Observation:
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
        share = {"max_share": self.max_share} if self.by else {}
        return share | {"suite": self.suite, "metric": self.metric} | named

    def judge(self, observation: Observation) -> Judgement:
        return self._judge_share(observation) if self.by else self._judge_version(observation)

    def _judge_version(self, observation: Observation) -> Judgement:
        value, counts = observation.value or 0.0, observation.counts
        said = f"{self.metric} was {value:.4g} on {counts['done']}, first served on {counts['first_request']}"
        if self.min is not None and below(value, self.min):
            return Judgement(Verdict.FAILED, f"{said}: below {self.min:g}", self.limit())
        if self.max is not None and above(value, self.max):
            return Judgement(Verdict.FAILED, f"{said}: above {self.max:g}", self.limit())
        return Judgement(Verdict.PASSED, None, self.limit())

    def _judge_share(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        unknown = f"{counts['unknown']} more name no version" if counts["unknown"] else ""
        if exceeds(counts["not_evaluated"], n, self.max_share):
            limit = f"above {self.max:g}" if self.min is None else f"below {self.min:g}"
            causes = [f"{counts['unevaluated']} before an evaluation"] if counts["unevaluated"] else []
            causes += [f"{counts['not_good']} with {self.metric} {limit}"] if counts["not_good"] else []
            last = counts["last"]
            shown = f"; the last one gave {last['value']:.4g} on {last['done']}" if last else ""
            said = f"{counts['not_evaluated']:,} of {n:,} requests: {', '.join(causes)}{shown}"
            return Judgement(Verdict.FAILED, f"{who}{said}{'; ' if unknown else ''}{unknown}", self.limit())
        return Judgement(Verdict.PASSED, f"{who}{unknown}" or None, self.limit())


def _moment(time: str) -> str:
    return f"strftime({time}, '%Y-%m-%dT%H:%M:%SZ')"
