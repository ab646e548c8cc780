"""Whether a model was still in use after the day by which it had to be validated again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from governance.checks import Check, Row, above
from governance.checks._groups import REQUEST_ID
from governance.checks._shares import LISTED
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql

_ANY = "*"


class ValidationDue(Check):
    """Validation: whether a model version was still serving after the day by which it had to be validated again.

    What is measured: for each registered version that served, the days from its due day to its last request in the
    window; below zero it was not yet due. The due day is the card's `next_validation`, or so many days after the
    approval as the model's tier allows, whichever is earlier. The counts say how many requests came after it.

    Why it matters: validation is done before use and again at intervals that follow the risk (SR 26-2 on validation and
    ongoing monitoring; SS1/23, principle 4); a date on a card that nobody watches is no control.

    Example:
        - id: validated-in-time
          kind: change-validation-due
          every_days: {high: 365, "*": 730}
          warn_days: 30
          severity: high

    Fields:
        every_days: Tier as the card has it -> days from the approval to the next validation; `"*"` is any other tier.
        grace_days: Days after the due day on which the check still passes; a request on the last of them does too.
        warn_days: Days before the due day from which on the check warns.

    The subjects are the versions; `by` and `per` are not for this kind. Versions that served and are not registered, or
    have neither a date nor a rule, are not assessed and say so. One request is enough for a verdict. Days are those of
    the workspace's time zone; the due day itself is in time. There is no interval: dates are no samples.

    A failure can mean: a validation that is late; one that was done and not entered in the card; or a version that
    should have been retired.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.model_served", "models.next_validation")

    every_days: dict[str, int] = Field(default_factory=dict)
    grace_days: int = Field(default=0, ge=0)
    warn_days: int = Field(default=0, ge=0)
    minimum_n: int = Field(default=1, ge=1)

    @field_validator("every_days")
    @classmethod
    def _are_days(cls, value: dict[str, int]) -> dict[str, int]:
        if any(days <= 0 for days in value.values()):
            raise ValueError("a tier needs at least one day")
        return value

    @model_validator(mode="after")
    def _whole(self) -> ValidationDue:
        if self.by or self.per:
            raise ValueError("`by` and `per` are not for this kind: the subjects are the versions of models")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        own: dict[str, Any] = {"grace": self.grace_days}
        for place, (tier, days) in enumerate(self.every_days.items()):
            own |= {f"every_{place}": days} | ({f"tier_{place}": tier} if tier != _ANY else {})
        return scope.parameters | own

    def statement(self, scope: Scope) -> str:
        subject = subject_sql(["model", "model_version"], ["model", "version"])
        approved = f"CAST(timezone('UTC', m.approved_ts) AS DATE) + CAST({self._every()} AS INTEGER)"
        return (
            "WITH sole AS (SELECT model, min(version) AS version FROM models GROUP BY model "
            "HAVING min(version) = max(version)), "
            "used AS (SELECT coalesce(r.model_served, r.model_requested) AS model, r.model_version AS logged, "
            f"r.start_ts AS ts, CAST({scope.local('r.start_ts')} AS DATE) AS local_day, {REQUEST_ID} AS id "
            f"FROM {scope.requests()} r), "
            "named AS (SELECT u.*, coalesce(u.logged, s.version) AS version FROM used u "
            "LEFT JOIN sole s ON s.model = u.model AND u.logged IS NULL), "
            "registered AS (SELECT m.model, m.version, m.tier, true AS is_known, "
            f"least(TRY_CAST(m.next_validation AS DATE), {approved}) AS due FROM models m), "
            "judged AS (SELECT n.*, g.tier, g.is_known, g.due FROM named n "
            "LEFT JOIN registered g ON g.model = n.model AND g.version = n.version WHERE n.model IS NOT NULL) "
            f"SELECT 0 AS axis, {subject} AS subject, date_diff('day', any_value(due), max(local_day)) AS value, "
            "count(*) AS n, count(*) FILTER (local_day > due) AS after_due, "
            "strftime(any_value(due), '%Y-%m-%d') AS due, "
            "strftime(max(local_day), '%Y-%m-%d') AS last_day, any_value(tier) AS tier, "
            "coalesce(bool_or(is_known), false) AS is_known, "
            f"arg_min(id, (ts, id), {LISTED}) FILTER (date_diff('day', due, local_day) > $grace) AS samples "
            "FROM judged GROUP BY model, version ORDER BY subject"
        )

    def _every(self) -> str:
        """SQL of the days that the tier of the model `m` allows, or NULL."""
        tiers = [
            f"WHEN m.tier = $tier_{place} THEN $every_{place}"
            for place, tier in enumerate(self.every_days)
            if tier != _ANY
        ]
        others = next((f"$every_{place}" for place, tier in enumerate(self.every_days) if tier == _ANY), "NULL")
        return f"CASE {' '.join(tiers)} ELSE {others} END" if tiers else others

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        named = ("after_due", "due", "last_day", "tier")
        counts = {"requests": row["n"]} | {name: row[name] for name in named}
        reason = None
        if not row["is_known"]:
            reason = f"{row['n']} requests, but no such version is registered"
        elif row["due"] is None:
            tier = f"tier {row['tier']}" if row["tier"] else "no tier"
            reason = f"the card gives no next validation, and no rule for {tier} with an approval gives one"
        value = None if reason else float(row["value"])
        samples = tuple(row["samples"] or ())
        subject = subject_of(row["subject"])
        return Observation(subject, "days_overdue", value, "days overdue", row["n"], counts, None, samples, reason)

    def limit(self) -> Mapping[str, Any]:
        own: dict[str, Any] = {"grace_days": self.grace_days, "warn_days": self.warn_days}
        return own | ({"every_days": dict(self.every_days)} if self.every_days else {})

    def judge(self, observation: Observation) -> Judgement:
        counts, days = observation.counts, observation.value or 0.0
        said = f"due on {counts['due']}, last served on {counts['last_day']}"
        if above(days, float(self.grace_days)):
            reason = f"{said}: {counts['after_due']:,} of {observation.n:,} requests came after it"
            return Judgement(Verdict.FAILED, reason, self.limit())
        if days > 0:
            return Judgement(Verdict.WARNED, f"{said}, within {self.grace_days} days of grace", self.limit())
        if self.warn_days and days >= -self.warn_days:
            return Judgement(Verdict.WARNED, said, self.limit())
        return Judgement(Verdict.PASSED, None, self.limit())
