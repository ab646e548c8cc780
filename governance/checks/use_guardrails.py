"""Whether guardrails run, and how often they deny or change what they see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from governance.checks import Check, Row
from governance.checks._groups import REQUEST_ID, columns, unattributed
from governance.checks._shares import Measure, breach, exceeds, observed, shares
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope
from governance.wording import percent

NOT_RUN = "not_run"
_SAID = {NOT_RUN: "were not looked at", "denied": "were denied", "modified": "were changed"}


class UseGuardrails(Check):
    """Guardrails: the share of requests that they did not look at, denied or changed.

    What is measured: with `max_not_run`, the share of requests without a verdict of the guardrail (a verdict `not_run`
    or `error` is none); with `max_denied` and `max_modified`, of the requests that it looked at, the share that it
    denied or changed; each with its Wilson interval. A request with several verdicts of one guardrail counts once, with
    the strictest.

    Why it matters: a guardrail is the risk-management measure that a system was approved with (Regulation (EU)
    2024/1689, article 9(5)); one that is skipped under load protects nobody, and one that denies too much or nothing
    at all has usually changed without anybody noticing (NIST AI 600-1, MANAGE 2.2).

    Example:
        - id: guardrails-run
          kind: use-guardrails
          guardrails: [pii, prompt-injection]
          max_not_run: 0.001
          max_denied: 0.05
          severity: high

    Fields:
        guardrails: Names, as the log gives them, each a subject of its own. Without them any verdict counts, so that
            one guardrail of several is enough.
        max_not_run: Share of requests without a verdict above which the check fails; exactly on it passes.
        max_denied: Share denied above which the check fails, if the whole interval lies above; else it warns.
        max_modified: Share changed above which the check fails, if the whole interval lies above; else it warns.

    Where the store holds no verdict of any guardrail nothing is assessed: nobody can tell then whether none ran, or
    whether they were not logged.

    A failure can mean: a route that leads around the guardrail; a timeout after which requests pass unseen; an attack;
    or a rule that became too strict.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("guardrails.verdict",)

    guardrails: tuple[str, ...] = ()
    max_not_run: float | None = Field(default=None, ge=0, lt=1)
    max_denied: float | None = Field(default=None, ge=0, lt=1)
    max_modified: float | None = Field(default=None, ge=0, lt=1)

    @field_validator("guardrails", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _some_limit(self) -> UseGuardrails:
        if not self._limits():
            raise ValueError("give `max_not_run`, `max_denied` or `max_modified`")
        return self

    def _limits(self) -> dict[str, float]:
        named = {NOT_RUN: self.max_not_run, "denied": self.max_denied, "modified": self.max_modified}
        return {name: limit for name, limit in named.items() if limit is not None}

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | ({"guardrails": list(self.guardrails)} if self.guardrails else {})

    def statement(self, scope: Scope) -> str:
        conditions = {
            NOT_RUN: Measure(NOT_RUN, "NOT ran"),
            "denied": Measure("denied", "denied", "ran"),
            "modified": Measure("modified", "modified", "ran"),
        }
        measures = [conditions[name]._replace(also="max(stored) AS stored") for name in self._limits()]
        named, key = ("guardrail, ", "guardrail") if self.guardrails else ("", None)
        each = "CROSS JOIN (SELECT unnest($guardrails) AS guardrail) g " if self.guardrails else ""
        group = 'g.guardrail AS "group_guardrail", ' if self.guardrails else ""
        same = " AND j.guardrail = g.guardrail" if self.guardrails else ""
        verdict = "coalesce(max(CASE WHEN verdict = '{}' THEN 1 ELSE 0 END), 0) = 1 AS {}"
        return (
            f"WITH judged AS (SELECT {named}request_uid, "
            "max(CASE WHEN verdict NOT IN ('not_run', 'error') THEN 1 ELSE 0 END) = 1 AS ran, "
            f"{verdict.format('deny', 'denied')}, {verdict.format('modify', 'modified')} "
            f"FROM guardrails GROUP BY {named}request_uid), "
            f"seen AS (SELECT {columns(self, scope)}{group}coalesce(j.ran, false) AS ran, coalesce(j.denied, false) "
            "AS denied, coalesce(j.modified, false) AND NOT coalesce(j.denied, false) AS modified, k.stored, "
            f"{REQUEST_ID} AS id, r.start_ts AS ts FROM {scope.requests()} r {each}"
            "CROSS JOIN (SELECT count(*) AS stored FROM guardrails) k "
            f"LEFT JOIN judged j ON j.request_uid = r.request_uid{same}) "
            f"{shares(self, measures, 'seen', key=key)} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        counts = {"requests": row["records"], "looked_at": row["n"], row["measure"]: row["marked"]}
        if row["measure"] == NOT_RUN:
            counts["looked_at"] = row["records"] - row["marked"]
        reason = None
        if row["stored"] == 0:
            reason = f"the store holds no verdict of a guardrail on any of {row['records']} requests; log them"
        elif row["n"] == 0:
            reason = f"no guardrail looked at any of the {row['records']} requests"
        return observed(row, f"{row['measure']}_share", counts, reason)

    def limit(self) -> Mapping[str, Any]:
        return {f"max_{name}": limit for name, limit in self._limits().items()}

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        measure = observation.metric.removesuffix("_share")
        most = self._limits()[measure]
        if not exceeds(counts[measure], n, most):
            return Judgement(Verdict.PASSED, who or None, self.limit())
        said = (
            f"{counts[measure]:,} of {n:,} requests {_SAID[measure]} ({observation.value:.2%}, above {percent(most)})"
        )
        found = breach(observation, counts[measure], None, most)
        if measure == NOT_RUN or (found is not None and found.is_certain):
            return Judgement(Verdict.FAILED, f"{who}{said}", self.limit())
        return Judgement(Verdict.WARNED, f"{who}{said}, which may be chance", self.limit())
