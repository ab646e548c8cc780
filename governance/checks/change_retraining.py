"""Whether a model was trained anew in time: after a failed finding, and before it grew too old or served too much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from governance.checks import Check, Row, Severity, above
from governance.checks._failures import bound, tables, unjudged
from governance.checks._groups import REQUEST_ID
from governance.checks._labels import Duration, microseconds
from governance.checks._shares import LISTED
from governance.engines.duckdb import literal
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql

TRIGGER, AGE, VOLUME = "trigger", "age", "volume"
_UNITS = {TRIGGER: "days", AGE: "days", VOLUME: "requests"}
_DAY = 86_400_000_000.0


class Retraining(Check):
    """Retraining: whether a new version came in time after a finding of drift or performance failed, or by age.

    What is measured: with `checks`, for each model, the days from the moment at which one of these checks was judged as
    failed to the first request of a version that had not served before (or to its registration), counted to the end of
    the window while there is none. With `max_age_days`, for each version that served, the days from when it went live
    to its last request in the window; with `max_requests`, the requests that it has served since its first one.

    Why it matters: a trigger for retraining that is written down and not followed is none (SR 26-2, ongoing monitoring
    and outcomes analysis; NIST AI RMF, MANAGE 4.1); performance must be kept up through the whole life of the system
    (Regulation (EU) 2024/1689, articles 15(1) and 72(2)).

    Example:
        - id: trained-anew
          kind: change-retraining
          checks: ["credit-decisions/*-drift", still-as-good]
          within: 60d
          max_age_days: 365
          severity: medium

    Fields:
        checks: Globs, case-sensitive, of the checks that call for a new version: `check` or `policy/check`.
        at_least: Least severity of the findings that count: low, medium (unless given), high or critical.
        within: Time from the judgement in which the new version must come: 12h, 30d or 8w; with `checks`.
        until: `served` (unless given) or `registered`: what of the new version must come in time.
        max_age_days: Days after which a version is too old; exactly so many pass.
        max_requests: Requests after which a version has served too long; exactly so many pass.

    A version is live from its card's `valid_from`, or from its registration where the card says nothing; one that is
    not registered has no age and is not assessed. A finding counts from when it was judged, concerns the model that its
    subject names (or each model in scope that served on a day of its window), and ends when a later run of the same
    check finds the same subject passed or waived, in a window that ends no earlier: then no new version is asked for.

    The subjects are models and versions; each limit is a finding of its own, told apart by `measure`; `by` and `per`
    are not for this kind. A model that none of the findings concerns is not assessed, and neither is one whose time was
    not over at the end of the window. One request is enough for a verdict, unless `minimum_n` says otherwise. There is
    no interval: moments and counts of everything are no sample.

    A failure can mean: nobody was told; no labels to train with; a new version that waits for its approval; or limits
    that were set before anybody knew how fast the world changes.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.model_version",)

    checks: tuple[str, ...] = ()
    at_least: Severity = "medium"
    within: Duration | None = None
    until: Literal["served", "registered"] = "served"
    max_age_days: float | None = Field(default=None, gt=0)
    max_requests: int | None = Field(default=None, ge=1)
    minimum_n: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> Retraining:
        if bool(self.checks) != (self.within is not None):
            raise ValueError("`checks` and `within` belong together")
        if not self._measures():
            raise ValueError("give `checks`, `max_age_days` or `max_requests`")
        if self.by or self.per:
            raise ValueError("`by` and `per` are not for this kind: the subjects are models and their versions")
        return self

    def _measures(self) -> list[str]:
        asked = {TRIGGER: self.checks or None, AGE: self.max_age_days, VOLUME: self.max_requests}
        return [measure for measure, limit in asked.items() if limit is not None]

    def bound(self, scope: Scope) -> dict[str, Any]:
        own = {} if self.within is None else {"within_us": microseconds(self.within)}
        return scope.with_past().parameters | bound(self.checks, self.at_least) | own

    def statement(self, scope: Scope) -> str:
        past = scope.with_past()
        selects = {TRIGGER: self._triggered, AGE: self._aged, VOLUME: self._served}
        parts = [selects[measure](self._subject(measure)) for measure in self._measures()]
        return (
            f"WITH {tables(past, self.checks, of_versions=False)}, "
            "used AS NOT MATERIALIZED (SELECT coalesce(r.model_served, r.model_requested) AS model, "
            f"r.model_version AS version, r.start_ts AS ts, {REQUEST_ID} AS id "
            f"FROM {scope.requests()} r WHERE r.is_shadow IS NOT TRUE), "
            f"latest AS MATERIALIZED (SELECT model, version, count(*) AS n, max(ts) AS last_ts, max(ts, {LISTED}) AS "
            "moments FROM used WHERE model IS NOT NULL GROUP BY model, version), "
            # Ids are long to read, so of the last moments alone
            f"shown AS (SELECT model, version, arg_max(id, (ts, id), {LISTED}) AS samples FROM used "
            "WHERE ts IN (SELECT unnest(moments) FROM latest) GROUP BY model, version), "
            "now AS (SELECT l.*, s.samples FROM latest l LEFT JOIN shown s "
            "ON s.model = l.model AND s.version IS NOT DISTINCT FROM l.version) "
            f"{' UNION ALL BY NAME '.join(parts)} ORDER BY axis, subject"
        )

    def _subject(self, measure: str) -> str:
        names, values = (["model"], ["u.model"])
        if measure != TRIGGER:
            names, values = [*names, "model_version"], [*values, "u.version"]
        if len(self._measures()) > 1:
            names, values = [*names, "measure"], [*values, literal(measure)]
        return subject_sql(names, values)

    def _triggered(self, subject: str) -> str:
        """Of each model, the failure that has waited longest for a new version, and what came of it."""
        came = "SELECT model, version, min(first_ts) AS ts FROM days WHERE version IS NOT NULL GROUP BY model, version"
        if self.until == "registered":
            came = "SELECT model, version, registered_ts AS ts FROM models"
        waited = "date_diff('microsecond', failed_ts, {})"
        end = "CAST($end AS TIMESTAMPTZ)"
        answered = (
            f"SELECT s.model, s.failed_ts, s.ended_ts, s.failed_by, min(c.ts) FILTER (c.ts < {end}) AS new_ts, "
            f"arg_min(c.version, (c.ts, c.version)) FILTER (c.ts < {end}) AS new_version FROM stretches s "
            f"LEFT JOIN ({came}) c ON c.model = s.model AND c.ts > s.failed_ts GROUP BY ALL"
        )
        failures = (
            f"SELECT *, {waited.format(f'least(coalesce(new_ts, {end}), coalesce(ended_ts, {end}))')} AS waited_us "
            f"FROM ({answered}) WHERE coalesce(least(new_ts, ended_ts), {end}) > CAST($start AS TIMESTAMPTZ)"
        )
        worst = (
            "SELECT model, count(*) AS failures, max(waited_us) AS waited_us, arg_max({'failed': strftime(failed_ts, "
            "'%Y-%m-%dT%H:%M:%SZ'), 'by': failed_by, 'ended': strftime(ended_ts, '%Y-%m-%dT%H:%M:%SZ'), 'came': "
            "strftime(new_ts, '%Y-%m-%dT%H:%M:%SZ'), 'version': new_version}, (waited_us, failed_ts)) AS worst "
            f"FROM ({failures}) GROUP BY model"
        )
        found = "SELECT model, count(DISTINCT finding_id) AS findings FROM judged GROUP BY model"
        return (
            f"SELECT 0 AS axis, {subject} AS subject, '{TRIGGER}' AS measure, CASE WHEN any_value(f.findings) > 0 "
            f"THEN coalesce(any_value(w.waited_us), 0) / {_DAY} END AS value, CAST(sum(u.n) AS BIGINT) AS n, "
            "coalesce(any_value(f.findings), 0) AS findings, coalesce(any_value(w.failures), 0) AS failures, "
            "any_value(w.worst) AS worst, CAST([] AS VARCHAR[]) AS samples FROM now u "
            f"LEFT JOIN ({worst}) w ON w.model = u.model LEFT JOIN ({found}) f ON f.model = u.model GROUP BY u.model"
        )

    def _aged(self, subject: str) -> str:
        """Of each version that served, the days since it went live."""
        live = "SELECT model, version, min(coalesce(valid_from, registered_ts)) AS ts FROM models GROUP BY ALL"
        return (
            f"SELECT 1 AS axis, {subject} AS subject, '{AGE}' AS measure, "
            f"date_diff('microsecond', m.ts, u.last_ts) / {_DAY} AS value, u.n, "
            f"strftime(m.ts, '%Y-%m-%dT%H:%M:%SZ') AS since, u.samples FROM now u "
            f"LEFT JOIN ({live}) m ON m.model = u.model AND m.version = u.version"
        )

    def _served(self, subject: str) -> str:
        """Of each version that served, its requests since the first one that is stored."""
        ever = (
            "SELECT model, version, CAST(sum(n) AS BIGINT) AS served, min(first_ts) AS ts FROM days "
            "WHERE version IS NOT NULL GROUP BY model, version"
        )
        return (
            f"SELECT 2 AS axis, {subject} AS subject, '{VOLUME}' AS measure, CAST(e.served AS DOUBLE) AS value, u.n, "
            f"strftime(e.ts, '%Y-%m-%dT%H:%M:%SZ') AS since, u.samples FROM now u "
            f"LEFT JOIN ({ever}) e ON e.model = u.model AND e.version = u.version"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        measure, reason = row["measure"], None
        counts: dict[str, Any] = {"requests": row["n"]}
        if measure == TRIGGER:
            worst = row["worst"] or dict.fromkeys(("failed", "by", "ended", "came", "version"))
            counts |= {"findings": row["findings"], "failures": row["failures"], "failed": worst["failed"]}
            counts |= {"failed_by": worst["by"] or [], "found_well": worst["ended"], "new_version": worst["version"]}
            counts["came"] = worst["came"]
            if not row["findings"]:
                reason = unjudged(self.checks)
        else:
            counts["since"] = row["since"]
            if row["value"] is None and measure == AGE:
                reason = f"{row['n']} requests, but no such version is registered, so that nobody knows its age"
            elif row["value"] is None:
                reason = f"{row['n']} requests do not name the version of their model"
        subject, samples = subject_of(row["subject"]), tuple(row["samples"] or ())
        value = None if reason else float(row["value"])
        return Observation(subject, measure, value, _UNITS[measure], row["n"], counts, None, samples, reason)

    def limit(self) -> Mapping[str, Any]:
        own: dict[str, Any] = {"max_age_days": self.max_age_days, "max_requests": self.max_requests}
        if self.checks:
            own |= {"within": self.within, "checks": list(self.checks), "at_least": self.at_least, "until": self.until}
        return {name: value for name, value in own.items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        value, counts = observation.value or 0.0, observation.counts
        if observation.metric == TRIGGER:
            return self._judge_trigger(observation)
        if observation.metric == AGE and self.max_age_days is not None and above(value, self.max_age_days):
            reason = f"live since {counts['since']}, {value:.0f} days before its last request"
            return Judgement(Verdict.FAILED, f"{reason}, above {self.max_age_days:g}", self.limit())
        if observation.metric == VOLUME and self.max_requests is not None and value > self.max_requests:
            reason = f"{value:,.0f} requests since {counts['since']}, above {self.max_requests:,}"
            return Judgement(Verdict.FAILED, reason, self.limit())
        return Judgement(Verdict.PASSED, None, self.limit())

    def _judge_trigger(self, observation: Observation) -> Judgement:
        counts, days = observation.counts, observation.value or 0.0
        if not counts["failures"] or self.within is None:
            return Judgement(Verdict.PASSED, None, self.limit())
        said = f"{', '.join(counts['failed_by'])} failed on {counts['failed']}"
        if counts["came"]:
            said += f"; version {counts['new_version']} came on {counts['came']}"
        elif counts["found_well"]:
            said += f"; found well again on {counts['found_well']}"
        else:
            said += "; no new version came"
        if above(days, microseconds(self.within) / _DAY):
            return Judgement(Verdict.FAILED, f"{said}: {days:.1f} days, above {self.within}", self.limit())
        if not counts["came"] and not counts["found_well"]:
            return Judgement(Verdict.NOT_ASSESSED, f"{said}, but the {self.within} are not over", self.limit())
        return Judgement(Verdict.PASSED, said, self.limit())
