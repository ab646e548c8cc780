"""What exhibits look at: a store as of some ledger entries, in one window, with the window before it beside.

Exhibits read stored findings and count rows; they never measure what a check measures and never judge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, NamedTuple

from governance.engines.duckdb import Engine, literal
from governance.errors import GovernanceError
from governance.exhibits.families import belongs
from governance.exhibits.found import Found, found
from governance.findings import Window
from governance.history.issues import History, Issue
from governance.measurement.scopes import CALENDAR
from governance.moments import stamp
from governance.storage.store import Snapshot

Row = dict[str, Any]
DAY = timedelta(days=1)
MOST_IN_MEMORY = 400_000  # chosen here: rows, about a gigabyte if every column is filled
# Table -> time that it is cut by; what came later about a decision of the window is kept whole
_CUT = {
    "requests": "start_ts",
    "decisions": "decision_ts",
    "subjects": "decision_ts",
    "reviews": None,
    "assessments": None,
}
FEW_DAYS, MANY_DAYS = 21, 200  # chosen here: up to 21 points by day, 30 by week


class Query(NamedTuple):
    """A statement that an exhibit ran: who ran it, the digest of statement and parameters, the rows it returned."""

    exhibit: str
    sha256: str
    rows: int
    sql: str


@dataclass(frozen=True)
class Span:
    """The window of a report and the one before it."""

    window: Window
    previous: Window
    timezone: str = "UTC"


def span_of(window: Window) -> Span:
    """A window and the one before it, in the zone of the window."""
    return Span(window, window.previous(), window.timezone)


class Period:
    """A store in one window.

    Args:
        snapshot: The store as of a number of ledger entries.
        engine: Runs the statements; the views of the store are made in it when the first one runs.
        span: The windows; a store without them can be explored, but has no exhibits.
    """

    def __init__(self, snapshot: Snapshot, engine: Engine, span: Span | None = None) -> None:
        self.snapshot = snapshot
        self._engine = engine
        self._span = span
        self.queries: list[Query] = []
        self._issues: dict[str, Issue] = {}

    @cached_property
    def engine(self) -> Engine:
        """The engine, with a view for each table of the store."""
        self.snapshot.attach(self._engine)
        return self._engine

    @property
    def span(self) -> Span:
        """The windows.

        Raises:
            GovernanceError: None was named.
        """
        if self._span is None:
            raise GovernanceError("an exhibit needs a window", hint='take one first: store.window("2026-Q3")')
        return self._span

    def rows(self, exhibit: str, sql: str, **parameters: Any) -> list[Row]:
        """The rows of a statement; `$start`, `$end`, `$previous_start`, `$previous_end` are bound.

        Args:
            exhibit: Which exhibit asks, for the manifest.
            sql: One SELECT over the canonical tables.
            parameters: Further values to bind.
        """
        bound = {**self._bounds, **parameters}
        self.engine.execute(f"SET search_path = '{self._cut}'")
        try:
            found_rows = self.engine.records(sql, bound)
        finally:
            self.engine.execute("SET search_path = 'main'")
        used = sorted((name, str(value)) for name, value in bound.items() if f"${name}" in sql)
        self.queries.append(Query(exhibit, digest(sql, used), len(found_rows), sql))
        return found_rows

    @cached_property
    def _cut(self) -> str:
        """Where statements find the tables: those of some size are read once into memory, cut to the two windows.

        A day's file costs a millisecond to open, so that thirty statements over two quarters would open thousands.
        """
        days = (self.span.previous.start, self.span.window.end)
        first, last = ((day + shift).date().isoformat() for day, shift in zip(days, (-DAY, DAY), strict=True))
        segments = [segment for table in _CUT for segment in self.snapshot.segments.get(table, [])]
        if sum(s.rows for s in segments if s.is_within(first, last)) > MOST_IN_MEMORY:
            return "main"
        schema = f"cut_{digest('', sorted(self._bounds.items()))[:16]}"  # several windows may share an engine
        self.engine.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for table, time in _CUT.items():
            where = "true" if time is None else self.in_either(time)
            for name, value in self._bounds.items():
                where = where.replace(f"${name}", literal(value))
            self.engine.execute(f"CREATE OR REPLACE TABLE {schema}.{table} AS SELECT * FROM main.{table} WHERE {where}")
        return f"{schema},main"

    @property
    def _bounds(self) -> dict[str, str]:
        own, before = self.span.window, self.span.previous
        return {
            "start": stamp(own.start),
            "end": stamp(own.end),
            "previous_start": stamp(before.start),
            "previous_end": stamp(before.end),
        }

    @staticmethod
    def during(column: str, *, previous: bool = False) -> str:
        """SQL predicate: a time lies in the window, or in the one before."""
        before = "previous_" if previous else ""
        return f"{column} >= CAST(${before}start AS TIMESTAMPTZ) AND {column} < CAST(${before}end AS TIMESTAMPTZ)"

    @staticmethod
    def in_either(column: str) -> str:
        """SQL predicate: a time lies in the window or in the one before (which may not touch)."""
        return f"(({Period.during(column)}) OR ({Period.during(column, previous=True)}))"

    @staticmethod
    def is_now(column: str) -> str:
        """SQL truth: a time lies in the window and not in the one before."""
        return f"({column} >= CAST($start AS TIMESTAMPTZ))"

    @property
    def step(self) -> str:
        """The part of the calendar that charts go by: one that gives a reader some tens of points at most."""
        length = (self.span.window.end - self.span.window.start).days
        return "day" if length <= FEW_DAYS else "week" if length <= MANY_DAYS else "month"

    def calendar(self, per: str, column: str) -> str:
        """SQL text of the part of the calendar (day, week by its Monday, month) that a time lies in."""
        local = f"timezone({literal(self.span.timezone)}, {column})"
        if per == "week":
            return f"strftime(date_trunc('week', {local}), '%Y-%m-%d')"
        return f"strftime({local}, '{CALENDAR[per]}')"

    @cached_property
    def judged(self) -> tuple[Found, ...]:
        """The findings of the window: of each check those of the newest run, as `History` has it."""
        return self._findings(self.span.window)

    @cached_property
    def judged_before(self) -> tuple[Found, ...]:
        """The findings of the window before."""
        return self._findings(self.span.previous)

    def _findings(self, window: Window) -> tuple[Found, ...]:
        bounds = {"start": stamp(window.start), "end": stamp(window.end)}
        runs = [
            str(entry.facts["run"])
            for entry in self.snapshot.of_kind("findings")
            if {name: entry.facts["window"][name] for name in bounds} == bounds
        ]
        if not runs:
            return ()
        sql = (
            f"SELECT *, list_position({_texts(runs)}, run_id) AS run_no FROM findings "
            f"WHERE run_id IN ({_texts(runs)[1:-1]}) "
            "QUALIFY run_no = max(run_no) OVER (PARTITION BY policy, check_id, window_start, window_end) "
            "ORDER BY policy, version, check_id, subject, metric"
        )
        return tuple(found(row) for row in self.engine.records(sql))

    @cached_property
    def history(self) -> History:
        """What became of the findings of every window."""
        return History(self.snapshot, self.engine)

    @cached_property
    def acute_before(self) -> frozenset[tuple[object, ...]]:
        """The series that called for action in the window before."""
        return frozenset(one.series for one in self.judged_before if one.is_acute)

    @cached_property
    def checked_before(self) -> frozenset[tuple[str, str]]:
        """Policy and check of what was judged in the window before."""
        return frozenset(one.key for one in self.judged_before)

    def issue(self, one: Found) -> Issue:
        """What became of a finding."""
        if one.finding_id not in self._issues:
            self._issues[one.finding_id] = self.history.issue(one.finding_id)
        return self._issues[one.finding_id]

    def of_kind(self, *kinds: str, before: bool = False) -> list[Found]:
        """The findings of some kinds of check (or of all whose name begins so), in the window or in the one before."""
        return [one for one in (self.judged_before if before else self.judged) if belongs(one.kind, kinds)]

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of the views that hold rows."""
        filled = {table for table, segments in self.snapshot.segments.items() if segments}
        return frozenset(filled | {name for name in self.snapshot.views() if ":" in name})


def digest(sql: str, parameters: Sequence[tuple[str, str]] = ()) -> str:
    """Digest of a statement and the values it binds, hex."""
    return hashlib.sha256("\n".join([sql, *(f"{name}={value}" for name, value in parameters)]).encode()).hexdigest()


def _texts(values: Sequence[str]) -> str:
    return "[" + ", ".join(literal(value) for value in values) + "]"
