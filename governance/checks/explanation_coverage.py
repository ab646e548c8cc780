"""Whether decisions can be explained: stored contributions, or the rule or person that decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Literal

from pydantic import Field

from governance.checks import Check, Row
from governance.checks._groups import columns, decided, grouped, unattributed
from governance.engines.duckdb import identifier
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.sample_ids import ids
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import wilson

_VIEWS = "attributions:"
COUNTED = tuple(
    "explained by_model by_rule by_person without not_additive other_score against_score".split()
)  # what became of the decisions that are due


class ExplanationCoverage(Check):
    """Explanations: for which share of the decisions the store holds what decided, and why.

    What is measured: the share of the adverse decisions (or of all) that are explained, with its Wilson interval. What
    explains a decision depends on what decided it: a rule, that its `rule_id` is logged; a person, that a completed
    review names the reviewer; a model, a cache, a fallback or an unknown stage, contributions of the inputs that are
    stored for this decision, add up to the model's output, and lead to the score that was logged. Contributions that do
    not are counted and explain nothing; nor do those of an adverse decision whose logged score lies on the favourable
    side of the logged threshold, by the direction that the model is registered with: something else decided then.

    Why it matters: a person who was refused must be given the specific reasons (12 CFR 1002.9(b)(2)) and can ask how
    the system came to them (Regulation (EU) 2024/1689, article 86(1)); reasons that another score would have had are
    none.

    Example:
        - id: reasons-for-refusals
          kind: explanation-coverage
          of: adverse
          min_share: 0.99
          additivity: 1.0e-6
          severity: high

    Fields:
        of: `adverse` (decisions that are logged as not favourable, or that the policy's `favourable` does not name) or
            `all`.
        min_share: Share explained below which the check fails; exactly on it passes.
        additivity: Largest difference between base value plus contributions and the model's output, in margin space.
            Without it only the logged score is compared, within the tolerance stored beside the contributions.

    Every decision counts, so one record is enough for a verdict unless `minimum_n` says otherwise. Decisions of which
    nobody knows whether they were adverse are counted apart.

    A failure can mean: people were refused against the score, by a hand or a rule that left no trace in the log;
    `governance explain --window W --adverse` was not run; the model is not registered, or under
    another version; another model decided than the one that is registered; or inputs were logged that are not those
    that were scored.
    """

    needs: ClassVar[tuple[str, ...]] = ("decisions.favourable", "attributions.*")

    of: Literal["adverse", "all"] = "adverse"
    min_share: float = Field(default=1.0, gt=0, le=1)
    additivity: float | None = Field(default=None, gt=0)
    minimum_n: int = Field(default=1, ge=1)

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | ({"additivity": self.additivity} if self.additivity is not None else {})

    def statement(self, scope: Scope) -> str:
        is_due = "true" if self.of == "all" else "NOT favourable"
        return (
            f"WITH stored AS ({self._stored(scope)}), "
            "contributions AS (SELECT decision_id, max(CASE WHEN adds_up AND fits THEN 1 ELSE 0 END) AS explains, "
            "max(CASE WHEN adds_up THEN 1 ELSE 0 END) AS adds_up FROM stored GROUP BY decision_id), "
            "persons AS (SELECT decision_id, count(*) AS reviews FROM reviews "
            "WHERE completed_ts IS NOT NULL AND reviewer IS NOT NULL GROUP BY decision_id), "
            "directions AS (SELECT model, version, min(adverse) AS adverse FROM models GROUP BY ALL "
            "HAVING count(DISTINCT adverse) = 1), "
            f"records AS (SELECT {columns(self, scope)}d.favourable, d.deciding_stage AS stage, d.decision_ts, "
            "c.explains, c.adds_up, CASE WHEN d.deciding_stage = 'rule' THEN d.rule_id IS NOT NULL "
            "WHEN d.deciding_stage = 'human' THEN p.reviews IS NOT NULL "
            f"ELSE coalesce(c.explains, 0) = 1 AND NOT {_AGAINST} END AS is_explained, {_AGAINST} AS is_against, "
            f"d.decision_id AS id FROM {decided(self, scope)} "
            "LEFT JOIN directions m ON m.model = d.model AND m.version = coalesce(d.model_version, '') "
            "LEFT JOIN contributions c ON c.decision_id = d.decision_id "
            "LEFT JOIN persons p ON p.decision_id = d.decision_id), "
            f"due AS (SELECT *, {is_due} AS is_due, coalesce(stage, '') NOT IN ('rule', 'human') AS by_model "
            "FROM records) "
            f"{grouped(self, _FIGURES, 'due')} ORDER BY axis, subject"
        )

    def _stored(self, scope: Scope) -> str:
        """Every row of contributions of every model: whether it adds up, and whether it leads to the logged score."""
        adds_up = "additivity_error <= $additivity" if self.additivity is not None else "true"
        fits = "coalesce(score_error <= score_tolerance, true)"
        found = [
            f"SELECT decision_id, {adds_up} AS adds_up, {fits} AS fits FROM {identifier(name)}"
            for name in scope.columns
            if name.startswith(_VIEWS)
        ]
        nothing = "SELECT CAST(NULL AS VARCHAR) AS decision_id, false AS adds_up, false AS fits WHERE false"
        return " UNION ALL ".join(found) or nothing

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        n, explained = row["n"], row["explained"]
        counts = {"due": n} | {name: row[name] for name in ("decisions", *COUNTED, "unknown_favourable")}
        reason = self._why_no_share(row)
        interval = None if reason else wilson(explained, n)
        samples = ids(row["samples"])
        return Observation(
            subject_of(row["subject"]), "explained_share", row["value"], "share", n, counts, interval, samples, reason
        )

    def _why_no_share(self, row: Row) -> str | None:
        if row["n"]:
            return None
        if row["unknown_favourable"]:
            unknown = f"{row['unknown_favourable']} of {row['decisions']} decisions"
            return f"{unknown} do not say whether they are adverse, and no other is"
        return f"none of the {row['decisions']} decisions is adverse"

    def limit(self) -> Mapping[str, Any]:
        own = {"of": self.of, "min_share": self.min_share, "additivity": self.additivity}
        return {name: value for name, value in own.items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        causes = {
            "have no contributions stored": counts["without"],
            "have contributions that do not add up": counts["not_additive"],
            "have contributions that lead to another score than the logged one": counts["other_score"],
            "were adverse although their score lies on the favourable side of the threshold": counts["against_score"],
        }
        said = f"{counts['explained']:,} of {n:,} decisions are explained"
        said += "".join(f"; {count} {cause}" for cause, count in causes.items() if count)
        nameless = n - counts["explained"] - sum(causes.values())
        said += f"; {nameless} name no rule or person" if nameless else ""
        unknown = counts["unknown_favourable"] if self.of == "adverse" else 0
        said += f"; {unknown} more may be adverse" if unknown else ""
        if Fraction(counts["explained"], n) < Fraction(str(self.min_share)):
            return Judgement(Verdict.FAILED, f"{who}{said}", self.limit())
        return Judgement(Verdict.PASSED, f"{who}{said}" if who or unknown else None, self.limit())


_AGAINST = (
    "coalesce(NOT d.favourable AND CASE m.adverse WHEN 'up' THEN d.score < d.threshold "
    "WHEN 'down' THEN d.score > d.threshold END, false)"
)
_FIGURES = (
    "count(*) FILTER (is_due AND is_explained) / nullif(count(*) FILTER (is_due), 0) AS value, "
    "count(*) FILTER (is_due) AS n, count(*) AS decisions, count(*) FILTER (is_due AND is_explained) AS explained, "
    "count(*) FILTER (is_due AND is_explained AND by_model) AS by_model, "
    "count(*) FILTER (is_due AND is_explained AND stage = 'rule') AS by_rule, "
    "count(*) FILTER (is_due AND is_explained AND stage = 'human') AS by_person, "
    "count(*) FILTER (is_due AND by_model AND explains IS NULL) AS without, "
    "count(*) FILTER (is_due AND by_model AND adds_up = 0) AS not_additive, "
    "count(*) FILTER (is_due AND by_model AND adds_up = 1 AND explains = 0) AS other_score, "
    "count(*) FILTER (is_due AND by_model AND explains = 1 AND is_against) AS against_score, "
    "count(*) FILTER (favourable IS NULL) AS unknown_favourable, "
    "arg_min({'ts': decision_ts, 'id': id}, (decision_ts, id), 10) FILTER (is_due AND NOT is_explained) AS samples"
)
