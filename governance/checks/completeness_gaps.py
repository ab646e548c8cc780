"""Stretches of working time in which a stream of requests is silent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from governance.checks import Check, Measurement, Row, above
from governance.checks._groups import REQUEST_ID, columns, unattributed
from governance.display import moment
from governance.engines.duckdb import Engine, identifier, literal
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 1440
LISTED = 10
_HOURS = re.compile(r"(\d{2})(?::(\d{2}))?-(\d{2})(?::(\d{2}))?")


class CompletenessGaps(Check):
    """Completeness: the longest silence of a stream of requests within working time.

    What is measured: the longest stretch of working time without a request, in minutes; from the first moment of the
    window to the first request and from the last request to its end too. Time outside of `hours` and `days` does not
    count, so that a silence from Friday evening to Monday morning is as long as its working minutes. Silences above the
    limit are listed, at most ten, the longest first, with the request before each.

    Why it matters: what was not logged cannot be audited; logs must be kept for the whole lifetime of a high-risk
    system (Regulation (EU) 2024/1689, articles 12(1) and 26(6)), and a quiet hour looks like a good one.

    Example:
        - id: silent-hours
          kind: completeness-gaps
          by: [source]
          days: mon-fri
          hours: "08-18"
          max_gap_minutes: 120
          severity: high

    Fields:
        max_gap_minutes: Working minutes of silence above which the check fails; exactly so many pass.
        hours: Working hours in the workspace's time zone, as "08-18" or "08:30-17:00"; the whole day unless given.
        days: Working days, as mon-fri, or a list such as [mon, tue, sat]; every day unless given.
        remember_days: Days before the window whose streams must still be there; 92 unless given, about a quarter.
        per: The silence of each part of the calendar by itself; not hours.
        minimum_n: Requests of the stream in the window below which its silences say nothing.

    A stream without any request in the window is known from the time before: the last `remember_days` days, and the
    window before (the quarter, month or day before those, else of equal length) where that is longer. It was silent all
    the time, and n is its requests there. One that was silent there too has ended and is not seen. Public holidays are
    not known; except them with a waiver, or leave a margin.

    A failure can mean: logging or its transport was down; a file was not ingested; the service itself was down; or
    fewer people worked than usual.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.start_ts",)

    max_gap_minutes: float = Field(gt=0)
    hours: str | None = None
    days: tuple[str, ...] = Field(default=WEEK, min_length=1)
    remember_days: int = Field(default=92, ge=1, le=3660)
    per: Literal["day", "week", "month", "quarter", "year"] | None = None
    minimum_n: int = Field(default=2, ge=1)

    @field_validator("hours")
    @classmethod
    def _are_hours(cls, value: str | None) -> str | None:
        if value is not None:
            opens, closes = _minutes(value)
            if not 0 <= opens < closes <= DAY_MINUTES:
                raise ValueError(f"'{value}' ends before it begins, or after 24:00")
        return value

    @field_validator("days", mode="before")
    @classmethod
    def _are_days(cls, value: Any) -> Any:
        listed = value.split(",") if isinstance(value, str) else value
        found: list[str] = []
        for item in map(str.strip, listed) if isinstance(listed, list | tuple) else ():
            first, dash, last = item.lower().partition("-")
            last = last if dash else first
            if first not in WEEK or last not in WEEK:
                raise ValueError(f"'{item}' is no day; write mon-fri, or a list of {', '.join(WEEK)}")
            start, count = WEEK.index(first), (WEEK.index(last) - WEEK.index(first)) % 7 + 1
            found += [WEEK[(start + step) % 7] for step in range(count)]
        return tuple(day for day in WEEK if day in found) if found else listed

    @property
    def opening(self) -> tuple[int, int]:
        """First and last minute of the working hours, counted from midnight."""
        return (0, DAY_MINUTES) if self.hours is None else _minutes(self.hours)

    def bound(self, scope: Scope) -> dict[str, Any]:
        opens, closes = self.opening
        own = {"opens": opens, "closes": closes, "limit_us": self.max_gap_minutes * 60e6}
        return self._with_earlier(scope).parameters | own

    def _with_earlier(self, scope: Scope) -> Scope:
        """The scope, and the time before in which streams that fell silent are known."""
        before = scope.window_before()
        start = min(before.start, scope.window.start - timedelta(days=self.remember_days))
        return replace(scope, reference=replace(before, start=start))

    def statement(self, scope: Scope) -> str:
        zone = literal(scope.timezone)
        part = scope.calendar(self.per, "noon_ts") if self.per else "''"
        working = ", ".join(str(WEEK.index(day) + 1) for day in self.days)
        plain = self.model_copy(update={"per": None})
        axes = " UNION ALL ".join(self._gaps(place, axis) for place, axis in enumerate(self.axes))
        return (
            "WITH days AS (SELECT CAST(midnight AS DATE) AS day, isodow(midnight) IN "
            f"({working}) AS is_working, timezone({zone}, midnight + to_hours(12)) AS noon_ts, "
            f"greatest(timezone({zone}, midnight + to_minutes($opens)), CAST($start AS TIMESTAMPTZ)) AS open_ts, "
            f"least(timezone({zone}, midnight + to_minutes($closes)), CAST($end AS TIMESTAMPTZ)) AS close_ts "
            "FROM (SELECT unnest(generate_series("
            f"date_trunc('day', timezone({zone}, CAST($start AS TIMESTAMPTZ))), "
            f"timezone({zone}, CAST($end AS TIMESTAMPTZ)), INTERVAL 1 DAY)) AS midnight) midnights), "
            "worked AS (SELECT *, CASE WHEN is_working THEN greatest(epoch_us(close_ts) - epoch_us(open_ts), 0) "
            f"ELSE 0 END AS working_us, {part} AS part FROM days), "
            "clock AS (SELECT *, CAST(sum(working_us) OVER (ORDER BY day) AS BIGINT) - working_us AS before_us "
            "FROM worked), "
            "parts AS (SELECT part, min(before_us) AS opens_us, max(before_us + working_us) AS closes_us, "
            "min(open_ts) FILTER (working_us > 0) AS first_ts, max(close_ts) FILTER (working_us > 0) AS last_ts "
            "FROM clock GROUP BY part), "
            f"stream AS (SELECT {columns(self, scope)}{'k.part, ' if self.per else ''}r.start_ts AS ts, k.before_us + "
            "least(greatest(epoch_us(r.start_ts) - epoch_us(k.open_ts), 0), k.working_us) AS at_us "
            f"FROM {scope.requests()} r JOIN clock k ON k.day = CAST({scope.local('r.start_ts')} AS DATE)), "
            f"earlier AS (SELECT {columns(plain, scope)}r.start_ts AS ts "
            f"FROM {self._with_earlier(scope).requests(reference=True)} r) "
            f"{axes} ORDER BY axis, subject"
        )

    def _gaps(self, place: int, axis: Sequence[str]) -> str:
        """The time that passed on the clock of working time before each request of a group, and after its last one."""
        own = [identifier(f"group_{name}") for name in axis]
        listed = "".join(f"{key}, " for key in own)
        by = f" GROUP BY {', '.join(own)}" if own else ""
        named, values = [*axis, *([self.per] if self.per else [])], [*own, *(["part"] if self.per else [])]
        part, joined = ("part, ", "JOIN parts p ON p.part = s.part") if self.per else ("", "CROSS JOIN parts p")
        divided = f"PARTITION BY {', '.join(f's.{value}' for value in values)} " if values else ""
        grouped = f" GROUP BY {', '.join(values)}" if values else ""
        known = (
            f"SELECT {listed}count(*) AS now, 0 AS before, NULL AS seen_ts FROM stream{by} UNION ALL "
            f"SELECT {listed}0, count(*), max(ts) FROM earlier{by}"
        )
        gaps = (
            f"SELECT {''.join(f's.{value}, ' for value in values)}s.n, s.n_before, s.seen_ts, s.ts, "
            "p.closes_us - p.opens_us AS working_us, "
            "s.at_us - coalesce(lag(s.at_us) OVER w, p.opens_us) AS gap_us, lag(s.ts) OVER w AS before_ts, "
            "p.first_ts, coalesce(s.ts, p.last_ts) AS gap_end FROM "
            f"(SELECT {listed}{part}at_us, ts, NULL AS n, NULL AS n_before, NULL AS seen_ts FROM stream UNION ALL "
            f"SELECT {listed}{part}closes_us, NULL, n, n_before, seen_ts FROM (SELECT {listed}"
            "CAST(sum(now) AS BIGINT) AS n, CAST(sum(before) AS BIGINT) AS n_before, max(seen_ts) AS seen_ts "
            f"FROM ({known}){by} HAVING sum(now + before) > 0) g CROSS JOIN parts q) s {joined} "
            # Working time never runs back, so that the order in time is the order on its clock too
            f"WINDOW w AS ({divided}ORDER BY s.ts NULLS LAST)"
        )
        subject = f"SELECT {subject_sql(named, values)} AS subject"
        return (
            f"SELECT * FROM (WITH gaps AS ({gaps}), "
            f"figures AS ({subject}, {_FIGURES} FROM gaps{grouped} HAVING count(*) > 0), "
            # Texts of times take longer than all else, so of the silences that are too long alone
            f"longest AS ({subject}, {_LONGEST} FROM gaps WHERE gap_us > $limit_us{grouped} HAVING count(*) > 0) "
            f"SELECT {place} AS axis, * FROM figures LEFT JOIN longest USING (subject))"
        )

    def measure(self, engine: Engine, scope: Scope) -> Measurement:
        """Runs the statement, and looks up the request before each silence that is too long."""
        sql, parameters = self.statement(scope), self.bound(scope)
        rows = engine.records(sql, parameters)
        return Measurement(self.observe([self._with_ids(engine, scope, row) for row in rows], scope), sql, parameters)

    def _with_ids(self, engine: Engine, scope: Scope, row: Row) -> Row:
        subject = [(name, value) for name, value in subject_of(row["subject"]) if name != self.per]
        groups = {identifier(f"group_{name}"): value for name, value in subject}
        tests = [f"{key} IS NOT DISTINCT FROM {'NULL' if v is None else literal(v)}" for key, v in groups.items()]
        plain = self.model_copy(update={"by": (tuple(name for name, _ in subject),), "per": None})
        sql = (
            f"SELECT max(id) FROM (SELECT {columns(plain, scope)}r.start_ts AS ts, {REQUEST_ID} AS id "
            f"FROM {scope.requests()} r) WHERE {' AND '.join(['ts = CAST($before AS TIMESTAMPTZ)', *tests])}"
        )
        found = [
            gap | {"before": gap["before"] and engine.value(sql, scope.parameters | {"before": gap["before"]})}
            for gap in row["longest"] or ()
        ]
        return row | {"longest": found}

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        # Weekends by `per: day` are no subjects; a window without any working time is one, with its reason
        return [self._observation(row) for row in rows if row["working_us"] or not self.per]

    def _observation(self, row: Row) -> Observation:
        gaps = row["longest"] or []
        counts = {
            "requests": row["requests"],
            "working_minutes": row["working_us"] / 60e6,
            "silences": row["silences"],
            "silent_minutes": (row["silent_us"] or 0) / 60e6,
            "longest": [{name: gap[name] for name in ("start", "end", "minutes")} for gap in gaps],
        }
        is_idle = not row["working_us"]
        reason = "there is no working time in the window" if is_idle else None
        samples = tuple(dict.fromkeys(gap["before"] for gap in gaps if gap["before"] is not None))
        value = None if is_idle else row["value"]
        if not row["n"]:
            counts |= {"requests_before": row["n_before"], "last_request": row["seen"]}
        n = row["n"] or row["n_before"]
        return Observation(
            subject_of(row["subject"]), "longest_silence", value, "minutes", n, counts, None, samples, reason
        )

    def limit(self) -> Mapping[str, Any]:
        return {"max_gap_minutes": self.max_gap_minutes, "hours": self.hours, "days": list(self.days)}

    def judge(self, observation: Observation) -> Judgement:
        who, counts = unattributed(observation.subject), observation.counts
        if above(observation.value or 0.0, self.max_gap_minutes):
            start, end = (counts["longest"][0][name] for name in ("start", "end"))
            silent = f"{observation.value:,.0f} working minutes, from {_said(start, zone='')} to {_said(end)}"
            reason = f"{who}no request for {silent}; "
            if "requests_before" in counts:
                reason += (
                    f"none in the whole window, and {observation.n} before; the last at {_said(counts['last_request'])}"
                )
            else:
                silences = "1 silence is" if counts["silences"] == 1 else f"{counts['silences']} silences are"
                reason += f"{silences} above {self.max_gap_minutes:g} minutes"
            return Judgement(Verdict.FAILED, reason, self.limit())
        return Judgement(Verdict.PASSED, who or None, self.limit())


def _said(time: str, zone: str = " UTC") -> str:
    """A time of the counts as a sentence writes it."""
    return moment(datetime.fromisoformat(time)) + zone


def _minutes(hours: str) -> tuple[int, int]:
    """Minutes from midnight at which working hours begin and end."""
    match = _HOURS.fullmatch(hours)
    if match is None:
        raise ValueError(f"'{hours}' are no hours; write 08-18 or 08:30-17:00")
    first, first_minute, last, last_minute = (int(part or 0) for part in match.groups())
    return first * 60 + first_minute, last * 60 + last_minute


_FIGURES = (
    "max(gap_us) / 60e6 AS value, max(n) AS n, max(n_before) AS n_before, "
    "strftime(max(seen_ts), '%Y-%m-%dT%H:%M:%SZ') AS seen, count(ts) AS requests, "
    "max(working_us) AS working_us, "
    "count(*) FILTER (gap_us > $limit_us) AS silences, sum(gap_us) FILTER (gap_us > $limit_us) AS silent_us"
)
_LONGEST = (
    "arg_max({'start': strftime(coalesce(before_ts, first_ts), '%Y-%m-%dT%H:%M:%SZ'), "
    "'end': strftime(gap_end, '%Y-%m-%dT%H:%M:%SZ'), 'minutes': gap_us / 60e6, "
    f"'before': strftime(before_ts, '%Y-%m-%dT%H:%M:%S.%fZ')}}, (gap_us, gap_end), {LISTED}) AS longest"
)
