"""How often requests end in an error, against an error budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Literal

from pydantic import Field

from governance.checks import Check, Row
from governance.checks._groups import REQUEST_ID, columns, unattributed
from governance.checks._listed import Listing, listed
from governance.checks._shares import counted, exceeds, observed, told
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope
from governance.wording import percent

Status = Literal["error", "timeout", "blocked", "cancelled", "incomplete"]


class ServiceErrors(Check):
    """Service level: the share of requests that end in an error, against an error budget.

    What is measured: the share of requests with one of the statuses in `counted`, with its Wilson interval; the causes
    (class of the error, else HTTP status, else status) with their numbers; and how much of the error budget is spent,
    which is the share of errors divided by the share that is allowed.

    Why it matters: a system must be resilient against errors, faults and inconsistencies (Regulation (EU) 2024/1689,
    article 15(4)); an error often sends a person to a fallback or to nobody.

    Example:
        - id: error-rate
          kind: service-errors
          by: [model]
          per: week
          max_share: 0.01
          warn_at: 0.8
          minimum_n: 100
          severity: medium

    Fields:
        max_share: Share of errors above which the check fails, that is the whole budget; exactly on it passes.
        warn_at: Share of the budget above which the check warns.
        counted: Statuses that are errors: error and timeout unless named; also blocked, cancelled, incomplete.

    A request that was cancelled by the caller, or blocked by a guardrail, is no error of the service unless `counted`
    says so. A retry that helped is none either: the request is what the client saw.

    A failure can mean: an outage or a rate limit upstream; a deployment that went wrong (compare the parts of the
    calendar); inputs that became longer than the model takes; or a client that sends nonsense.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.status",)

    max_share: float = Field(ge=0, lt=1)
    warn_at: float | None = Field(default=None, gt=0, lt=1)
    counted: tuple[Status, ...] = Field(default=("error", "timeout"), min_length=1)

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | {"counted": list(self.counted)}

    def statement(self, scope: Scope) -> str:
        others = ("others", "count(*) FILTER (status <> 'ok' AND NOT is_error)")
        errors = Listing("errors", "is_error", "CASE WHEN is_error THEN cause END", sums=(others,))
        return (
            f"WITH answers AS NOT MATERIALIZED (SELECT {columns(self, scope)}r.status, "
            "list_contains($counted, r.status) AS is_error, "
            "coalesce(r.error_type, 'HTTP ' || CAST(r.http_status AS VARCHAR), r.status) AS cause, "
            f"{REQUEST_ID} AS id, r.start_ts AS ts FROM {scope.requests()} r) "
            f"{listed(self, [errors], 'answers')} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        counts = {"requests": row["n"], "errors": row["marked"], "other_failures": row["others"]}
        spent = Fraction(row["marked"], row["n"]) / Fraction(str(self.max_share)) if self.max_share else None
        counts |= {"budget_spent": None if spent is None else float(spent), "causes": counted(row["seen"])}
        return observed(row, "error_share", counts)

    def limit(self) -> Mapping[str, Any]:
        own = {"max_share": self.max_share, "warn_at": self.warn_at, "counted": list(self.counted)}
        return {name: value for name, value in own.items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        said = f"{counts['errors']:,} of {n:,} requests failed ({observation.value:.2%})"
        said += f": {told(counts['causes'])}" if counts["causes"] else ""
        if exceeds(counts["errors"], n, self.max_share):
            return Judgement(Verdict.FAILED, f"{who}{said}; {percent(self.max_share)} is allowed", self.limit())
        warned = Fraction(str(self.warn_at)) * Fraction(str(self.max_share)) if self.warn_at is not None else None
        if warned is not None and Fraction(counts["errors"], n) > warned:
            spent = f"{counts['budget_spent']:.0%} of the error budget" if self.max_share else "the error budget"
            return Judgement(Verdict.WARNED, f"{who}{spent} is spent: {said}", self.limit())
        return Judgement(Verdict.PASSED, who or None, self.limit())
