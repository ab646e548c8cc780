"""Whether the cost that a source reports is the cost that tokens and prices give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import Field

from governance.checks import Check, Row
from governance.checks._costs import usd
from governance.checks._groups import REQUEST_ID, columns, unattributed
from governance.checks._shares import LISTED, Measure, exceeds, observed, shares
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope


class CostAgreement(Check):
    """Two costs: whether what a source reports agrees with what tokens and prices in force give.

    What is measured: of the requests that have both a reported and a computed cost, the share where they differ by more
    than `tolerance` of the computed one, with its Wilson interval. Beside it both sums in exact decimals and their
    difference; the samples are the requests that differ most.

    Why it matters: each of the two can be wrong: the bill, or the price list that budgets are made with (NIST AI RMF,
    MAP 3.2); where they agree on the whole and differ for single requests, the parts are charged to the wrong people.

    Example:
        - id: two-costs
          kind: cost-agreement
          by: [model]
          tolerance: 0.01
          max_share: 0.02
          severity: low

    Fields:
        tolerance: Difference that still agrees, as a share of the computed cost; exactly so much agrees.
        least_usd: Difference in dollars that always agrees, for sources that round: a millionth unless given.
        max_share: Share that differs above which the check fails; exactly on it passes.

    Requests with one cost alone are counted apart. Both costs of a request are in its one currency, so any currency can
    be compared; the sums are of all of them.

    A failure can mean: a price that changed and was not entered; cached or batch tokens that one side charges in full;
    a discount; or tokens that are counted in another convention.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.cost_reported", "requests.cost_computed")

    tolerance: Decimal = Field(default=Decimal("0.01"), ge=0)
    least_usd: Decimal = Field(default=Decimal("0.000001"), ge=0)
    max_share: float = Field(default=0.0, ge=0, lt=1)

    def bound(self, scope: Scope) -> dict[str, Any]:
        # As text, cast to decimals in the statement: a double of 0.01 is not 0.01
        return scope.parameters | {"tolerance": str(self.tolerance), "least": str(self.least_usd)}

    def statement(self, scope: Scope) -> str:
        off = "abs(reported - computed)"
        differs = (
            f"{off} > CAST($least AS DECIMAL(18, 12)) AND "
            f"{off} > CAST($tolerance AS DECIMAL(18, 12)) * CAST(abs(computed) AS DECIMAL(18, 12))"
        )
        both = "reported IS NOT NULL AND computed IS NOT NULL"
        also = (
            f"CAST(sum(reported) FILTER ({both}) AS VARCHAR) AS reported_sum, "
            f"CAST(sum(computed) FILTER ({both}) AS VARCHAR) AS computed_sum, "
            "count(reported) AS reported_n, count(computed) AS computed_n, "
            f"arg_max(id, ({off}, id), {LISTED}) FILTER ({both} AND {differs}) AS most"
        )
        return (
            f"WITH records AS (SELECT {columns(self, scope)}r.cost_reported AS reported, r.cost_computed AS computed, "
            f"{REQUEST_ID} AS id, r.start_ts AS ts FROM {scope.requests()} r) "
            f"{shares(self, [Measure('differ', differs, both, also)], 'records')} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        reported, computed = Decimal(row["reported_sum"] or 0), Decimal(row["computed_sum"] or 0)
        counts = {
            "requests": row["records"],
            "compared": row["n"],
            "differ": row["marked"],
            "reported_alone": row["reported_n"] - row["n"],
            "computed_alone": row["computed_n"] - row["n"],
            "reported_usd": str(reported),
            "computed_usd": str(computed),
            "difference_usd": str(reported - computed),
        }
        reason = f"none of the {row['records']} requests has both costs" if row["n"] == 0 else None
        return observed(row | {"samples": row["most"]}, "differing_share", counts, reason)

    def limit(self) -> Mapping[str, Any]:
        own = {"tolerance": float(self.tolerance), "least_usd": float(self.least_usd)}
        return {"max_share": self.max_share} | own

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        if exceeds(counts["differ"], n, self.max_share):
            sums = f"{usd(Decimal(counts['reported_usd']))} reported, {usd(Decimal(counts['computed_usd']))} computed"
            said = f"{counts['differ']:,} of {n:,} requests differ by more than {self.tolerance:.2%}; in sum {sums}"
            return Judgement(Verdict.FAILED, f"{who}{said}", self.limit())
        return Judgement(Verdict.PASSED, who or None, self.limit())
