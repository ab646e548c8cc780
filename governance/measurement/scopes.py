"""What a check looks at: a window, the records that its policy applies to, and the groups it is asked for, as SQL.

Every statement of a check selects from `scope.requests()` or `scope.decisions()` and returns, for each subject, a
column `subject` (JSON text, keys in the order of the axis) beside its figures: so a stored figure is found again by
its subject.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from governance.engines.duckdb import identifier, literal
from governance.findings import Subject, Window, parse_window
from governance.tables import DECISIONS, REQUESTS

CALENDAR = {
    "hour": "%Y-%m-%dT%H:00",
    "day": "%Y-%m-%d",
    "week": "%G-W%V",
    "month": "%Y-%m",
    "quarter": "quarter",
    "year": "%Y",
}
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
PREVIOUS = "previous"  # as a reference: the window before the one that is checked
_FILTERS = ("model", "operation", "business_unit", "environment")


class UnknownDimensionError(Exception):
    """A check asks for groups by something that no record carries."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


@dataclass(frozen=True)
class Scope:
    """The records that a check looks at.

    Attributes:
        window: When.
        filters: `applies_to` of the policy: model, operation, business_unit, environment -> globs.
        predicates: SQL predicates of the policy and the check, already gated.
        favourable: Column of decisions -> values that are favourable, where the log does not say it.
        timezone: Zone in which days and months begin.
        fiscal_year_start_month: Month in which the first quarter of a year begins.
        columns: View -> its columns, of the store at hand.
        reference: A second window to compare with, for checks that have one.
        store: Folder of the store at hand, for checks that look at its files.
        reference_files: Digests of the source files whose records count as the reference; of all unless given.
    """

    window: Window
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    predicates: Sequence[str] = ()
    favourable: Mapping[str, Sequence[str]] = field(default_factory=dict)
    timezone: str = "UTC"
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    fiscal_year_start_month: int = 1
    reference: Window | None = None
    store: Path | None = None
    reference_files: Sequence[str] | None = None

    def named_window(self, name: str) -> Window:
        """The window that a check names, in the workspace's calendar; `previous` is the one before this one."""
        if name == PREVIOUS:
            return self.window.previous()
        return parse_window(
            name, now=self.window.end, timezone=self.timezone, fiscal_start_month=self.fiscal_year_start_month
        )

    def window_before(self) -> Window:
        """The window before this one, in the workspace's calendar."""
        return self.window.previous()

    def with_past(self) -> Scope:
        """The same scope, with all the time before its window as the reference."""
        return replace(self, reference=Window(_BEGINNING, self.window.start, "the past"))

    @property
    def parameters(self) -> dict[str, Any]:
        """Values that the scope's SQL binds: `$start`, `$end`, `$reference_start`, `$reference_end`, the globs."""
        bound: dict[str, Any] = {"start": _text(self.window.start), "end": _text(self.window.end)}
        if self.reference is not None:
            bound |= {"reference_start": _text(self.reference.start), "reference_end": _text(self.reference.end)}
        if self.reference_files is not None:
            bound["reference_files"] = list(self.reference_files)
        for name, globs in self.filters.items():
            bound |= {f"{name}_{place}": glob for place, glob in enumerate(globs)}
        for name, values in self.favourable.items():
            bound |= {f"favourable_{name}_{place}": value for place, value in enumerate(values)}
        return bound

    def requests(self, *, reference: bool = False) -> str:
        """Subquery of the requests in scope (in the reference window instead, if asked)."""
        where = [self.during("start_ts", reference=reference), *self._filters("requests"), *self.predicates]
        return f"(SELECT * FROM requests WHERE {' AND '.join(where)})"

    def decisions(self, *, reference: bool = False) -> str:
        """Subquery of the decisions in scope, `favourable` filled from the policy where the log leaves it out."""
        where = [self.during("decision_ts", reference=reference), *self._filters("decisions"), *self.predicates]
        selected = "*"
        if self.favourable:
            tests = []
            for name, values in self.favourable.items():
                bound = ", ".join(f"$favourable_{name}_{place}" for place in range(len(values)))
                tests.append(f"{identifier(name)} IN ({bound})")
            selected = f"* REPLACE (coalesce(favourable, {' AND '.join(tests)}) AS favourable)"
        return f"(SELECT {selected} FROM decisions WHERE {' AND '.join(where)})"

    def during(self, column: str, *, reference: bool) -> str:
        """Predicate of the records of the window (of the reference instead, if asked) by the column of their time."""
        start, end = ("$reference_start", "$reference_end") if reference else ("$start", "$end")
        read_by_then = " AND list_contains($reference_files, file_sha256)"
        files = read_by_then if reference and self.reference_files is not None else ""
        return f"{column} >= CAST({start} AS TIMESTAMPTZ) AND {column} < CAST({end} AS TIMESTAMPTZ){files}"

    def filtered(self, name: str, table: str) -> str:
        """SQL of what one of the `filters` is compared with."""
        return "coalesce(model_served, model_requested)" if (name, table) == ("model", "requests") else name

    def _filters(self, table: str) -> list[str]:
        found = []
        for name in _FILTERS:
            globs = self.filters.get(name, ())
            column = self.filtered(name, table)
            if globs:
                found.append("(" + " OR ".join(f"{column} GLOB ${name}_{place}" for place in range(len(globs))) + ")")
        return found

    def calendar(self, per: str, column: str) -> str:
        """SQL text of the calendar part that a time lies in, in the workspace's zone."""
        local = self.local(column)
        if per == "quarter":
            return f"strftime({local}, '%Y') || '-Q' || quarter({local})"
        return f"strftime({local}, '{CALENDAR[per]}')"

    def local(self, column: str) -> str:
        """SQL of a time on the clocks of the workspace's zone, without a zone."""
        if self.timezone == "UTC":  # half of what the calendar of the ICU takes
            return f"make_timestamp(epoch_us({column}))"
        return f"timezone({literal(self.timezone)}, {column})"

    def dimension(self, name: str, table: str) -> str:
        """SQL of a group's value: a column of requests (`r`) or decisions (`d`), or a protected attribute (`s`).

        Raises:
            UnknownDimensionError: No record of the store carries it.
        """
        own = REQUESTS if table == "requests" else DECISIONS
        if own.column(name) is not None:
            return f"{'r' if table == 'requests' else 'd'}.{name}"
        if name == "model" and table == "requests":
            return "coalesce(r.model_served, r.model_requested)"
        if table == "decisions" and name in self.columns.get("subjects", ()):
            return f"s.{identifier(name)}"
        raise UnknownDimensionError(name)


def _text(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))


def subject_sql(names: Sequence[str], values: Sequence[str] | None = None) -> str:
    """SQL of the `subject` column of an axis: a JSON object of its dimensions."""
    if not names:
        return "'{}'"
    own = values or [identifier(name) for name in names]
    parts = ", ".join(f"{literal(name)}, CAST({value} AS VARCHAR)" for name, value in zip(names, own, strict=True))
    return f"CAST(json_object({parts}) AS VARCHAR)"


def subject_of(text: str) -> Subject:
    """The subject that a `subject` column holds."""
    return tuple(json.loads(text).items())


def subject_text(subject: Subject) -> str:
    """The text that a `subject` column holds for a subject (DuckDB's spelling of JSON: no spaces, no escapes)."""
    return json.dumps(dict(subject), ensure_ascii=False, separators=(",", ":"))
