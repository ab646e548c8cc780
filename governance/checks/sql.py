"""A figure of one's own, by one read-only SELECT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row, above, below
from governance.checks._groups import unattributed
from governance.engines.duckdb import Engine, EngineError, identifier
from governance.engines.statements import Selection, selection
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql
from governance.tables import CANONICAL, PER_MODEL

_SCOPED = ("requests", "decisions")
_RESTRICTED = ("payloads", "quarantine", *PER_MODEL)  # bodies and raw bytes never go into a subject or a value
_VIEWS = tuple(name for name in CANONICAL if name not in _RESTRICTED)
_OWN = ("value", "n", "samples")


class Sql(Check):
    """A figure of one's own: one read-only SELECT, judged against a lower and an upper limit.

    What is measured: what the statement returns, a row for each subject: `value`, the figure; `n`, the records under
    it; `samples`, if it is there, a list of request ids; and a column for each name in `by`, which is the subject.
    `requests` and `decisions` are those of the window that the policy applies to; all other views hold everything that
    the store knows, and `$start` and `$end` are the bounds of the window.

    Why it matters: no list of kinds is complete; a figure that a policy needs should stand in the policy, where it is
    reviewed, versioned and repeated like every other (Regulation (EU) 2024/1689, article 17(1)(d)).

    Example:
        - id: retries
          kind: sql
          by: [provider]
          sql: |
            SELECT provider, avg(retries) AS value, count(retries) AS n
            FROM requests GROUP BY provider
          max: 0.2
          unit: retries
          severity: low

    Fields:
        sql: One SELECT over the canonical tables (without bodies and quarantine) and each model's inputs, as
            "features:NAME". A policy with anything else is refused when it is read: files, functions that read them,
            the clock, chance, other schemas, recursion.
        min: Value below which the check fails; exactly on it passes.
        max: Value above which the check fails; exactly on it passes.
        unit: Unit of the value, as reports show it.

    Every column besides `value`, `n` and `samples` must be named in `by`, as one axis. A subject that comes twice is an
    error of the statement, so that the check is errored, as it is for inputs of a model that the store does not hold.
    There is no interval, as nobody knows what the figure is.

    A failure can mean: whatever the statement measures; read it first.
    """

    why_nothing: ClassVar[str | None] = "the statement returns no row for this window"

    sql: str = Field(min_length=1)
    min: float | None = None
    max: float | None = None
    unit: str = ""

    @model_validator(mode="after")
    def _can_run(self) -> Sql:
        if self.min is None and self.max is None:
            raise ValueError("give `min`, `max` or both: without a limit nothing can fail")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("`min` is above `max`: no value could pass")
        if len(self.by) > 1 or self.per is not None or self.where is not None:
            raise ValueError(
                "`by` is one list of columns of the statement; `per` and `where` belong into the statement"
            )
        found = self.selected()
        if found.refusal:
            raise ValueError(f"the statement is refused: {found.refusal}")
        for name in ("value", "n", *self.dimensions):
            if name not in found.columns:
                raise ValueError(f"the statement returns no column '{name}'")
        for column in found.columns:
            if column not in (*_OWN, *self.dimensions):
                raise ValueError(f"name the column '{column or '*'}' in `by`, or leave it out")
        if len(set(found.columns)) < len(found.columns):
            raise ValueError("the statement returns a column twice")
        return self

    def selected(self) -> Selection:
        """What the statement reads and returns."""
        return _selected(self.sql)

    def statement(self, scope: Scope) -> str:
        found = self.selected()
        relations = {"requests": scope.requests, "decisions": scope.decisions}
        scoped = [f"{name} AS (SELECT * FROM {relations[name]()})" for name in _SCOPED if name in found.tables]
        samples = "samples" if "samples" in found.columns else "CAST([] AS VARCHAR[]) AS samples"
        subject = subject_sql(self.dimensions, [f"answer.{identifier(name)}" for name in self.dimensions])
        answers = ", ".join([*scoped, f"answer AS (\n{self.sql.strip()}\n)"])
        return (
            f"WITH {answers} SELECT 0 AS axis, {subject} AS subject, CAST(value AS DOUBLE) AS value, "
            f"CAST(n AS BIGINT) AS n, {samples} FROM answer ORDER BY subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        subjects = [row["subject"] for row in rows]
        if len(set(subjects)) < len(subjects):
            raise EngineError("the statement returns several rows for one subject; group by what `by` names")
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        reason = f"the statement gives no figure for {row['n'] or 0} records" if row["value"] is None else None
        samples = tuple(str(item) for item in (row["samples"] or ())[:10] if item is not None)
        value = None if reason else float(row["value"])
        subject = subject_of(row["subject"])
        return Observation(subject, self.id, value, self.unit, row["n"] or 0, {}, None, samples, reason)

    def limit(self) -> Mapping[str, Any]:
        return {name: value for name, value in {"min": self.min, "max": self.max}.items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        value, who = observation.value or 0.0, unattributed(observation.subject)
        shown = f"{value:.6g} {self.unit}".rstrip()
        if self.min is not None and below(value, self.min):
            return Judgement(Verdict.FAILED, f"{who}{shown}, below {self.min:g}", self.limit())
        if self.max is not None and above(value, self.max):
            return Judgement(Verdict.FAILED, f"{who}{shown}, above {self.max:g}", self.limit())
        return Judgement(Verdict.PASSED, who or None, self.limit())


@cache
def _selected(sql: str) -> Selection:
    with Engine() as engine:
        return selection(engine, sql, views=_VIEWS, parameters=("start", "end"))
