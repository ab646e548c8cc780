"""Gaps in numbers that count up: records that were written and are not here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, field_validator

from governance.checks import Check, Measurement, Row
from governance.checks._groups import REQUEST_ID, columns, grouped, keys, unattributed
from governance.checks._shares import LISTED, exceeds
from governance.engines.duckdb import Engine, identifier, literal
from governance.errors import nearest
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of
from governance.tables import REQUESTS, TEXT

_TAG = "tags."


class CompletenessSequence(Check):
    """Complete numbers: gaps in a sequence that the source counts up, such as the number at the end of its ids.

    What is measured: the number in `field` of each request of the window, where it has one; from the smallest to the
    largest, the share of the numbers that no request has. The counts name the missing numbers, the longest gaps with
    the requests before and after them, numbers that came twice, and requests without a number.

    Why it matters: whoever deletes a record from a log before it is read here leaves a gap in such numbers and nowhere
    else; a log must show the events over the lifetime of the system (Regulation (EU) 2024/1689, articles 12(1) and
    26(6)).

    Example:
        - id: no-missing-numbers
          kind: completeness-sequence
          by: [service_name]
          field: request_id
          pattern: "-([0-9]+)$"
          max_share: 0
          severity: high

    Fields:
        field: Column of the requests that holds the number, or `tags.NAME`.
        pattern: Regular expression (RE2) whose first group is the number; the whole value unless given.
        max_share: Share of missing numbers above which the check fails; exactly on it passes.

    Each group has a sequence of its own: `by` must name whatever counts separately, such as the service. Two requests
    are enough for a verdict, unless `minimum_n` says otherwise. What is missing before the first and after the last
    number of the window is not seen; nor is anything where a counter starts again at the same numbers. There is no
    interval: every number is looked at.

    A failure can mean: records that were deleted or lost on the way; a source that numbers what it does not log; a
    counter that several services share; or numbers that are taken and given up again (as databases do).
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.request_id",)

    field: str = "request_id"
    pattern: str = "^([0-9]+)$"
    max_share: float = Field(default=0.0, ge=0, lt=1)
    minimum_n: int = Field(default=2, ge=2)

    @field_validator("field")
    @classmethod
    def _is_text(cls, value: str) -> str:
        texts = [column.name for column in REQUESTS.columns if column.type == TEXT]
        if value not in texts and not value.startswith(_TAG):
            hint = nearest(value, texts)
            raise ValueError(f"no text column of requests is called '{value}'{f'; {hint}' if hint else ''}")
        return value

    @field_validator("pattern")
    @classmethod
    def _has_a_group(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"this is no regular expression: {error}") from error
        if groups < 1:
            raise ValueError("the pattern has no group in parentheses that the number could be")
        return value

    def bound(self, scope: Scope) -> dict[str, Any]:
        tag = {"tag": self.field.removeprefix(_TAG)} if self.field.startswith(_TAG) else {}
        return scope.parameters | {"pattern": self.pattern} | tag

    def statement(self, scope: Scope) -> str:
        "r.tags[$tag]" if self.field.startswith(_TAG) else f"r.{self.field}"
        parts = []
        for place, axis in enumerate(self.axes):
            own = self.model_copy(update={"by": (axis,) if axis else ()})
            groups = "".join(f"{key}, " for key in keys(self, axis))
            order = f"OVER (PARTITION BY {groups}number IS NULL ORDER BY number)"
            steps = (
                f"SELECT {groups}number, number - lag(number) {order} - 1 AS missing, lag(number) {order} AS before "
                "FROM records"
            )
            parts.append(f"SELECT * REPLACE ({place} AS axis) FROM ({grouped(own, _FIGURES, f'({steps})')})")
        return (
            f"WITH records AS NOT MATERIALIZED ({self._numbers(scope)}) {' UNION ALL '.join(parts)} "
            "ORDER BY axis, subject"
        )

    def _numbers(self, scope: Scope) -> str:
        """SELECT of the groups, the number and the id of each request."""
        value = "r.tags[$tag]" if self.field.startswith(_TAG) else f"r.{self.field}"
        return (
            f"SELECT {columns(self, scope)}TRY_CAST(regexp_extract({value}, $pattern, 1) AS HUGEINT) AS number, "
            f"{REQUEST_ID} AS id FROM {scope.requests()} r"
        )

    def measure(self, engine: Engine, scope: Scope) -> Measurement:
        """Runs the statement, and looks up the requests before and after each of the longest gaps."""
        sql, parameters = self.statement(scope), self.bound(scope)
        rows = [self._with_ids(engine, scope, row) for row in engine.records(sql, parameters)]
        return Measurement(self.observe(rows, scope), sql, parameters)

    def _with_ids(self, engine: Engine, scope: Scope, row: Row) -> Row:
        if not row["gaps"]:
            return row
        named = {identifier(f"group_{name}"): value for name, value in subject_of(row["subject"])}
        tests = [f"{key} IS NOT DISTINCT FROM {'NULL' if v is None else literal(v)}" for key, v in named.items()]
        sides = {str(int(gap[side]) + step) for gap in row["gaps"] for side, step in (("first", -1), ("last", 1))}
        rows = engine.rows(
            "SELECT CAST(number AS VARCHAR), min(id), max(id) FROM ("
            f"{self._numbers(scope)}) WHERE {' AND '.join([f'number IN ({_listed(sides)})', *tests])} GROUP BY number",
            self.bound(scope),
        )
        ids = {number: (first, last) for number, first, last in rows}
        gaps = [
            gap | {"before": ids[str(int(gap["first"]) - 1)][1], "after": ids[str(int(gap["last"]) + 1)][0]}
            for gap in row["gaps"]
        ]
        return row | {"gaps": gaps}

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        missing = int(row["missing"] or 0)
        gaps: list[dict[str, str]] = row["gaps"] or []
        counts = {"requests": row["records"], "numbered": row["n"], "unnumbered": row["records"] - row["n"]}
        counts |= {"first": row["first"], "last": row["last"], "missing": missing, "repeated": row["repeated"]}
        counts |= {"gaps": gaps}
        reason = f"none of the {row['records']} requests has a number in '{self.field}'" if row["n"] == 0 else None
        samples = tuple(dict.fromkeys(gap[side] for gap in gaps for side in ("before", "after")))[:LISTED]
        subject = subject_of(row["subject"])
        facts = {"missing": missing, "distinct": row["distinct"]}
        value = None if reason else row["value"]
        return Observation(subject, "missing_share", value, "share", row["n"], counts, None, samples, reason, facts)

    def limit(self) -> Mapping[str, Any]:
        return {"max_share": self.max_share, "field": self.field}

    def judge(self, observation: Observation) -> Judgement:
        counts, facts, who = observation.counts, observation.facts, unattributed(observation.subject)
        missing, wanted = facts["missing"], facts["missing"] + facts["distinct"]
        unnumbered = f"{counts['unnumbered']} more have no number" if counts["unnumbered"] else ""
        if exceeds(missing, wanted, self.max_share):
            longest = counts["gaps"][0]
            said = f"{missing:,} of {wanted} numbers are missing; the longest gap from {longest['first']}"
            said += f" to {longest['last']}"
            return Judgement(Verdict.FAILED, f"{who}{said}{'; ' if unnumbered else ''}{unnumbered}", self.limit())
        return Judgement(Verdict.PASSED, f"{who}{unnumbered}" or None, self.limit())


def _listed(numbers: Iterable[str]) -> str:
    return ", ".join(f"CAST({number} AS HUGEINT)" for number in sorted(numbers))


_FIGURES = (
    "CAST(sum(greatest(missing, 0)) AS DOUBLE) / CAST(max(number) - min(number) + 1 AS DOUBLE) AS value, "
    "count(number) AS n, count(*) AS records, count(number) - count(*) FILTER (missing = -1) AS distinct, "
    "CAST(min(number) AS VARCHAR) AS first, CAST(max(number) AS VARCHAR) AS last, "
    "CAST(sum(greatest(missing, 0)) AS VARCHAR) AS missing, count(*) FILTER (missing = -1) AS repeated, "
    "arg_max({'first': CAST(before + 1 AS VARCHAR), 'last': CAST(number - 1 AS VARCHAR), "
    "'missing': CAST(missing AS VARCHAR)}, (missing, number), 5) "
    "FILTER (missing > 0) AS gaps"
)
