"""Requests that used tokens and have no cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from governance.checks import Check, Row
from governance.checks._groups import REQUEST_ID, columns, unattributed
from governance.checks._listed import Listing, listed
from governance.checks._shares import counted, exceeds, observed, told
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope


class CompletenessUnpriced(Check):
    """Complete costs: the share of the requests that used tokens and have no cost.

    What is measured: of the requests that log tokens (more than none), the share with neither a reported nor a computed
    cost, with its Wilson interval, the models that they went to, and their tokens. Requests that log no tokens are
    counted apart: nobody can tell whether they cost anything.

    Why it matters: a total that leaves requests out is too low by an unknown amount, and a budget that passes on it has
    not been kept (NIST AI RMF, MAP 3.2); mostly it is a new model that no price list knows.

    Example:
        - id: priced-requests
          kind: completeness-unpriced
          by: [provider]
          max_share: 0.01
          minimum_n: 1
          severity: medium

    Fields:
        max_share: Share without a cost above which the check fails; exactly on it passes.

    A cost in any currency is one. A cost of 0 is one too: a source that logs 0 where it knows no price has to be mapped
    so that 0 is no value.

    A failure can mean: a model that is missing in the price list; a provider that reports no cost; a mapping that does
    not read the field; or streaming answers whose usage comes too late for the log.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.input_tokens|requests.output_tokens",)

    max_share: float = Field(default=0.0, ge=0, lt=1)

    def statement(self, scope: Scope) -> str:
        tokens = ("free_tokens", "sum(tokens) FILTER (cost IS NULL)")
        named = "CASE WHEN cost IS NULL AND tokens > 0 THEN model END"
        unpriced = Listing("unpriced", "cost IS NULL", named, "tokens > 0", (tokens,))
        return (
            f"WITH records AS NOT MATERIALIZED (SELECT {columns(self, scope)}"
            "coalesce(r.cost_reported, r.cost_computed) AS cost, "
            "coalesce(r.input_tokens, 0) + coalesce(r.output_tokens, 0) AS tokens, "
            f"coalesce(r.model_served, r.model_requested, 'unknown') AS model, {REQUEST_ID} AS id, r.start_ts AS ts "
            f"FROM {scope.requests()} r) "
            f"{listed(self, [unpriced], 'records')} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        counts = {"requests": row["records"], "with_tokens": row["n"], "unpriced": row["marked"]}
        counts |= {"unpriced_tokens": row["free_tokens"], "models": counted(row["seen"])}
        reason = f"none of the {row['records']} requests logs tokens" if row["n"] == 0 else None
        return observed(row, "unpriced_share", counts, reason)

    def limit(self) -> Mapping[str, float]:
        return {"max_share": self.max_share}

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        if exceeds(counts["unpriced"], n, self.max_share):
            tokens = f"{counts['unpriced_tokens']:,} tokens"
            said = f"{counts['unpriced']:,} of {n:,} requests with tokens have no cost ({tokens})"
            return Judgement(Verdict.FAILED, f"{who}{said}: {told(counts['models'])}", self.limit())
        return Judgement(Verdict.PASSED, who or None, self.limit())
