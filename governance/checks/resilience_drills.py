"""Whether drills of fallbacks and circuit breakers were held in each part of the calendar, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from governance.checks import Check, Row
from governance.checks._groups import REQUEST_ID, columns, keys, unattributed
from governance.checks._shares import LISTED, falls_short
from governance.engines.duckdb import literal
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql
from governance.measurement.statistics import wilson
from governance.wording import percent

HELD, ANSWERED = "held", "answered"
_SHOWN = {
    None: "true",
    "fallback": "(coalesce(r.fallbacks, 0) > 0 OR r.fallback_from IS NOT NULL)",
    "breaker": "r.request_uid IN (SELECT request_uid FROM attempts WHERE breaker_state IN ('open', 'half_open'))",
}
_NEXT = {"day": "1 DAY", "week": "7 DAY", "month": "1 MONTH", "quarter": "3 MONTH", "year": "1 YEAR"}


class Drill(BaseModel):
    """A drill that must be held.

    Attributes:
        name: Glob of the value that the tag has in its requests.
        shows: What a request must show to count: `fallback` or `breaker`; any unless given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    shows: Literal["fallback", "breaker"] | None = None


class ResilienceDrills(Check):
    """Drills: whether a fallback or a breaker was tried out in each quarter, and whether requests were then answered.

    What is measured: for each drill and part of the calendar, the number of days on which it was held: days with a
    request that carries its name in a tag and shows what the drill is about (a fallback, or a call that met an open
    breaker). With `min_answered`, also the share of the drill's requests that were answered (status ok), with its
    Wilson interval.

    Why it matters: a fallback that nobody ever tried is a hope; backup and fail-safe plans are how a high-risk system
    is robust (Regulation (EU) 2024/1689, article 15(4)), and tests of continuity are held at least yearly (Regulation
    (EU) 2022/2554, article 11(6)(a)).

    Example:
        - id: drills-held
          kind: resilience-drills
          drills:
            - {name: fallback-*, shows: fallback}
            - {name: breaker, shows: breaker}
          per: quarter
          min_answered: 0.95
          severity: medium

    Fields:
        drills: Each with a `name` (glob, case-sensitive) and what its requests `show`: fallback or breaker; a drill
            that shows neither counts by its tag alone.
        tag: The tag of a request that names the drill; `drill` unless given.
        min_days: Days in each part on which the drill must be held; exactly so many pass.
        min_answered: Share answered below which the check fails; exactly on it passes.
        per: Part of the calendar in which each drill must be held: day, week, month, quarter (unless given) or year.

    A log has no column for drills: whoever holds one tags its requests (`tags: {drill: breaker}`), or maps a column of
    the log to that tag. Each drill is a subject, told apart by `drill`; with `min_answered` also by `measure`. Where a
    part of the calendar lies only partly in the window (the rest may be before it, or still to come) a drill that was
    not held in it is not assessed. n is the requests of the part; one is enough for a verdict, unless `minimum_n` says
    otherwise; for the share it is the requests of the drill. Days are no sample: their number has no interval.

    A failure can mean: a drill that was forgotten; one that was held outside of production; requests that were not
    tagged; a fallback that did not happen; or one that did not answer.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.tags",)

    drills: tuple[Drill, ...] = Field(min_length=1)
    tag: str = Field(default="drill", min_length=1)
    min_days: int = Field(default=1, ge=1)
    min_answered: float | None = Field(default=None, gt=0, le=1)
    per: Literal["day", "week", "month", "quarter", "year"] = "quarter"
    minimum_n: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _each_once(self) -> ResilienceDrills:
        if len({drill.name for drill in self.drills}) < len(self.drills):
            raise ValueError("two `drills` have one name")
        if self.per == "day" and self.min_days > 1:
            raise ValueError("a day has one day: `min_days` above 1 could never be reached")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        names = {f"drill_{place}": drill.name for place, drill in enumerate(self.drills)}
        return scope.parameters | {"tag": self.tag} | names

    def statement(self, scope: Scope) -> str:
        shown = ", ".join(
            f"coalesce(r.tags[$tag] GLOB $drill_{place}, false) AS is_{place}, "
            f"coalesce(r.tags[$tag] GLOB $drill_{place} AND {_SHOWN[drill.shows]}, false) AS shows_{place}"
            for place, drill in enumerate(self.drills)
        )
        parts = [
            self._part(place, axis, number, drill, measure)
            for place, axis in enumerate(self.axes)
            for number, drill in enumerate(self.drills)
            for measure in ([HELD] if self.min_answered is None else [HELD, ANSWERED])
        ]
        zone = literal(scope.timezone)
        start = f"date_trunc('{self.per}', timezone({zone}, first_ts))"
        whole = (
            f"timezone({zone}, {start}) >= CAST($start AS TIMESTAMPTZ) AND "
            f"timezone({zone}, {start} + INTERVAL {_NEXT[self.per]}) <= CAST($end AS TIMESTAMPTZ)"
        )
        return (
            f"WITH records AS (SELECT {columns(self, scope)}"
            f"CAST({scope.local('r.start_ts')} AS DATE) AS day_held, r.status = 'ok' AS is_answered, {shown}, "
            f"{REQUEST_ID} AS id, r.start_ts AS ts FROM {scope.requests()} r) "
            f"SELECT *, {whole} AS is_whole FROM ({' UNION ALL '.join(parts)}) ORDER BY axis, subject"
        )

    def _part(self, place: int, axis: Sequence[str], number: int, drill: Drill, measure: str) -> str:
        """One measure of a drill in each group of an axis and part of the calendar."""
        names, values = [*axis, self.per, "drill"], [*keys(self, axis), literal(drill.name)]
        if self.min_answered is not None:
            names, values = [*names, "measure"], [*values, literal(measure)]
        days, tried = f"count(DISTINCT day_held) FILTER (shows_{number})", f"count(*) FILTER (is_{number})"
        answered, shown = f"count(*) FILTER (is_{number} AND is_answered)", f"shows_{number}"
        value, n = f"CAST({days} AS DOUBLE)", "count(*)"
        if measure == ANSWERED:
            value, n, shown = f"{answered} / nullif({tried}, 0)", tried, f"is_{number} AND NOT is_answered"
        return (
            f"SELECT {place} AS axis, {subject_sql(names, values)} AS subject, '{measure}' AS measure, "
            f"{value} AS value, {n} AS n, count(*) AS requests, {days} AS days, {tried} AS tried, "
            f"count(*) FILTER (shows_{number}) AS shown, {answered} AS answered, strftime(max(day_held) FILTER "
            f"(shows_{number}), '%Y-%m-%d') AS last_day, min(ts) AS first_ts, arg_min(id, (ts, id), {LISTED}) "
            f"FILTER ({shown}) AS samples FROM records GROUP BY {', '.join(keys(self, axis))}"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        counts = {name: row[name] for name in ("requests", "days", "tried", "shown", "answered", "last_day")}
        subject, samples = subject_of(row["subject"]), tuple(row["samples"] or ())
        facts = {"is_whole": row["is_whole"]}
        if row["measure"] == HELD:
            return Observation(subject, "days_held", row["value"], "days", row["n"], counts, None, samples, None, facts)
        reason = None if row["n"] else f"none of the {row['requests']} requests belongs to the drill"
        interval = None if reason else wilson(row["answered"], row["n"])
        return Observation(
            subject, "answered_share", row["value"], "share", row["n"], counts, interval, samples, reason, facts
        )

    def limit(self) -> Mapping[str, Any]:
        own: dict[str, Any] = {"min_days": self.min_days, "tag": self.tag}
        return own | ({} if self.min_answered is None else {"min_answered": self.min_answered})

    def judge(self, observation: Observation) -> Judgement:
        counts, who = observation.counts, unattributed(observation.subject)
        if observation.metric == "answered_share":
            if self.min_answered is not None and falls_short(counts["answered"], observation.n, self.min_answered):
                said = f"{counts['answered']:,} of {observation.n:,} requests of the drill were answered"
                reason = f"{who}{said} ({observation.value:.1%}, below {percent(self.min_answered)})"
                return Judgement(Verdict.FAILED, reason, self.limit())
            return Judgement(Verdict.PASSED, who or None, self.limit())
        if counts["days"] >= self.min_days:
            return Judgement(Verdict.PASSED, f"{who}last held on {counts['last_day']}", self.limit())
        held = f"held on {counts['days']} days of {self.min_days}" if counts["days"] else "not held"
        idle = counts["tried"] - counts["shown"]
        hidden = f"; {idle:,} requests carry its name and do not show it" if idle else ""
        if not observation.facts["is_whole"]:
            reason = f"{who}{held} in that part of the {self.per} which the window covers{hidden}"
            return Judgement(Verdict.NOT_ASSESSED, reason, self.limit())
        return Judgement(Verdict.FAILED, f"{who}{held} among {counts['requests']:,} requests{hidden}", self.limit())
