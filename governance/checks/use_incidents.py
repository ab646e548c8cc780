"""Whether incidents were reported within the time that a rule gives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from governance.checks import Check, Row
from governance.checks._shares import LISTED, bound_globs, exceeds, globs
from governance.engines.duckdb import literal
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql
from governance.measurement.statistics import wilson

Moment = Literal["opened", "aware", "classified", "reported", "closed"]
_DURATION = re.compile(r"([1-9]\d{0,4})([hd])")
_HOURS = {"h": 1, "d": 24}


class Clock(BaseModel):
    """A time that a rule gives.

    Attributes:
        name: As the subject has it.
        start: Moment that the clock starts at.
        end: Moment that must come in time.
        within: Hours or days: 72h, 15d.
        regime: Globs of the regimes that it is for; any unless given.
        severity: Globs of the severities that it is for; any unless given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    start: Moment = "aware"
    end: Moment = "reported"
    within: str
    regime: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()

    @field_validator("regime", "severity", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("within")
    @classmethod
    def _is_duration(cls, value: str) -> str:
        if not _DURATION.fullmatch(value):
            raise ValueError(f"'{value}' is no duration; write 72h or 15d")
        return value

    @model_validator(mode="after")
    def _two_moments(self) -> Clock:
        if self.start == self.end:
            raise ValueError("a clock needs two different moments")
        return self

    @property
    def hours(self) -> int:
        """Hours that it gives; a day has 24."""
        match = _DURATION.fullmatch(self.within)
        return int(match[1]) * _HOURS[match[2]] if match else 0


class UseIncidents(Check):
    """Incidents: whether each was classified, reported or closed within the time that a rule gives.

    What is measured: for each clock, of the incidents whose clock started in the window and whose time is over, the
    share that was late or is still open, with its Wilson interval. An incident is as its last state says. Incidents
    whose time was not over at the end of the window, and those that do not say when the clock started, are counted
    apart.

    Why it matters: the clocks are short and start with awareness: 15 days, 10 or 2 for the gravest (Regulation (EU)
    2024/1689, article 73), 72 hours (Regulation (EU) 2016/679, article 33(1)), 4 hours from classification and 24 from
    awareness (Delegated Regulation (EU) 2025/301 under Regulation (EU) 2022/2554, article 20).

    Example:
        - id: reported-in-time
          kind: use-incidents
          clocks:
            - {name: serious incident, regime: eu-ai-act, start: aware, end: reported, within: 15d}
            - {name: personal data, regime: gdpr, start: aware, end: reported, within: 72h}
          severity: critical

    Fields:
        clocks: Each with a `name`, `within` (72h, 15d), `start` and `end` (opened, aware, classified, reported,
            closed; from aware to reported unless given), and globs of `regime` and `severity` where it is for some
            incidents only. Exactly in time is in time.
        max_late: Share that is late above which the check fails; exactly on it passes.

    Each clock is a subject of its own. One incident is enough for a verdict, unless `minimum_n` says otherwise. An
    incident that names a model counts where the policy applies to it, one that names none always. `by`, `per` and
    `where` are not for this kind. Hours are counted through: for rules that count working days give the hours that are
    safe. A store without incidents is not assessed: it does not say that there were none.

    A failure can mean: a process that starts with a meeting; nobody on duty; or moments that were entered later from
    memory.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("incidents.opened_ts",)

    clocks: tuple[Clock, ...] = Field(min_length=1)
    max_late: float = Field(default=0.0, ge=0, lt=1)
    minimum_n: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> UseIncidents:
        if self.by or self.per or self.where:
            raise ValueError("`by`, `per` and `where` are not for this kind; a clock names what it is for")
        if len({clock.name for clock in self.clocks}) < len(self.clocks):
            raise ValueError("two clocks have one name")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        own: dict[str, Any] = {}
        for place, clock in enumerate(self.clocks):
            own |= bound_globs(f"regime_{place}", clock.regime) | bound_globs(f"grade_{place}", clock.severity)
            own[f"hours_{place}"] = clock.hours
        return scope.parameters | own

    def statement(self, scope: Scope) -> str:
        patterns = scope.filters.get("model", ())
        meant = f"(model IS NULL OR {globs('model', 'model', patterns)})" if patterns else "true"
        parts = [self._clock(place, clock) for place, clock in enumerate(self.clocks)]
        return (
            "WITH states AS (SELECT *, row_number() OVER (PARTITION BY incident_id "
            "ORDER BY coalesce(updated_ts, opened_ts) DESC, state_id DESC) AS place FROM incidents), "
            f"latest AS (SELECT * FROM states WHERE place = 1 AND {meant}) "
            f"{' UNION ALL '.join(parts)} ORDER BY axis"
        )

    def _clock(self, place: int, clock: Clock) -> str:
        meant = [globs("coalesce(regime, '')", f"regime_{place}", clock.regime)] if clock.regime else []
        meant += [globs("coalesce(severity, '')", f"grade_{place}", clock.severity)] if clock.severity else []
        states = (
            f"SELECT incident_id, {clock.start}_ts AS started, {clock.end}_ts AS ended, opened_ts, "
            f"{clock.start}_ts + to_hours(CAST($hours_{place} AS INTEGER)) AS due FROM latest "
            f"WHERE {' AND '.join(meant) or 'true'}"
        )
        during = "coalesce(started, opened_ts) >= CAST($start AS TIMESTAMPTZ)"
        during += " AND coalesce(started, opened_ts) < CAST($end AS TIMESTAMPTZ)"
        is_late = "due < CAST($end AS TIMESTAMPTZ) AND coalesce(ended > due, true) OR ended > due"
        is_over = "started IS NOT NULL AND (ended IS NOT NULL OR due < CAST($end AS TIMESTAMPTZ))"
        late = f"{is_over} AND ({is_late})"
        subject = subject_sql(["clock"], [literal(clock.name)])
        return (
            f"SELECT {place} AS axis, {subject} AS subject, "
            f"count(*) FILTER ({late}) / nullif(count(*) FILTER ({is_over}), 0) AS value, "
            f"count(*) FILTER ({is_over}) AS n, count(*) AS incidents, count(*) FILTER ({late}) AS late, "
            f"count(*) FILTER ({late} AND ended IS NULL) AS open, count(*) FILTER (started IS NULL) AS unknown, "
            f"max(date_diff('minute', started, ended)) / 60.0 AS longest_hours, "
            f"arg_min(incident_id, (started, incident_id), {LISTED}) FILTER ({late}) AS samples "
            f"FROM ({states}) WHERE {during} HAVING count(*) > 0"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        n, late = row["n"], row["late"]
        counts = {name: row[name] for name in ("incidents", "late", "open", "unknown", "longest_hours")}
        counts |= {"pending": row["incidents"] - n - row["unknown"], "which": list(row["samples"] or ())}
        reason = None
        if n == 0:
            pending = f"the time of {counts['pending']:,} of {row['incidents']} incidents is not over"
            reason = f"{pending}; {row['unknown']} do not say when it began"
        interval = None if reason else wilson(late, n)
        value = None if reason else row["value"]
        return Observation(subject_of(row["subject"]), "late_share", value, "share", n, counts, interval, (), reason)

    def limit(self) -> Mapping[str, Any]:
        return {"max_late": self.max_late, "clocks": [clock.model_dump(mode="json") for clock in self.clocks]}

    def judge(self, observation: Observation) -> Judgement:
        counts, n = observation.counts, observation.n
        unknown = f"{counts['unknown']} more do not say when the time began" if counts["unknown"] else ""
        if exceeds(counts["late"], n, self.max_late):
            clock = next(found for found in self.clocks if found.name == dict(observation.subject)["clock"])
            late = f"{counts['late']:,} of {n:,} incidents"
            said = f"{late} were not {clock.end} within {clock.within}, {counts['open']:,} still"
            said += f" are not: {', '.join(counts['which'][:3])}"
            return Judgement(Verdict.FAILED, f"{said}{'; ' if unknown else ''}{unknown}", self.limit())
        return Judgement(Verdict.PASSED, unknown or None, self.limit())
