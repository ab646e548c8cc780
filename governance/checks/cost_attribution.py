"""Whether the bill can be charged to somebody: parts that add up to the total, with what nobody owns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

from pydantic import Field, field_validator

from governance.checks import Check, Row
from governance.checks._costs import COST, usd
from governance.checks._groups import REQUEST_ID, columns, subject_column
from governance.checks._shares import LISTED
from governance.engines.duckdb import identifier
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql


class CostAttribution(Check):
    """Attribution: the share of the cost that no business unit, team or person can be charged with.

    What is measured: for each axis in `by`, the cost of the requests (in exact decimals, as in `cost-budget`) that
    carry no value for it, divided by the cost of all. Beside it the dearest parts, and the sum of all others: with the
    unattributed part they add up to the total, to the last digit. An axis of several columns is attributed where each
    of them has a value.

    Why it matters: a cost that nobody owns is one that nobody controls (NIST AI RMF, GOVERN 2.1 on who is responsible,
    MAP 3.2 on cost); usage that cannot be charged is often a shared key or a job that everybody forgot.

    Example:
        - id: who-pays
          kind: cost-attribution
          by: [business_unit, project]
          per: month
          max_share: 0.02
          severity: low

    Fields:
        max_share: Share of the cost without an owner above which the check fails; exactly on it passes.

    `by` says to whom; each axis is a finding, told apart by `measure`. One request is enough for a verdict, unless
    `minimum_n` says otherwise. There is no interval: this is the whole bill, not a sample. Requests without a cost in
    USD are counted, and may belong to anybody.

    A failure can mean: a client that sends no tags; a new team without a key of its own; or a mapping that does not
    read the field.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.cost_reported|requests.cost_computed",)

    by: tuple[tuple[str, ...], ...] = Field(min_length=1)
    max_share: float = Field(ge=0, lt=1)
    minimum_n: int = Field(default=1, ge=1)

    @field_validator("by")
    @classmethod
    def _some_owner(cls, value: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        if not all(value):
            raise ValueError("an axis names nobody to charge")
        return value

    def statement(self, scope: Scope) -> str:
        axes = [self._axis(place, axis) for place, axis in enumerate(self.by)]
        return (
            f"WITH records AS (SELECT {columns(self, scope)}{COST} AS cost, {REQUEST_ID} AS id "
            f"FROM {scope.requests()} r) {' UNION ALL '.join(axes)} ORDER BY axis, subject"
        )

    def _axis(self, place: int, axis: Sequence[str]) -> str:
        """The parts of an axis, summed: one row for each part of the calendar."""
        own = [identifier(f"group_{name}") for name in axis]
        calendar = self.model_copy(update={"by": ()})
        key = f"{identifier(f'group_{self.per}')}, " if self.per else ""
        known = " AND ".join(f"{column} IS NOT NULL" for column in own)
        part = subject_sql(list(axis), own)
        parts = (
            f"SELECT {key}{part} AS part, {known} AS is_known, sum(cost) AS spent, count(*) AS requests, "
            f"count(cost) AS priced, arg_max(id, (cost, id), {LISTED}) FILTER (cost > 0 AND NOT ({known})) AS samples "
            f"FROM records GROUP BY {key}{', '.join(own)}"
        )
        figures = (
            "CAST(coalesce(sum(spent) FILTER (NOT is_known), 0) AS DOUBLE) / nullif(CAST(sum(spent) AS DOUBLE), 0) "
            "AS value, CAST(sum(requests) AS BIGINT) AS n, CAST(sum(priced) AS BIGINT) AS priced, "
            "CAST(sum(spent) AS VARCHAR) AS total, CAST(sum(spent) FILTER (NOT is_known) AS VARCHAR) AS unattributed, "
            "count(*) FILTER (is_known AND spent > 0) AS parts, "
            f"arg_max({{'part': part, 'spent': CAST(spent AS VARCHAR)}}, (spent, part), {LISTED}) "
            "FILTER (is_known AND spent > 0) AS dearest, "
            f"list_slice(flatten(list(samples) FILTER (NOT is_known)), 1, {LISTED}) AS samples"
        )
        subject = subject_column(calendar, (), "+".join(axis))
        by = f" GROUP BY {key.removesuffix(', ')}" if key else ""
        return f"SELECT {place} AS axis, {subject} AS subject, {figures} FROM ({parts}){by} HAVING count(*) > 0"

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        total, unattributed = Decimal(row["total"] or 0), Decimal(row["unattributed"] or 0)
        dearest = {item["part"]: item["spent"] for item in row["dearest"] or ()}
        others = total - unattributed - sum((Decimal(spent) for spent in dearest.values()), Decimal(0))
        counts: dict[str, Any] = {
            "requests": row["n"],
            "unpriced": row["n"] - row["priced"],
            "total_usd": str(total),
            "unattributed_usd": str(unattributed),
            "parts": row["parts"],
            "dearest": dearest,
            "others_usd": str(others),
        }
        reason = None
        if row["total"] is None:
            reason = f"none of the {row['n']} requests has a cost in USD; log it, or its tokens and a price"
        elif total == 0:
            reason = f"the {row['priced']} requests with a cost cost nothing"
        value = None if reason else row["value"]
        samples = tuple(row["samples"] or ())
        subject = subject_of(row["subject"])
        return Observation(subject, "unattributed_share", value, "share", row["n"], counts, None, samples, reason)

    def limit(self) -> Mapping[str, Any]:
        return {"max_share": self.max_share}

    def judge(self, observation: Observation) -> Judgement:
        counts = observation.counts
        unattributed, total = Decimal(counts["unattributed_usd"]), Decimal(counts["total_usd"])
        unpriced = (
            f"{counts['unpriced']:,} of {observation.n:,} requests have no cost in USD" if counts["unpriced"] else ""
        )
        if Fraction(unattributed) > Fraction(str(self.max_share)) * Fraction(total):
            name = dict(observation.subject)["measure"]
            said = f"{usd(unattributed)} of {usd(total)} have no {name} ({observation.value:.1%})"
            return Judgement(Verdict.FAILED, f"{said}{'; ' if unpriced else ''}{unpriced}", self.limit())
        return Judgement(Verdict.PASSED, unpriced or None, self.limit())
