"""Whether stored explanations are of the scores that were logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from governance.checks import Check, Row
from governance.checks._attributions import attributed
from governance.checks._groups import columns, decided, unattributed
from governance.checks._shares import Measure, exceeds, observed, shares
from governance.engines.duckdb import identifier
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope
from governance.wording import percent


class Reproduction(Check):
    """Reproduction: do the stored contributions add up to the score that the log says the person got?

    What is measured: of the stored attributions of decisions whose score was logged, the share for which base value
    plus contributions lie further from the logged score than the tolerance, in margin space, with its Wilson interval.
    The tolerance is the one stored beside them (precision of the model and of the logged number) unless it is given. A
    logged number that can be no score of the model at all counts as too far. Every stored attribution counts, those of
    several methods for one decision alike.

    Why it matters: reasons are only worth something if they are those of the score that decided (12 CFR 1002.9(b)(2));
    contributions of another model, another version or other inputs look just as convincing.

    Example:
        - id: explanations-are-of-the-logged-score
          kind: explanation-reproduction
          by: [[], [model, model_version]]
          max_share: 0
          severity: high

    Fields:
        max_share: Share of attributions that are too far above which the check fails; exactly on it passes.
        tolerance: Largest distance in margin space, instead of the stored one.

    Attributions of decisions without a logged score are counted as `without_score` and judge nothing. One attribution
    is enough for a verdict unless `minimum_n` says otherwise.

    A failure can mean: another model or version decided than the one that is registered; the logged inputs are not
    those that were scored; a score that was calibrated, rounded or clipped after the model; or a wrong link or scale in
    the model's card.
    """

    needs: ClassVar[tuple[str, ...]] = ("attributions.*",)

    max_share: float = Field(default=0.0, ge=0, lt=1)
    tolerance: float | None = Field(default=None, gt=0)
    minimum_n: int = Field(default=1, ge=1)

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | ({"tolerance": self.tolerance} if self.tolerance is not None else {})

    def statement(self, scope: Scope) -> str:
        stored = " UNION ALL ".join(
            f"SELECT decision_id, score_error, score_tolerance FROM {identifier(view)}" for view in attributed(scope)
        )
        nothing = "SELECT NULL AS decision_id, NULL AS score_error, NULL AS score_tolerance WHERE false"
        limit = "$tolerance" if self.tolerance is not None else "a.score_tolerance"
        far = Measure("beyond", "is_beyond", "is_beyond IS NOT NULL", _ALSO)
        return (
            f"WITH stored AS ({stored or nothing}), records AS (SELECT {columns(self, scope)}a.score_error, "
            f"CASE WHEN a.score_tolerance IS NOT NULL THEN NOT coalesce(a.score_error <= {limit}, false) END "
            f"AS is_beyond, d.decision_ts AS ts, d.decision_id AS id FROM {decided(self, scope)} "
            "JOIN stored a ON a.decision_id = d.decision_id) "
            f"{shares(self, [far], 'records', ids='of_decisions')} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        counts = {
            "attributions": row["records"],
            "beyond": row["marked"],
            "no_score_of_the_model": row["no_score"],
            "without_score": row["records"] - row["n"],
            "largest_error": row["largest_error"],
        }
        reason = None if row["n"] else f"no score was logged for any of the {row['records']} attributions"
        return observed(row, "beyond_tolerance_share", counts, reason)

    def limit(self) -> Mapping[str, Any]:
        own = {"max_share": self.max_share, "tolerance": self.tolerance}
        return {name: value for name, value in own.items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        said = f"{counts['beyond']:,} of {n:,} attributions do not lead to the logged score"
        if counts["largest_error"] is not None:
            said += f"; the largest distance is {counts['largest_error']:.3g}"
        if exceeds(counts["beyond"], n, self.max_share):
            reason = f"{who}{said} ({observation.value:.1%}, above {percent(self.max_share)})"
            return Judgement(Verdict.FAILED, reason, self.limit())
        return Judgement(Verdict.PASSED, f"{who}{said}" if who or counts["beyond"] else None, self.limit())


_ALSO = (
    "count(*) FILTER (is_beyond AND score_error IS NULL) AS no_score, "
    "max(score_error) FILTER (is_beyond IS NOT NULL) AS largest_error"
)
