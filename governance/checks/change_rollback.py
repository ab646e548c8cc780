"""Whether a version that a stored finding failed stopped being served in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row, Severity
from governance.checks._failures import Checks, bound, tables, unjudged
from governance.checks._groups import REQUEST_ID
from governance.checks._labels import Duration, microseconds
from governance.checks._shares import LISTED
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql


class Rollback(Check):
    """Rollback: whether each version that a finding failed stopped being served within the time that is given.

    What is measured: for each version of a model that served in the window, the hours from the moment at which one of
    the named checks was judged as failed to the version's last request in the window while that failure stood; the
    counts say how many requests came after the time was over. A version with findings of which none failed has zero
    hours.

    Why it matters: a deployer who has reason to consider that use presents a risk must suspend it without undue delay
    (Regulation (EU) 2024/1689, article 26(5)), and a model that no longer performs must be restricted or replaced
    (SR 26-2, ongoing monitoring; NIST AI RMF, MANAGE 2.4); the log shows whether that was done.

    Example:
        - id: rolled-back-in-time
          kind: change-rollback
          checks: [credit-decisions/four-fifths, "credit-decisions/*-drift"]
          at_least: high
          within: 5d
          severity: critical

    Fields:
        checks: Globs, case-sensitive, of the checks whose failures count: `check` or `policy/check`.
        at_least: Least severity of the findings that count: low, medium, high (unless given) or critical.
        within: Time from the judgement in which the version must stop: 90s, 30m, 12h, 5d or 2w. A request exactly at
            its end is in time.

    A finding counts from the moment at which it was judged: nobody could act before. It concerns the version that its
    subject names, or that served on a day of its window where it names none; so `checks` must name checks of this
    policy's models. A failure ends when a later run of the same check finds the same subject passed or waived, in a
    window that ends no earlier. Requests in the shadow are not served to anybody and do not count.

    The subjects are the versions; `by` and `per` are not for this kind. A version that none of the findings concerns is
    not assessed, and neither is one whose time was not over at the end of the window. One request is enough for a
    verdict, unless `minimum_n` says otherwise. There is no interval: moments are no sample.

    A failure can mean: nobody read the finding; a release process without a way back; a finding that should have been
    waived; or a version that a client still asks for by name.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.model_version", "findings.verdict")

    checks: Checks
    at_least: Severity = "high"
    within: Duration
    minimum_n: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> Rollback:
        if self.by or self.per:
            raise ValueError("`by` and `per` are not for this kind: the subjects are the versions of models")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        own = bound(self.checks, self.at_least) | {"within_us": microseconds(self.within)}
        return scope.with_past().parameters | own

    def statement(self, scope: Scope) -> str:
        subject = subject_sql(["model", "model_version"], ["u.model", "u.version"])
        is_late = "date_diff('microsecond', t.failed_ts, t.ts) > $within_us"
        return (
            f"WITH {tables(scope.with_past(), self.checks, of_versions=True)}, "
            "used AS (SELECT coalesce(r.model_served, r.model_requested) AS model, r.model_version AS version, "
            f"r.start_ts AS ts, {REQUEST_ID} AS id FROM {scope.requests()} r WHERE r.is_shadow IS NOT TRUE), "
            "after AS (SELECT s.*, u.ts, u.id FROM stretches s LEFT JOIN used u ON u.model = s.model "
            "AND u.version = s.version AND u.ts >= s.failed_ts AND (s.ended_ts IS NULL OR u.ts < s.ended_ts) "
            "WHERE s.version IS NOT NULL AND (s.ended_ts IS NULL OR s.ended_ts > CAST($start AS TIMESTAMPTZ))), "
            "failures AS (SELECT model, version, failed_ts, ended_ts, any_value(failed_by) AS failed_by, "
            "max(ts) AS last_ts, coalesce(date_diff('microsecond', failed_ts, max(ts)), 0) / 3.6e9 AS hours, "
            f"count(ts) AS served, count(*) FILTER ({is_late}) AS late, "
            f"arg_min(id, (ts, id), {LISTED}) FILTER ({is_late}) AS samples, ended_ts IS NULL AND "
            "date_diff('microsecond', failed_ts, CAST($end AS TIMESTAMPTZ)) <= $within_us AS is_open "
            "FROM after t GROUP BY model, version, failed_ts, ended_ts), "
            "worst AS (SELECT model, version, max(hours) AS value, count(*) AS stretches, bool_or(is_open) AS is_open, "
            "arg_max({'failed': strftime(failed_ts, '%Y-%m-%dT%H:%M:%SZ'), 'by': failed_by, 'served': served, "
            "'last': strftime(last_ts, '%Y-%m-%dT%H:%M:%SZ'), 'late': late, 'samples': samples}, "
            "(late, hours, failed_ts)) AS worst FROM failures GROUP BY model, version), "
            "found AS (SELECT model, version, count(DISTINCT finding_id) AS findings FROM judged "
            "WHERE version IS NOT NULL GROUP BY model, version) "
            f"SELECT 0 AS axis, {subject} AS subject, "
            "CASE WHEN any_value(f.findings) > 0 THEN coalesce(any_value(w.value), 0) END AS value, count(*) AS n, "
            "coalesce(any_value(f.findings), 0) AS findings, coalesce(any_value(w.stretches), 0) AS failures, "
            "coalesce(bool_or(w.is_open), false) AS is_open, any_value(w.worst) AS worst FROM used u "
            "LEFT JOIN worst w ON w.model = u.model AND w.version = u.version "
            "LEFT JOIN found f ON f.model = u.model AND f.version = u.version "
            "WHERE u.model IS NOT NULL GROUP BY u.model, u.version ORDER BY subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        worst = row["worst"] or {"failed": None, "by": [], "served": 0, "last": None, "late": 0, "samples": []}
        counts: dict[str, Any] = {"requests": row["n"], "findings": row["findings"], "failures": row["failures"]}
        counts |= {"failed": worst["failed"], "failed_by": worst["by"], "served_after": worst["served"]}
        counts |= {"last_served": worst["last"], "late": worst["late"]}
        subject = subject_of(row["subject"])
        reason = None
        if dict(subject)["model_version"] is None:
            reason = f"{row['n']} requests do not name the version of their model"
        elif not row["findings"]:
            reason = unjudged(self.checks)
        value, samples = None if reason else float(row["value"]), tuple(worst["samples"] or ())
        facts = {"is_open": row["is_open"]}
        return Observation(subject, "hours_served", value, "hours", row["n"], counts, None, samples, reason, facts)

    def limit(self) -> Mapping[str, Any]:
        return {"within": self.within, "checks": list(self.checks), "at_least": self.at_least}

    def judge(self, observation: Observation) -> Judgement:
        counts = observation.counts
        if not counts["failures"]:
            return Judgement(Verdict.PASSED, None, self.limit())
        said = f"{', '.join(counts['failed_by'])} failed on {counts['failed']}"
        said += f"; last served on {counts['last_served']}" if counts["last_served"] else "; not served since"
        if counts["late"]:
            reason = f"{said}: {counts['late']:,} requests came after the {self.within} were over"
            return Judgement(Verdict.FAILED, reason, self.limit())
        if observation.facts["is_open"]:
            return Judgement(Verdict.NOT_ASSESSED, f"{said}: the {self.within} are not over", self.limit())
        return Judgement(Verdict.PASSED, said, self.limit())
