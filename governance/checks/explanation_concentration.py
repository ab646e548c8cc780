"""Whether nearly all adverse decisions have one and the same first reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from governance.checks import Check, Row
from governance.checks._attributions import (
    COUNTED,
    COUNTS,
    DUE,
    Adverse,
    Groups,
    attributed,
    decisions_with_reasons,
    first_reason,
    reasons_of,
    why_no_reasons,
)
from governance.checks._groups import grouped, unattributed
from governance.checks._shares import exceeds
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.sample_ids import ids
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import wilson
from governance.wording import percent

LISTED = 10  # reasons that a finding shows


class Concentration(Check):
    """Concentration of reasons: is one input the first reason for most adverse decisions?

    What is measured: the adverse decisions of the model whose stored contributions lead to the logged score, by their
    first reason (the input, or group of inputs, that pushed hardest the adverse way); the share of the most frequent
    one, with its Wilson interval, and the ten most frequent ones.

    Why it matters: reasons that are the same for everybody tell nobody what to change, and a model that refuses people
    for one thing stands and falls with one input, its errors and its gaps (12 CFR 1002.9(b)(2) and comment 9(b)(2)-2;
    Regulation (EU) 2024/1689, article 86(1)).

    Example:
        - id: not-one-reason-for-all
          kind: explanation-concentration
          groups: {arrears: [pay_0, pay_2, pay_3]}
          adverse: up
          max_share: 0.6
          minimum_n: 50

    Fields:
        groups: Name -> inputs that are one reason.
        adverse: Direction of the model's margin that is bad for the person: `up` or `down`.
        max_share: Share of the most frequent first reason above which the check fails; exactly on it passes.

    A failure can mean: an input that is often missing and then counts as bad; a leak of the outcome into an input; a
    population that differs from the background sample in one thing; or a card that is simply about one thing.
    """

    needs: ClassVar[tuple[str, ...]] = ("decisions.favourable", "attributions.*")

    groups: Groups = Field(default_factory=dict)
    adverse: Adverse
    max_share: float = Field(gt=0, lt=1)

    def statement(self, scope: Scope) -> str:
        models = attributed(scope)
        figures = {view: first_reason(reasons_of(inputs, self.groups)) for view, inputs in models.items() if inputs}
        records = decisions_with_reasons(self, scope, self.groups, self.adverse, figures)
        each = grouped(self, _EACH, "named", also=["reason"])
        sums = ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in ("decisions", "silent", *COUNTED))
        return (
            f"WITH records AS ({records}), named AS (SELECT *, CASE WHEN {DUE} AND fits THEN figure END AS reason "
            f"FROM records), each AS ({each}) SELECT axis, subject, {sums}, {_MOST} FROM each GROUP BY axis, subject "
            "ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        n, most = row["n"] or 0, row["most"] or 0
        counts = {name: row[name] for name in (*COUNTED, "decisions", "silent", "first_reason")}
        counts |= {"explained": n, "with_first_reason": most, "reasons": (row["reasons"] or [])[:LISTED]}
        reason = why_no_reasons(row, n)
        if reason and row["silent"]:
            reason = f"in none of the {row['silent']} explained adverse decisions did an input push the adverse way"
        subject, samples = subject_of(row["subject"]), ids(row["samples"])
        interval = None if reason else wilson(most, n)
        return Observation(subject, "first_reason_share", row["value"], "share", n, counts, interval, samples, reason)

    def limit(self) -> Mapping[str, Any]:
        return {"max_share": self.max_share}

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        often = f"{counts['with_first_reason']:,} of {n:,} adverse decisions"
        said = f"{counts['first_reason']} is the first reason for {often}"
        if exceeds(counts["with_first_reason"], n, self.max_share):
            reason = f"{who}{said} ({observation.value:.1%}, above {percent(self.max_share)})"
            return Judgement(Verdict.FAILED, reason, self.limit())
        return Judgement(Verdict.PASSED, f"{who}{said}" if who else None, self.limit())


_EACH = (
    f"reason, count(*) AS decisions, {COUNTS}, count(*) FILTER ({DUE} AND fits AND figure IS NULL) AS silent, "
    "min({'ts': ts, 'id': id}, 10) AS samples"
)
_MOST = (
    "sum(decisions) FILTER (reason IS NOT NULL) AS n, max(decisions) FILTER (reason IS NOT NULL) AS most, "
    "max(decisions) FILTER (reason IS NOT NULL) / sum(decisions) FILTER (reason IS NOT NULL) AS value, "
    "arg_max(reason, (decisions, reason)) FILTER (reason IS NOT NULL) AS first_reason, "
    "arg_max(samples, (decisions, reason)) FILTER (reason IS NOT NULL) AS samples, "
    "list({'reason': reason, 'n': decisions} ORDER BY decisions DESC, reason) FILTER (reason IS NOT NULL) AS reasons"
)
