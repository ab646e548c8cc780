"""Whether records are kept long enough and not too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from governance.checks import Check, Row
from governance.checks._shares import LISTED
from governance.engines.duckdb import literal
from governance.findings import Judgement, Observation, Verdict, Window
from governance.measurement.scopes import Scope, subject_of, subject_sql
from governance.tables import CANONICAL

Class = Literal[
    "requests",
    "decisions",
    "attempts",
    "guardrails",
    "outcomes",
    "reviews",
    "assessments",
    "notices",
    "payloads",
    "subjects",
    "subject_records",
]
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000


class Rule(BaseModel):
    """One rule about how long records are kept.

    Attributes:
        name: What it comes from, as a report shows it.
        min_days: Days for which records must be kept.
        max_days: Days after which they must be gone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    min_days: int | None = Field(default=None, ge=0)
    max_days: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _says_something(self) -> Rule:
        if self.min_days is None and self.max_days is None:
            raise ValueError("give `min_days`, `max_days` or both")
        return self


class Retention(Check):
    """Retention: the age of the oldest record, against the longest time to keep and the shortest time to delete.

    What is measured: for each class of records, the days from the oldest one to the end of the window, over everything
    that the store holds for the models that the policy applies to, and how many records are older than the maximum. Of
    payloads only those with a body count, for a digest identifies nobody. Several rules may hold for one class: the
    longest minimum and the shortest maximum count. Where they contradict each other nothing is chosen: the finding is
    not assessed, names both rules and who must decide.

    Why it matters: automatic logs are kept for at least six months (Regulation (EU) 2024/1689, articles 19(1) and
    26(6)), records of credit applications for 25 months (12 CFR 1002.12(b)), and whatever identifies people no longer
    than needed (Regulation (EU) 2016/679, article 5(1)(e)).

    Example:
        - id: kept-and-deleted
          kind: retention
          records: [requests, decisions, payloads]
          rules:
            - {name: "EU AI Act, article 26(6)", min_days: 183}
            - {name: "deletion concept, class 3", max_days: 1100}
          since: 2026-04-01
          decided_by: data-protection-officer
          severity: high

    Fields:
        records: Classes of records: requests, decisions, attempts, guardrails, outcomes, reviews, assessments,
            notices, payloads, subjects, subject_records.
        rules: Each with a `name`, and `min_days`, `max_days` or both. A record of exactly so many days passes both.
        since: First day of operation: there is nothing older to keep. Without it a store that is younger than the
            minimum is not assessed, as nobody can tell whether older records were ever there.
        decided_by: Who decides where two rules contradict each other.

    `by`, `per` and `where` are not for this kind. One record is enough for a verdict, unless `minimum_n` says
    otherwise. There is no interval: every record is looked at.

    A failure can mean: a deletion that never ran or ran too early; a log that was ingested late; or a rule that was
    written for another class of records.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    records: tuple[Class, ...] = Field(default=("requests",), min_length=1)
    rules: tuple[Rule, ...] = Field(min_length=1)
    since: date | None = None
    decided_by: str | None = None
    minimum_n: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> Retention:
        if self.by or self.per or self.where:
            raise ValueError("`by`, `per` and `where` are not for this kind: every record counts")
        if self._conflict() and self.decided_by is None:
            raise ValueError(f"{self._conflict()}; name who decides in `decided_by`")
        return self

    @property
    def longest(self) -> Rule | None:
        """The rule that asks for the longest time to keep."""
        return max((rule for rule in self.rules if rule.min_days is not None), key=_minimum, default=None)

    @property
    def shortest(self) -> Rule | None:
        """The rule that allows the shortest time to keep."""
        return min((rule for rule in self.rules if rule.max_days is not None), key=_maximum, default=None)

    def _conflict(self) -> str | None:
        longest, shortest = self.longest, self.shortest
        if longest is None or shortest is None or _minimum(longest) <= _maximum(shortest):
            return None
        return (
            f"'{longest.name}' asks for {longest.min_days} days, '{shortest.name}' allows {shortest.max_days}: "
            "both cannot be kept"
        )

    def bound(self, scope: Scope) -> dict[str, Any]:
        own = {} if self.shortest is None else {"max_us": _maximum(self.shortest) * _DAY_US}
        return self._everything(scope).parameters | own

    def _everything(self, scope: Scope) -> Scope:
        """The scope from the beginning to the end of the window."""
        return replace(scope, window=Window(_BEGINNING, scope.window.end, scope.window.name))

    def statement(self, scope: Scope) -> str:
        whole = self._everything(scope)
        older = "false" if self.shortest is None else "epoch_us(CAST($end AS TIMESTAMPTZ)) - epoch_us(ts) > $max_us"
        parts = []
        for place, name in enumerate(self.records):
            subject = subject_sql(["records"], [literal(name)])
            figures = (
                f"(epoch_us(CAST($end AS TIMESTAMPTZ)) - epoch_us(min(ts))) / {_DAY_US}.0 AS value, count(*) AS n, "
                f"min(ts) AS oldest, count(*) FILTER ({older}) AS too_old"
            )
            # Ids are long to read, so of the first moments alone
            first = f"(SELECT list_max(min(ts, {LISTED})) FROM ({_records(name, whole)}))"
            samples = f"(SELECT arg_min(id, (ts, id), {LISTED}) FROM ({_records(name, whole)}) WHERE ts <= {first})"
            parts.append(
                f"SELECT {place} AS axis, {subject} AS subject, {figures}, {samples} AS samples "
                f"FROM ({_records(name, whole)})"
            )
        return f"{' UNION ALL '.join(parts)} ORDER BY axis"

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:
        return [self._observation(row, scope) for row in rows]

    def _observation(self, row: Row, scope: Scope) -> Observation:
        subject = subject_of(row["subject"])
        counts = {"records": row["n"], "too_old": row["too_old"], "oldest": row["oldest"]}
        reason = f"the store holds no {dict(subject)['records']} to judge" if row["n"] == 0 else None
        facts: dict[str, Any] = {"end": scope.window.end}
        value = None if reason else float(row["value"])
        samples = tuple(row["samples"] or ())
        return Observation(subject, "oldest_record", value, "days", row["n"], counts, None, samples, reason, facts)

    def limit(self) -> Mapping[str, Any]:
        own: dict[str, Any] = {"rules": [rule.model_dump(exclude_none=True) for rule in self.rules]}
        return own | ({} if self.since is None else {"since": str(self.since)})

    def judge(self, observation: Observation) -> Judgement:
        conflict, age, counts = self._conflict(), observation.value or 0.0, observation.counts
        if conflict is not None:
            said = f"{conflict}; {self.decided_by} decides. The oldest record has {age:.0f} days"
            return Judgement(Verdict.NOT_ASSESSED, said, self.limit())
        longest, shortest = self.longest, self.shortest
        if shortest is not None and counts["too_old"]:
            said = f"{counts['too_old']:,} of {observation.n:,} records are older than {shortest.max_days} days"
            return Judgement(Verdict.FAILED, f"{said} ('{shortest.name}'); the oldest has {age:.0f} days", self.limit())
        if longest is not None and age < _minimum(longest):
            return self._judge_young(observation, longest)
        return Judgement(Verdict.PASSED, None, self.limit())

    def _judge_young(self, observation: Observation, longest: Rule) -> Judgement:
        """The verdict on a class whose oldest record is younger than the minimum: gone, or not yet so old?"""
        said = f"the oldest record has {observation.value:.0f} days, '{longest.name}' asks for {longest.min_days}"
        if self.since is None:
            return Judgement(
                Verdict.NOT_ASSESSED, f"{said}; say in `since` from which day on there are any", self.limit()
            )
        end: datetime = observation.facts["end"]
        first = datetime(self.since.year, self.since.month, self.since.day, tzinfo=UTC)
        due = max(first, end - timedelta(days=_minimum(longest)))
        oldest = end - timedelta(days=observation.value or 0.0)
        # A day without a record is usual at the beginning: chosen here, because one day cannot be told from a quiet one
        if oldest >= due + timedelta(days=1):
            reason = f"{said}; nothing is left from {due:%Y-%m-%d} to {oldest:%Y-%m-%d}"
            return Judgement(Verdict.FAILED, reason, self.limit())
        return Judgement(Verdict.PASSED, f"{said}, but there was nothing before {self.since}", self.limit())


def _minimum(rule: Rule) -> int:
    return rule.min_days or 0


def _maximum(rule: Rule) -> int:
    return rule.max_days or 0


def _records(name: str, scope: Scope) -> str:
    """SELECT of the times and ids of a class of records, of the requests or decisions in scope."""
    if name == "requests":
        return f"SELECT start_ts AS ts, coalesce(request_id, request_uid) AS id FROM {scope.requests()}"
    if name == "decisions":
        return f"SELECT decision_ts AS ts, coalesce(request_id, decision_id) AS id FROM {scope.decisions()}"
    table = CANONICAL[name]
    body = " AND t.body IS NOT NULL" if name == "payloads" else ""
    during = f"t.{table.time} < CAST($end AS TIMESTAMPTZ){body}"
    if table.column("request_uid") is None:
        owner, own = f"(SELECT decision_id AS uid, request_id FROM {scope.decisions()})", "decision_id"
    else:
        owner, own = f"(SELECT request_uid AS uid, request_id FROM {scope.requests()})", "request_uid"
    return (
        f"SELECT t.{table.time} AS ts, coalesce(o.request_id, o.uid) AS id FROM {name} t "
        f"JOIN {owner} o ON o.uid = t.{own} WHERE {during}"
    )
