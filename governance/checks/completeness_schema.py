"""Whether a source still fills the fields that it filled before: its schema drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from governance.checks import Check, Row, above
from governance.checks._groups import columns, grouped, unattributed
from governance.checks.output_quality import ReferenceWindow
from governance.engines.duckdb import identifier, literal
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql
from governance.measurement.statistics import newcombe
from governance.tables import CONFLICT, DECISIONS, FEATURES, PROVENANCE, REQUESTS, TEXT
from governance.wording import points

_VIEWS = "features:"
_OURS = {column.name for column in (CONFLICT, *PROVENANCE)}
_CHANCE = 0.05  # chosen here, as is usual


class Change(NamedTuple):
    """How often a field was filled before, and is now."""

    field: str
    was: int
    now: int


class CompletenessSchema(Check):
    """Schema of the source: whether requests, decisions or inputs still fill the fields that they filled before.

    What is measured: for each source (or group), the share of the records that fill a field, now and in the reference
    window, for each canonical column or each input of a model; the figure is the largest difference of any field, with
    Newcombe's interval at a level that allows for so many fields (95 % for all of them together). The counts name the
    fields that changed by more than the limit: new, vanished, or filled more or less often.

    Why it matters: a source that was released again renames a field or leaves it out, every record is still stored, and
    each figure that needs the field silently rests on fewer of them (Regulation (EU) 2024/1689, articles 12(1) and
    26(4); SR 26-2 on the quality of inputs).

    Example:
        - id: source-as-before
          kind: completeness-schema
          records: requests
          by: [source]
          reference: {window: previous}
          max_change: 0.05
          ignore: [cache_status, experiment_arm]
          severity: medium

    Fields:
        records: `requests` (unless given), `decisions`, or `features`: the inputs of each model.
        max_change: Difference of the shares above which the check fails; exactly on it passes. Where chance explains
            the difference (the interval holds zero) it warns.
        ignore: Fields that may come and go.
        reference: The window to compare with, as {window: 2026-Q2}; unless given the one before, {window: previous}.
        minimum_n: Records that both windows must have.

    Unless `by` is given there is a subject for each source, or for each model where inputs are looked at; `by` is not
    for inputs, and `per` not for this kind. An empty text is no value. What was never mapped to a column is not seen.

    A failure can mean: a new version of the client, the gateway or the export; a mapping that no longer fits; a field
    that a person switched off for privacy; or another mix of operations in one source.
    """

    records: Literal["requests", "decisions", "features"] = "requests"
    max_change: float = Field(gt=0, lt=1)
    ignore: tuple[str, ...] = ()
    reference: ReferenceWindow = ReferenceWindow(window="previous")

    @model_validator(mode="after")
    def _whole(self) -> CompletenessSchema:
        if self.per is not None:
            raise ValueError("`per` is not for this kind: the windows are compared as wholes")
        if self.records == "features" and self.by:
            raise ValueError("`by` is not for inputs: the subjects are the models")
        return self

    @property
    def table(self) -> str:  # type: ignore[override]  # the field says which records are meant
        """The records that groups are made of."""
        return "requests" if self.records == "requests" else "decisions"

    @property
    def axes(self) -> tuple[tuple[str, ...], ...]:
        """The axes that are measured: the sources, unless others are named."""
        return self.by or (("source",),)

    def _compared(self, scope: Scope) -> Scope:
        return replace(scope, reference=scope.reference or scope.named_window(self.reference.window))

    def bound(self, scope: Scope) -> dict[str, Any]:
        return self._compared(scope).parameters

    def statement(self, scope: Scope) -> str:
        compared = self._compared(scope)
        parts = list(self._inputs(compared) if self.records == "features" else self._columns(compared))
        nothing = "SELECT 0 AS axis, '{}' AS subject, NULL AS n, NULL AS filled, NULL AS fields, NULL AS was_n, "
        joined = " UNION ALL ".join(parts) or f"{nothing}NULL AS was_filled WHERE false"
        return (
            "SELECT *, list_max(list_transform(list_zip(filled, was_filled), "
            f"lambda e: abs(e[1] / n - e[2] / was_n))) AS value FROM ({joined}) ORDER BY axis, subject"
        )

    def _columns(self, scope: Scope) -> Iterator[str]:
        """Of requests or decisions: for each axis one SELECT of `n` and `filled`, now and before."""
        own = REQUESTS if self.records == "requests" else DECISIONS
        fields = {
            column.name: column.type for column in own.columns if column.name not in {*_OURS, *self.ignore, *self.by}
        }
        sides = [self._records(scope, list(fields.items()), is_reference=flag) for flag in (False, True)]
        filled = ", ".join(f"count(f{place})" for place in range(len(fields)))
        for axis in self.axes:
            check = self.model_copy(update={"by": (axis,)})
            now, before = (grouped(check, f"count(*) AS n, [{filled}] AS filled", f"({side})") for side in sides)
            yield _joined(self.axes.index(axis), now, before, list(fields))

    def _records(self, scope: Scope, fields: Sequence[tuple[str, str]], *, is_reference: bool) -> str:
        check = self.model_copy(update={"by": self.axes})
        is_request = self.records == "requests"
        alias = "r" if is_request else "d"
        listed = ", ".join(
            f"{_value(f'{alias}.{name}', kind)} AS f{place}" for place, (name, kind) in enumerate(fields)
        )
        source = f"{scope.requests(reference=is_reference)} r"
        if not is_request:
            source = f"{scope.decisions(reference=is_reference)} d"
            if any(scope.dimension(name, "decisions").startswith("s.") for name in check.dimensions):
                source += " LEFT JOIN subjects s ON s.decision_id = d.decision_id"
        return f"SELECT {columns(check, scope)}{listed} FROM {source}"

    def _inputs(self, scope: Scope) -> Iterator[str]:
        """Of the inputs of each model: one SELECT of `n` and `filled`, now and before."""
        for view, held in sorted(scope.columns.items()):
            fields = [name for name in held if name not in FEATURES.names and name not in self.ignore]
            if not view.startswith(_VIEWS) or not fields:
                continue
            filled = ", ".join(f"count({_value(f'f.{identifier(name)}', TEXT)})" for name in fields)
            subject = subject_sql(["model"], [literal(view.removeprefix(_VIEWS))])
            now, before = (
                f"SELECT {subject} AS subject, count(*) AS n, [{filled}] AS filled "
                f"FROM {scope.decisions(reference=flag)} d JOIN {identifier(view)} f ON f.decision_id = d.decision_id "
                "HAVING count(*) > 0"
                for flag in (False, True)
            )
            yield _joined(0, now, before, fields)

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        n, m = row["n"], row["was_n"]
        counts: dict[str, Any] = {"records": n, "records_before": m or 0, "fields": len(row["fields"])}
        subject = subject_of(row["subject"])
        if not m:
            reason = "the reference window holds no record of it to compare with"
            return Observation(subject, "largest_change", None, "share", n, counts, reason=reason)
        changes = [Change(*one) for one in zip(row["fields"], row["was_filled"], row["filled"], strict=True)]
        changes.sort(key=lambda one: (-abs(one.now / n - one.was / m), one.field))
        moved = [one for one in changes if above(abs(one.now / n - one.was / m), self.max_change)]
        counts["changed"] = [{"field": one.field, "before": one.was / m, "now": one.now / n} for one in moved]
        z = NormalDist().inv_cdf(1 - _CHANCE / 2 / len(changes))
        most = changes[0]
        low, high = newcombe(most.now, n, most.was, m, z)
        interval = (low, high) if most.now * m >= most.was * n else (-high, -low)
        value = float(row["value"])
        return Observation(subject, "largest_change", value, "share", min(n, m), counts, interval)

    def limit(self) -> Mapping[str, Any]:
        return {"max_change": self.max_change, "reference": self.reference.window}

    def judge(self, observation: Observation) -> Judgement:
        who, changed = unattributed(observation.subject), observation.counts["changed"]
        if not changed:
            return Judgement(Verdict.PASSED, who or None, self.limit())
        said = ", ".join(_told(one["field"], one["before"], one["now"]) for one in changed[:3])
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""  # noqa: PLR2004 - a line of a report
        said = f"{who}{said}{more}; fields that changed by more than {points(self.max_change)}: {len(changed)}"
        if observation.interval is not None and observation.interval[0] <= 0:
            return Judgement(Verdict.WARNED, f"{said}, which chance could explain", self.limit())
        return Judgement(Verdict.FAILED, said, self.limit())


def _value(column: str, kind: str) -> str:
    """SQL of a value that counts as one: no empty text."""
    return f"nullif(CAST({column} AS VARCHAR), '')" if kind == TEXT else column


def _joined(place: int, now: str, before: str, fields: Sequence[str]) -> str:
    names = ", ".join(literal(name) for name in fields)
    return (
        f"SELECT {place} AS axis, n.subject, n.n, n.filled, [{names}] AS fields, w.n AS was_n, w.filled AS was_filled "
        f"FROM ({now}) n LEFT JOIN ({before}) w ON w.subject = n.subject"
    )


def _told(field: str, before: float, now: float) -> str:
    if before == 0:
        return f"{field} is new ({now:.1%} filled)"
    if now == 0:
        return f"{field} has vanished ({before:.1%} filled before)"
    return f"{field} went from {before:.1%} to {now:.1%} filled"
